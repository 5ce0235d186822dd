/** Limits of imports and exports, each with its reason. */

/** Characters of a line: a time, a value, and columns that are left out. */
export const maxLineUnits = 4096;

/** Lines of a request: as many as a node takes in one body. A chunk of a file has as many, and its header. */
export const chunkLines = 9_999;

/** Characters of a chunk: with long lines it has fewer of them, so that it fits into a body. */
export const chunkUnits = 1024 * 1024;

/** Bytes read from a file at a time. */
export const readBytes = 256 * 1024;

/** Files at a time: enough to keep two processors busy, and few enough that each request is answered soon. */
export const defaultConnections = 4;
export const maxConnections = 64;

/** How long a request may take: a node that is overloaded answers within that. */
export const requestTimeoutMs = 30_000;

/** Between attempts of one request, doubling; a node says by `Retry-After` when it knows better. */
export const firstRetryMs = 100;
export const maxRetryMs = 5_000;
/** A node that takes nothing for so long is given up: it can be started again within that. */
export const giveUpMs = 120_000;

/** A request is sent again under its key for so long; the node remembers keys for 10 minutes. */
export const repeatableMs = 9 * 60_000;

/** Bad lines of a file that are told; the others are counted, unless a file is to get all of them. */
export const toldBadLines = 10;

/** Names of a page of a list. */
export const listPage = 1000;

/** Points of a request for a history: what a node answers at most. */
export const requestPoints = 2500;
