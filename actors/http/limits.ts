/** Limits and defaults of the HTTP edge, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export interface HttpLimits {
  /** Bytes of a body, on the wire and after decompression: 10,000 readings of 800 bytes. */
  readonly maxBodyBytes: number;
  /** Bytes that all bodies on their way in may hold together, though at least one of the largest fits. */
  readonly maxBodiesBytes: number;
  /** Bytes that answers may hold together which their clients have yet to read. */
  readonly maxAnswersBytes: number;
  /** How long a client may take to read an answer: as long as to send a body. */
  readonly answerDeadlineMs: number;
  /** How long requests may wait for a turn before those that arrive are refused: what a client still takes for slow. */
  readonly maxTurnWaitMs: number;
  /** Items of a body: what one thread parses in a few tens of milliseconds, so that no body stalls the others. */
  readonly maxBodyItems: number;
  /** How long a body may take to arrive: 8 MiB on a line of 2 Mbit/s, and the end of a client that stalls. */
  readonly bodyDeadlineMs: number;
  /** How long a read waits for its shard: longer than a restart of a thread, shorter than a client's patience. */
  readonly askDeadlineMs: number;
  /** Items of a page of a list, unless asked otherwise. */
  readonly defaultPage: number;
  readonly maxPage: number;
  /** Points of one history answer: more than a week in steps of 5 minutes. */
  readonly maxHistoryPoints: number;
  /** Rows read from the store at a time while a history is put together. */
  readonly historyRowsPage: number;
  /** An older answer that a checkpoint has published is not given: the actor is asked. */
  readonly maxPublishedAgeMs: number;
  /** The same of what a cached read was answered by the actor, which no checkpoint renews. */
  readonly maxRememberedAgeMs: number;
  /** Listeners of the live feed: each costs a connection and a copy of the event once a second. */
  readonly maxListeners: number;
  /** Items a second of one actor, history and remote write apart; null: as many as come. */
  readonly maxRatePerId: number | null;
  /** Requests and items a second of one client address; null: as many as come. */
  readonly maxRatePerClient: number | null;
  /** Bytes an idempotency key may have: it is hashed, never stored. */
  readonly maxKeyBytes: number;
}

export const defaultHttpLimits: HttpLimits = {
  maxBodyBytes: 8 * MiB,
  // With the copies that reading and decoding make, some 200 MB at worst.
  maxBodiesBytes: 64 * MiB,
  maxAnswersBytes: 64 * MiB,
  answerDeadlineMs: 30_000,
  maxTurnWaitMs: 1000,
  maxBodyItems: 10_000,
  bodyDeadlineMs: 30_000,
  askDeadlineMs: 10_000,
  defaultPage: 100,
  maxPage: 1000,
  maxHistoryPoints: 2500,
  historyRowsPage: 5000,
  // Of actors that change all the time, each has its turn by then (`defaultPublishingLimits`): 10,000 panels in 8 shards
  // take half as long. The answer says how old it is.
  maxPublishedAgeMs: minuteMs,
  maxRememberedAgeMs: 5000,
  maxListeners: 100,
  // A sensor that sends more has lost its mind; one that works sends a hundredth of it.
  maxRatePerId: 1000,
  // Off, as in nginx and Envoy: behind a proxy or a router, all clients may have one address.
  maxRatePerClient: null,
  maxKeyBytes: 255,
};

/** How long `GET /cluster` waits for the brokers and the store: who looks there when they are away, wants the rest soon. */
export const clusterDeadlineMs = 3000;

/** How long a list of all nodes waits for each: it answers from memory, and one that does not is named. */
export const gatherDeadlineMs = 2000;

/** A sender that is refused as too many hears of it so late: of 2,000 that do not wait, 4,000 refusals a second at most. */
export const refusalPauseMs = 500;

/** Requests, and bodies, are worked on for so long before whatever else waits has its turn: nobody feels it. */
export const turnSliceMs = 10;

/** A rate's share of so many seconds may come at once: a body of the largest size, by the default rate of an id. */
export const rateBurstSeconds = 10;

/**
 * Actors of a kind and clients whose rates are known at a time, as 4 · 2^n: more than have sent within a moment. An actor
 * that sends at its rate is at rest after a second's fraction, so that few are remembered.
 */
export const idRateSetBits = 14;
export const clientRateSetBits = 12;

/** How far a history reaches back when nothing is asked. */
export const defaultHistorySpanMs = 24 * hourMs;

/** Between two events of the live feed: the page counts seconds. */
export const feedIntervalMs = 1000;

/**
 * A listener that has missed so many events in a row is dropped: its place is another's. What the kernel buffers for it
 * comes before the first that it misses: some megabytes.
 */
export const maxMissedEvents = 30;

/** Actors of a kind that the live page follows: all of what a host says of itself, and a screenful of sensors. */
export const maxMovingPerKind = 32;

/** Items of a body whose actors are noted as moving: enough to see what one sends by hand, too few to be felt. */
export const maxNotedPerBody = 8;

/** An actor that moved so lately keeps its place among the followed, so that the table can be read. */
export const movingHoldMs = 5000;

/** How long the live feed waits for one actor's windows: less than its interval. */
export const feedAskDeadlineMs = 800;

/** Channels of an actor in an event of the live feed: more would not fit a screen. */
export const maxFeedChannels = 8;

/** Longer answers are handed over in pieces of this length, as they are read: a socket's buffer begins with so much. */
export const largeAnswerBytes = 16 * KiB;

/** Levels of nesting in a body: items have three, and room for those of other kinds. */
export const maxDepth = 32;

/**
 * Bodies up to this length, where it is known, are read in one piece: twice as fast as a stream. A larger one is
 * read as a stream, which can be given up; and a stream's memory begins with so much.
 */
export const onePieceBytes = 64 * KiB;

/** Smaller bodies are not searched for nesting: however deep they are, parsing takes less than a millisecond. */
export const harmlessBytes = 16 * KiB;
