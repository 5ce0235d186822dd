/** Limits and defaults of scraping, each with its reason. */

const MiB = 2 ** 20;

/** Series of a source at most: each is an actor. More than that is several sources. */
export const maxSourceSeries = 100_000;
/** Unless told otherwise: a node exporter has some 1,000, and whoever scrapes more by mistake is told so. */
export const defaultSourceSeries = 5000;

/** Bytes of a target's page: 50,000 series. A page of more is a mistake, and takes a tenth of a second to read. */
export const maxPageBytes = 10 * MiB;
/** Bytes of a server's answer: we ask for `samplesPerQuery`, of some 30 bytes each, and it may have more series than last time. */
export const maxQueryBytes = 16 * MiB;
/** Of all answers on their way in, so that many large ones at a time do not end the node. */
export const maxBytesUnderWay = 128 * MiB;

/** Units of one line: 1,024 bytes of an id, each escaped, and an exemplar. Reading it takes memory for each unit. */
export const maxLineUnits = 64 * 1024;

/** Scrapes at a time: those that hang take a place, some memory and a socket until their time-out. */
export const scrapesAtOnce = 128;
/** Scrapes that wait besides those: more sources than a node could read. */
export const maxWaitingScrapes = 10_000;
/** For the log to take the samples, after the time that the target itself has. */
export const sendDeadlineMs = 10_000;

/** Messages that are sent at once: sorting them into frames takes some milliseconds of the main thread. */
export const samplesPerBatch = 5000;

/** Series known from the last scrapes, of all targets of a node: some 100 MiB. */
export const maxKnownSeries = 500_000;

/** What a person is shown of what was refused: enough to see why. It is part of the source's state. */
export const examplesPerReason = 2;
export const maxExampleUnits = 200;

/** Unless told otherwise, as Prometheus does. */
export const defaultTimeoutMs = 10_000;

/** Points of a series that Prometheus answers to one query at most (web/api/v1: "exceeded maximum resolution of 11,000 points"). */
export const maxQueryPoints = 10_000;
/** Samples that one query is to answer: 2 MB of JSON, which takes some 50 ms of the main thread. */
export const samplesPerQuery = 50_000;
/** What is older than that is history that is brought in, and not late. */
export const importAgeMs = 3_600_000;

/** Selectors of a source: each is a query, again and again. */
export const maxSelectors = 16;
/** Labels that a source puts to its series, and series that it renames. */
export const maxSourceLabels = 32;
export const maxLabelUnits = 200;
export const maxRenames = 200;
export const maxUrlUnits = 2000;
