/** Limits and defaults of the readers of foreign topics, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** Bytes of one partition in a fetch: about 2,000 readings, some milliseconds of parsing. A larger record comes alone. */
export const fetchPartitionBytes = 256 * KiB;
export const fetchBytes = 4 * MiB;

/** Bytes of records read and not yet durable at which a partition is paused; a batch that was queued comes all the same. */
export const maxHeldBytes = 1 * MiB;

/** How long a fetch waits for records: below the heartbeat's interval, as the client's heart beats between fetches. */
export const fetchWaitMs = 500;

/** How often offsets are committed: what a restart reads once more, and drops. */
export const commitIntervalMs = 1000;

/** Pauses between attempts to hand records over. */
export const firstPauseMs = 50;
export const lastPauseMs = 2000;

/** Partitions of a topic that is made. */
export const newPartitions = 2;
