/** Limits of what is written to us, each with its reason. */

/** Bytes of a request when it is unpacked: Prometheus sends 2,000 samples at most, some 400 KiB. */
export const maxUnpackedBytes = 32 * 1024 * 1024;

/** Series of one request: more than any sender known to us puts into one. */
export const maxRequestSeries = 100_000;

/** Bytes of one series' labels: an id has 1,024 bytes. */
export const maxLabelBytes = 4096;

/** Labels of a series that are told as an example when it is refused. */
export const toldLabels = 200;

/** How often a node looks what is to be taken: one question to the actor that keeps it. */
export const followEveryMs = 1000;
/** Between two looks while that does not answer. */
export const maxFollowPauseMs = 5000;
export const followDeadlineMs = 10_000;
