/** Limits and defaults of analyses, each with its reason. */

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/** Rules that may want an analysis of one series; as many as may select it. */
export { maxRuleName, maxRulesPerSeries } from "../series/limits.ts";

/** What is analysed is one-minute history: oftener there is nothing new. */
export const minEveryMs = 10 * secondMs;
export const maxEveryMs = 24 * hourMs;

/** What metadata are made of. */
export const metadataSpanMs = 24 * hourMs;
/** What forecasts are fitted to: two weeks would show a season of a week, and fit for seconds. */
export const forecastSpanMs = 24 * hourMs;

/** One point of a forecast; one pane of the history. */
export const stepMs = minuteMs;

/** The next ten minutes, unless told otherwise; more than a day ahead minutes say nothing. */
export const defaultHorizonMs = 10 * minuteMs;
export const maxHorizonMs = 24 * hourMs;
/** On a schedule: its path, and the one that is to be judged, are kept and sent as requests (`maxRequestUnits`). */
export const maxScheduledHorizonMs = 6 * hourMs;

/** A fit is used so long, if what it forecasts comes true. */
export const refitMs = hourMs;
/** Its errors are so many times what they were in its back-test: the series has changed, and it is fitted again. */
export const driftRatio = 2;
/** A fit is given so many forecasts before it is judged by them: one of them is chance. */
export const driftForecasts = 3;

/** A series that has grown so much since its fit may show what it did not then: seasons, and how far off methods are. */
export const outgrownRatio = 1.5;

/** Outcomes of earlier forecasts that are remembered: an afternoon of forecasts of ten minutes. */
export const keptJudgements = 24;

/** First analyses begin within so long, so that thousands of series that one rule selects do not all begin at once. */
export const spreadMs = 10 * secondMs;

/** A series with too few values is looked at again after that: a minute brings one more. */
export const unknownMs = minuteMs;

/** Time for an analysis: it waits for those of other series, which take up to a second each. */
export const analysisDeadlineMs = 5 * minuteMs;
/** Time for one long sum, the wait for a thread included. */
export const computeDeadlineMs = 2 * minuteMs;
/** A result waits so long for a topic that cannot be reached; the next one is as good. */
export const resultDeadlineMs = hourMs;

/** Analyses at a time on a node: one that reads while another computes. */
export const analysesAtOnce = 2;
/** Analyses that wait besides: those of as many series. */
export const maxWaitingAnalyses = 20_000;

/** Of one read of a series. */
export const askDeadlineMs = 10 * secondMs;
/** Rows of history in one read: 24 h of one-minute panes are 96. */
export const historyRowsPage = 512;

/** Memory of an analysis: a fit, two forecasts and metadata are some kB of JSON; measured as objects. */
export const analysisBytes = 24 * 1024;
/** And of each step of its forecasts: two paths with four bounds each, and how far off each step is; rounded up. */
export const forecastStepBytes = 128;
