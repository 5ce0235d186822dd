/** Limits and defaults of the readers of foreign topics, each with its reason. */

const MiB = 1024 * 1024;

/** Bytes of one partition in a fetch: about 8,000 readings, a full append. A larger record comes alone. */
export const fetchPartitionBytes = 1 * MiB;
export const fetchBytes = 4 * MiB;

/** Bytes of records read and not yet durable at which a partition is paused; a batch that was queued comes all the same. */
export const maxHeldBytes = 3 * MiB;

/** How long a fetch waits for records: below the heartbeat's interval, as the client's heart beats between fetches. */
export const fetchWaitMs = 500;

/** How often offsets are committed: what a restart reads once more, and drops. */
export const commitIntervalMs = 1000;

/** Pauses between attempts to hand records over. */
export const firstPauseMs = 50;
export const lastPauseMs = 2000;

/** Partitions of a topic that is made. */
export const newPartitions = 2;
