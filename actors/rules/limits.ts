/** Limits and defaults of rules, each with its reason. */

/** Series of a rule at most: their ids are in its state, which is rewritten when one is added. */
export const maxRuleSeries = 5000;
/** Unless told otherwise: whoever writes a rule too wide is told so before it costs much. */
export const defaultRuleSeries = 100;

/** Series that are told in one turn what a rule wants: two messages each, which may all be for its own shard. */
export const maxToldAtOnce = 250;

/** Ids of one answer of the selector, and units of their text: a message of a shard's log. */
export const maxIdsPerAnswer = 500;
export const maxUnitsPerAnswer = 64 * 1024;

/** Ids read from the store at a time: matching them takes a few milliseconds of the main thread. */
export const listedAtOnce = 1000;

/**
 * From when a rule is configured to its second look; then twice as long each time, until it is as long as the rule says.
 * What it is for often begins to send at about the same time.
 */
export const firstLookPauseMs = 1000;

/** Time for a look at all series: a million are a thousand pages. */
export const lookDeadlineMs = 60_000;

/** Looks at a time on a node, and such that wait: one after another is soon enough for what happens once a minute. */
export const looksAtOnce = 1;
export const maxWaitingLooks = 1000;

/** How long the selector waits for what the rule that asks has selected already. */
export const askDeadlineMs = 10_000;

/** How old what is known of rules may be where history is brought in, a body after the other: asking makes a checkpoint. */
export const knownRulesMs = 1000;

/** Memory of a rule besides its series, and of each of them: an id of some 100 characters, twice at most. */
export const ruleBytes = 1024;
export const selectedBytes = 250;
