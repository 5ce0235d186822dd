/** Limits of results and their tables, each with its reason. */

/** UTF-8 bytes of a record: a forecast of a day in minutes is 150 KiB. */
export const maxResultBytes = 512 * 1024;

/** Records stored in one transaction: a reader that was away catches up by such steps. */
export const storedAtOnce = 500;

/** Rows deleted in one transaction when they are too old: deleting must not hold those who store. */
export const deletedAtOnce = 1000;
/** Between two looks for rows that are too old. */
export const deletionIntervalMs = 60_000;

/** Beginning of a record that was refused, kept for a person to look at. */
export const refusedUnits = 200;
/** Refused records that are kept, the newest. */
export const maxRefused = 10_000;

/** Partitions of the topic when it is made here; results of one series are in one of them, in order. */
export const newPartitions = 2;

/** Text that the local log may deliver before it is stored. */
export const heldUnits = 4 * 1024 * 1024;

/** Results under way to the topic at a time, and such that wait. */
export const sendsAtOnce = 32;
export const maxWaitingSends = 20_000;

/** Points of forecasts that one answer may have. */
export const pageResults = 500;
