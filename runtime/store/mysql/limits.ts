/** Limits of the store on MySQL, each with its reason. */

const MiB = 1024 * 1024;

/** How long connecting may take: a server that stands still accepts, and says nothing. */
export const connectDeadlineMs = 3000;

/** How long a statement may take: many times what 8 MB take, and shorter than a caller waits for a commit. */
export const statementDeadlineMs = 10_000;

/** How long a ping may take before the server counts as away: nothing that works is so busy. */
export const pingDeadlineMs = 5000;

/** Between two pings. */
export const pingIntervalMs = 1000;

/** Between two attempts to connect while the server is away. */
export const reconnectIntervalMs = 500;

/** For so long, a transaction is tried again after deadlocks and lost connections. */
export const retryBudgetMs = 15_000;

/** Lock waits, in whole seconds as the server counts them: after it, a claimer ends the connection that holds the row. */
export const lockWaitSeconds = 1;

/** Lock waits of one claim: after the first the owner's connection is ended, and a server may take a moment for that. */
export const maxLockWaits = 3;

/** Tries of a claim whose row changes between reading and taking it, a millisecond: its owner commits 40 times a second. */
export const maxClaimRounds = 10;

/** How long a node waits for another one that makes the tables, in seconds. */
export const migrationWaitSeconds = 5;

/** Connections that read: a slow page of history must not hold up the loads of a shard. */
export const readConnections = 3;

/** Calls that wait for a connection: all shards of a node with their prefetches, many times over. */
export const maxWaitingCalls = 1000;

/** Bytes of rows in one statement: with what surrounds them, its packet stays under 8 MB. */
export const statementBytes = 6 * MiB;

/**
 * Rows of one statement, a power of two; what is left over goes in smaller powers, so that few statements are prepared.
 * 10,000 snapshots of 400 B took 115 ms with 500 rows each and no more with 100; unprepared 165.
 */
export const statementRows = 256;

/** Ids asked for in one statement: above 1,000, MariaDB makes a temporary table of them. */
export const idsPerStatement = 500;

/** Longest kind and reason in bytes. */
export const labelBytes = 255;

/** Longest id in bytes. */
export const idBytes = 1024;
