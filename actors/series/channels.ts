/**
 * The channels of a series, and which of them is analysed.
 *
 * 1. What is analysed follows from what rules want of the series now. Which channels it has says nothing of that: an
 *    actor never forgets one, and `rate` gets no values any more once no rule wants it.
 */

/** The channel of a series' own values. */
export const seriesChannel = "value";
/** The channel of a counter's growth per second, where a rule asks for it. */
export const rateChannel = "rate";
export const seriesChannels = [seriesChannel, rateChannel] as const;

export type SeriesChannel = typeof seriesChannels[number];

/** Why a channel tells nothing that has no values; completes "not enough information because …". */
export function noValuesIn(channel: SeriesChannel): string {
  return channel === seriesChannel
    ? "it has no values yet"
    : "it has no rate yet: growth is told of at each value that is newer than all that came before it";
}

/** A counter is only known by its growth: values, metadata, forecasts and scores are of that. */
export function analysedChannel(wantsRate: boolean): SeriesChannel {
  return wantsRate ? rateChannel : seriesChannel;
}
