/** Limits and defaults of the core, each with its reason. */

export interface ShardLimits {
  /** Most milliseconds between checkpoints while nothing waits for one: what a crash may have to fold again. */
  readonly checkpointIntervalMs: number;
  /** How soon a checkpoint follows an effect: long enough to gather a few, short enough not to be felt. */
  readonly effectDelayMs: number;
  /** Folding time after which a checkpoint is due: bounds the refold after a crash by work, not only by time. */
  readonly foldBudgetMs: number;
  /**
   * Bytes of cold rows, and of the history that comes with them, above which a checkpoint leaves the other cold rows
   * that are due to the next one: their hot rows say the same, at greater length.
   */
  readonly maxColdBytes: number;
  /** Units of frame text folded since the last confirmed checkpoint at which folding waits for a commit. */
  readonly maxUnconfirmedBytes: number;
  /** Units of frame text the log may deliver ahead of the fold. */
  readonly deliveryWindowBytes: number;
  /** Local turns that one message may cause before the next is dead-lettered. */
  readonly maxLocalTurns: number;
  /** Outbox frames not yet acknowledged, over all targets, at which folding waits. */
  readonly maxUnackedFrames: number;
  /** Messages that one outbox frame may hold. */
  readonly maxFrameMessages: number;
  /** Memory of actors in bytes above which the least recently used are evicted. */
  readonly actorBytes: number;
  /** How long an idempotency key is remembered, log time. */
  readonly keyRetentionMs: number;
  /** Idempotency keys remembered at most; above it `keysFull` is true and the edge refuses keyed bodies. */
  readonly maxKeys: number;
  /** How long a gateway's number is remembered after its last frame, log time. */
  readonly gatewayRetentionMs: number;
  /**
   * How many frames ahead a load looks: after a takeover no actor is in memory, and loads come one after another.
   */
  readonly prefetchFrames: number;
  /**
   * Actors that one load brings for the fold, and as many for queries: it is taken in at one go, and 4,000 with full
   * rings kept a host from answering for a second.
   */
  readonly maxLoadActors: number;
  /** Actors with timers read from the store at a time. */
  readonly duePage: number;
  /** An actor that throws more than `failures` times within `withinMs` of log time is suspended. At most 255. */
  readonly failureIntensity: { readonly failures: number; readonly withinMs: number };
  /** What may wait for a suspended actor, in messages and in units of text; the rest is dead-lettered. */
  readonly maxParkedMessages: number;
  readonly maxParkedUnits: number;
  /** Requests that have no outcome yet, by count and by units of text; further ones fail at once as "overloaded". */
  readonly maxOpenRequests: number;
  readonly maxOpenRequestUnits: number;
}

export interface PublishingLimits {
  readonly intervalMs: number;
  /** Answers of one checkpoint, and the time that they may take; folding waits meanwhile. */
  readonly maxAnswers: number;
  readonly maxMs: number;
  /** Actors whose answers are due; further ones are published when they change again. */
  readonly maxWaiting: number;
}

/**
 * Once a second for 5 ms: half a percent of a thread's time for each shard. A panel of four full channels takes 110 µs, a
 * sensor of one 28 µs (2 cores): of 10,000 in 8 shards that all change, each has its turn every 28 or 7 s.
 */
export const defaultPublishingLimits: PublishingLimits = {
  intervalMs: 1000,
  maxAnswers: 200,
  maxMs: 5,
  maxWaiting: 100_000,
};

const KiB = 1024;
const MiB = 1024 * KiB;
const minuteMs = 60_000;

export const defaultShardLimits: ShardLimits = {
  checkpointIntervalMs: 1000,
  effectDelayMs: 25,
  foldBudgetMs: 200,
  // 500 full rings. Without a bound, 50,000 actors that fill in step made checkpoints of 50 MB in every shard at once.
  maxColdBytes: 4 * MiB,
  maxUnconfirmedBytes: 32 * MiB,
  deliveryWindowBytes: 2 * MiB,
  maxLocalTurns: 10_000,
  maxUnackedFrames: 1000,
  maxFrameMessages: 4096,
  actorBytes: 64 * MiB,
  keyRetentionMs: 10 * minuteMs,
  maxKeys: 2_000_000,
  // As long as a key: a client that repeats later than this is told by its key anyway.
  gatewayRetentionMs: 10 * minuteMs,
  prefetchFrames: 16,
  maxLoadActors: 200,
  duePage: 1000,
  // A throw costs its shard a refold of up to `foldBudgetMs`: five a minute are less than 2 % of its time.
  failureIntensity: { failures: 5, withinMs: minuteMs },
  // They are part of the hot row, which is rewritten whenever one more is parked.
  maxParkedMessages: 100,
  maxParkedUnits: 64 * KiB,
  // All of them are in memory, and are read and sent again by a claim: about 50 ms of it.
  maxOpenRequests: 10_000,
  maxOpenRequestUnits: 16 * MiB,
};

/**
 * Memory that the heap takes for a byte of objects that live in it: V8 lets it grow by more than half before it collects
 * old objects, which those of evicted actors are. With 380,000 actors of 1 KB the heap swung between 370 and 620 MiB.
 */
export const heapRatio = 1.6;

/** UTF-8 bytes of an id at most: a key column of 1,024 bytes in every store. */
export const maxIdBytes = 1024;

/** How far ahead of the log's clock a reading's time may be. */
export const maxAheadMs = 5 * minuteMs;

/** Timers of one actor at most: they are part of its hot row. */
export const maxTimers = 1000;

/** How long a request may take, log time: as long as a person waits for a page, unless its actor says otherwise. */
export const defaultRequestDeadlineMs = 30_000;
/** An open request costs its shard memory and every claim a repeat: nobody waits longer than a day. */
export const maxRequestDeadlineMs = 24 * 60 * minuteMs;
/** Units of JSON text of a request's body: what is larger is a file, and its name is enough. */
export const maxRequestUnits = 64 * KiB;

/** Units of the sentence that says why an actor is suspended: an error's message may be of any length. */
export const maxSuspensionDetail = 500;

/** Suspended actors that a shard lists: they are part of its row and of every report to the main thread. */
export const maxListedSuspensions = 1000;

/**
 * Partitions of foreign topics of which a shard remembers the last record: they are part of its row, which is written with
 * every checkpoint. Readers refuse topics with more: a shard would stop.
 */
export const maxSourcePartitions = 4096;

/** Actors of a shard that are traced at a time: more than a person looks at. Each holds at most 50 KB. */
export const maxTracedActors = 100;

/** Messages of a trace, and units of text of each: a screen or two. */
export const maxTracedMessages = 50;
export const maxTracedUnits = 1000;

/** How long an actor is traced after somebody asked last, log time. */
export const traceRetentionMs = 10 * minuteMs;

/** Units of text of the frames that a shard keeps after it has folded them: for the first answer of a trace. */
export const recentFrameUnits = 256 * KiB;
