/** Limits of the hot state, each with its reason. */

/** Memory of all entries at most: 20,000 answers of 1 KB and their keys, more than any page shows at a time. */
export const maxHotBytes = 32 * 1024 * 1024;

/** What an entry costs besides its texts: object, numbers, place in the map. An estimate. */
export const entryOverheadBytes = 150;

/** Entries, and units of their texts, that wait for a slow server: some seconds of what a node publishes. */
export const maxQueuedEntries = 5000;
export const maxQueuedUnits = 16 * 1024 * 1024;

/** Entries sent at a time: a megabyte or so, which a server takes in some milliseconds. */
export const maxPutEntries = 200;

/** A read that takes longer is given up: the actor answers sooner. */
export const readDeadlineMs = 100;

/** A put that takes longer has failed. */
export const putDeadlineMs = 1000;

/** From the first packet of a connection until it can be used. */
export const connectDeadlineMs = 2000;

/** Between two looks at the server; one that does not answer in as long is connected to anew. */
export const lookIntervalMs = 1000;

/** Between two attempts to connect. */
export const reconnectMs = 250;

/**
 * How long a store keeps its prefix after the last node of it has looked: no node of a cluster that lives is silent for as
 * long, and the one that is put in its place waits no longer.
 */
export const storeLeaseMs = 10_000;

/** How long a store keeps its prefix after a node of it was closed: its other nodes look twice by then. */
export const releasedLeaseMs = 2 * lookIntervalMs;

/** How long a store that is closed may take to give its prefix back. */
export const releaseDeadlineMs = 250;

/** How long an entry outlives its last put: a day without a message, and nobody watches it any more. */
export const entryLifeMs = 24 * 60 * 60 * 1000;
