/** Limits and defaults of the readers of foreign topics, each with its reason. In their group they are as the log's. */

const MiB = 1024 * 1024;

/** Bytes of one partition in a fetch: about 8,000 readings, a full append. A larger record comes alone. */
export const fetchPartitionBytes = 1 * MiB;
export const fetchBytes = 4 * MiB;

/**
 * Bytes of a topic's records, of all its partitions, read and not yet durable, at which no more are fetched: two
 * fetches, so that one comes in while the other is on its way out.
 */
export const maxHeldBytes = 8 * MiB;

/** How long a fetch waits at the broker for records; it answers at once when there are some. So long a stop may take. */
export const fetchWaitMs = 500;

/** The client library tries again so often before this life of the reader ends, and the next begins. */
export const retries = { retries: 5, initialRetryTime: 100, maxRetryTime: 1000 } as const;

/** How often offsets are committed: what a restart reads once more, and drops. */
export const commitIntervalMs = 1000;

/** How often the topic is looked at: where its partitions end, and how many there are. Four requests. */
export const lookIntervalMs = 5000;

/** Pauses between two lives of a reader. */
export const firstPauseMs = 50;
export const lastPauseMs = 2000;
/** After a refusal, which somebody has to mend. */
export const refusedPauseMs = 5000;

/** How long trouble that may pass by itself is kept quiet: a broker that starts refuses for moments. */
export const quietMs = 5000;

/** How long the shards may take to say how far the topic is folded: they fold what they have first. */
export const askDeadlineMs = 30_000;

/**
 * At a stop, twice: for records on their way to become durable, then for the last commit and for the connections to
 * close. Less than the source's supervisor waits. What is not done by then is read again by the next reader, and dropped.
 */
export const closeDeadlineMs = 2000;

/** Partitions of a topic that is made. */
export const newPartitions = 2;
