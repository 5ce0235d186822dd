/** Limits and defaults of the window component, each with its reason. */

const MiB = 1024 * 1024;

export const minuteMs = 60_000;

/** Typed arrays that slabs are cut from: large enough to be few, small enough that a class's rest wastes little. */
export const chunkBytes = MiB;

/** Chunks without owners that a pool keeps for its next blocks: as many as a wave of growing actors leaves at once. */
export const maxSpareBytes = 4 * MiB;

/** Panes a channel has room for: few at first, the whole ring in the end. Most short-lived ids never pass 16. */
export const blockCapacities = [4, 16, 123] as const;

/** Channels one reading may carry: the largest devices known to us report about 40. */
export const maxReadingChannels = 64;

/** Characters of a channel's name. */
export const maxChannelName = 64;

/** Channels one actor may gather over its life: a device that invents names must not grow without end. */
export const maxActorChannels = 1024;

/** Items of the short lists kept for a person to look at (late readings, too old numbers). */
export const recentItems = 5;

/** Log time between two rewrites of an actor's ring row: a ring row is 7 to 15 times a hot row. */
export const coldIntervalMs = 5 * minuteMs;

/** Bytes that a hot row should not pass by much: it is rewritten at every checkpoint in which the actor changed. */
export const hotRowBytes = 1024;

/**
 * Changed panes per channel that a hot row may always hold. An actor with dozens of channels passes
 * `hotRowBytes` with its first pane; rewriting its whole ring each time instead would cost twenty times as much.
 */
export const minHotPanes = 8;

/** Windows that every channel answers, by their name in answers. */
export const windowSpans: Readonly<Record<string, number>> = {
  "1h": 60 * minuteMs,
  "3h": 3 * 60 * minuteMs,
  "12h": 12 * 60 * minuteMs,
};
