/** Limits of results and their tables, each with its reason. */

/** Bytes of a result's id and of its series: the tables' keys have columns of so many, and an index takes 3,072. */
export const maxIdBytes = 1200;
export const maxSeriesBytes = 1024;

/** UTF-8 bytes of a record: a forecast of a day in minutes is 150 KiB. */
export const maxResultBytes = 512 * 1024;

/** Records stored in one transaction: a reader that was away catches up by such steps. */
export const storedAtOnce = 500;

/** Rows of one statement: one by one, MySQL stores a quarter as many a second. */
export const insertedAtOnce = 50;
/** UTF-16 units of their texts, which quoting may double: servers take statements of 16 MiB. */
export const insertedUnits = 4 * 1024 * 1024;

/** Rows deleted in one transaction when they are too old: deleting must not hold those who store. */
export const deletedAtOnce = 1000;
/** Between two looks for rows that are too old. */
export const deletionIntervalMs = 60_000;

/** Bytes of a refused record that are kept, from its beginning, for a person to look at. */
export const refusedBytes = 200;
/** Refused records of a partition that are kept, the newest. */
export const maxRefused = 10_000;

/** Between two lines of the task that stores results alone: a person reads along. */
export const tellIntervalMs = 10_000;

/** Partitions of the topic when it is made here; results of one series are in one of them, in order. */
export const newPartitions = 2;

/** Text that the local log may deliver before it is stored. */
export const heldUnits = 4 * 1024 * 1024;

/** Results under way to the topic at a time, and such that wait. */
export const sendsAtOnce = 32;
export const maxWaitingSends = 20_000;

/**
 * Rows looked through for one page of what a selector matches, by one statement: SQLite reads on the main thread, and of a
 * wide time it sorts all rows for each (0.2 s for 400,000).
 */
export const scannedRows = 10_000;
/** Results whose rows are read by one statement. */
export const readAtOnce = 100;
