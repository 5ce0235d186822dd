/** Limits of the hot state, each with its reason. */

/** Memory of all entries at most: 20,000 answers of 1 KB and their keys, more than any page shows at a time. */
export const maxHotBytes = 32 * 1024 * 1024;

/** What an entry costs besides its texts: object, numbers, place in the map. An estimate. */
export const entryOverheadBytes = 150;
