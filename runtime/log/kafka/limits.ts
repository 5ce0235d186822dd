/** Limits and defaults of the log on Kafka, each with its reason. Bytes of text are UTF-16 units. */

const KiB = 1024;
const MiB = 1024 * KiB;

/** Text of one send: about 20 ms of encoding, so that what waits behind it does not wait long. */
export const sendBytes = 4 * MiB;

/** Text of one `append` at most: twice what a gateway appends at once. */
export const maxAppendBytes = 8 * MiB;

/** `max.message.bytes` of the topic: one append's frames are one batch, and a unit of text is up to 3 bytes of it. */
export const maxBatchBytes = 3 * maxAppendBytes + 1 * MiB;

/** Text waiting to be sent; above it appends are refused as "unavailable" and the caller slows down. */
export const queuedBytes = 64 * MiB;

/** A send under way for so long means that no broker answers: further appends fail at once. */
export const stalledAfterMs = 2000;

/** When a send ends as "unknown": before a caller in another thread gives up its call, at 30 s. */
export const sendDeadlineMs = 25_000;

/** Kafka's own client library tries again so often, after at most this long each: it is back so soon after the broker. */
export const retries = { retries: 100, initialRetryTime: 100, maxRetryTime: 300 } as const;

/** Between fetches from a broker that is gone: its partitions have another leader some seconds after its death. */
export const lostBrokerPauseMs = 100;

/** Longer than a broker that was killed takes to come back, and than the others wait for a member. */
export const heartbeatSilenceMs = 20_000;

/** For calls whose callers try again by themselves, and while opening. */
export const fewRetries = { retries: 1, initialRetryTime: 100, maxRetryTime: 200 } as const;

/** How long the brokers may take to accept a connection, to say who they are, and to answer. */
export const connectionTimeoutMs = 2000;
export const authenticationTimeoutMs = 5000;
export const requestTimeoutMs = 10_000;

/** Between attempts to reach the brokers again. */
export const reconnectMs = 300;

/**
 * Connections that are closed at once may mean a broker that starts, or a proxy in front of one that does: after the
 * first time it is said what is waited for, and after the second the broker is taken to want TLS or credentials, or
 * neither.
 */
export const closedNoticeMs = 1500;
export const closedRefusalMs = 15_000;

/** How often the brokers are asked whether they are there while nothing is appended, and how long they may take. */
export const watchIntervalMs = 1000;
export const watchDeadlineMs = 3000;

/** Callers of `extent` who come within this time share one request. */
export const extentGatherMs = 5;

/** DeleteRecords at most so often: each writes to the broker's metadata. */
export const trimIntervalMs = 1000;

/**
 * A partition that gets credit while a fetch waits is in the next one: this long later at most. Ten empty fetches a
 * second cost a percent of a core.
 */
export const fetchWaitMs = 100;
/** Of one fetch, so that what is queued between the broker and the subscribers stays small. */
export const fetchBytes = 4 * MiB;
/** Of one partition: four times a usual frame, so that a batch of several fits when it is not the first. */
export const fetchPartitionBytes = 1 * MiB;

/** Of one compressed batch of a foreign topic: brokers take 1 MiB of one unless told otherwise, and JSON shrinks to a tenth. */
export const maxDecompressedBytes = 64 * MiB;

/**
 * Records of a foreign topic that travel to their shard together: so few are decoded at a time that collections of young
 * memory find little to copy.
 */
export const recordFrameBytes = 64 * KiB;

/** How soon a partition that ends before what was read of it is looked at again. */
export const beyondRetryMs = 5000;

/** The least that brokers allow by default: so long a member that died unnoticed keeps its partitions. */
export const sessionTimeoutMs = 6000;
/**
 * A member learns by its heartbeat that another came or left, and reads nothing until the last has learned it: what the
 * others keep pauses for so long, and for a fetch. Ten heartbeats a second cost a quarter of a percent of a core.
 */
export const heartbeatMs = 100;
/** How long the others wait for a member that died or hangs, when one comes: many times what a busy one takes. */
export const rebalanceTimeoutMs = 3000;

/** Who asks about the group within this time shares one request. */
export const groupGatherMs = 5;
/** How long asking about the group, or taking a member out of it, may take in all, and between attempts. */
export const groupDeadlineMs = 3000;
export const groupRetryMs = 50;
/** How long the table waits for the nodes to agree: longer than for one that is dead. */
export const agreeingDeadlineMs = rebalanceTimeoutMs + 2000;

/** How long a member that is told that it is none keeps its shards: several times what joining takes. */
export const rejoinMs = 1000;
/**
 * And one that hears nothing, where others have shards, too: a broker that was killed is back by then, and remembers its
 * members.
 */
export const silenceMs = 15_000;
/** How often that is looked at. */
export const membershipWatchMs = 250;

/** How long a connection waits, when it is closed, for brokers that do not answer. */
export const closeDeadlineMs = 2000;
/** How long `close` waits for what is being appended: with brokers that answer, 64 MiB of it are sent by then. */
export const closeSendMs = 2500;
/** All of `close`: the node's stop gives the log and the store 5 s together, and the store needs hardly any of it. */
export const closeMs = 4500;

/** How often the number of each topic's partitions is looked at: one request. */
export const partitionsLookMs = 5000;
