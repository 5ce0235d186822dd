/** Limits and defaults of the load generator. */

/** More would make a lane's share of few sensors too small; it is also the most connections that can be used. */
export const maxLanes = 64;

/** Bodies of the back-fill: large ones cost the server less each, and nobody waits for one. */
export const historyBodyReadings = 500;

export const defaultConnections = 16;

/** A late reading is this late at least, so that it is late for every server... */
export const minLatenessMs = 2 * 60_000;
/** ...and at most this, so that it still falls into the 3 h that windows resolve well. */
export const maxLatenessMs = 2 * 3_600_000;

/** An attempt without an answer for so long is given up and repeated: longer than a restart of the server takes. */
export const attemptTimeoutMs = 15_000;

/** Waits between attempts of a body grow from the first to the second, unless the server says how long. */
export const firstRetryMs = 50;
export const maxRetryMs = 1000;
/** ...and then they are no longer than this: whoever drives a server wants to see soon that it takes readings again. */
export const maxRetryAfterMs = 2000;

/** A server that accepts no body at all for so long ends the run. */
export const giveUpMs = 120_000;

/** A server from which nothing comes for so long is waited for, and the display says so. */
export const silenceMs = 2000;

/** How long a stopped run waits for the answers to what it has sent. */
export const drainMs = 5000;

/** An answer is a short list of what was refused; a longer one is not from a Sensorium. */
export const maxAnswerBytes = 4 * 1024 * 1024;

/** Progress on a terminal is rewritten each second; elsewhere a line is written each 5 s. */
export const terminalProgressMs = 1000;
export const logProgressMs = 5000;
