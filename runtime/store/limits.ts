/** Limits and defaults of the stores, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Page of the file. With 10,000 of 50,000 hot rows changed per commit, 8 KiB took 109 ms, 4 KiB 167 and 16 KiB 129
 * (medians of 12 with a log of 16 MiB, on a busy machine): fewer pages to write than 4 KiB, fewer bytes than 16.
 */
export const pageBytes = 8 * KiB;

/**
 * Write-ahead log at which SQLite copies pages back into the file. Hot pages are rewritten every second, so a longer
 * log copies each of them once for many commits: 79 ms a commit with 4 MiB, 69 with 32 and no less with 128.
 */
export const walBytes = 32 * MiB;

/** Page cache: the pages that a commit touches. What else is read comes from the system's own cache. */
export const cacheBytes = 4 * MiB;
/** The same of the connection that reads: the upper pages of the indexes. */
export const readCacheBytes = 2 * MiB;

/**
 * File up to which opening checks every page and every index: 112 MiB take 400 ms from the page cache (the pages alone
 * 90). Of a larger file, the tables are checked that every claim needs, and the rows of the others are counted; a row is
 * checked whenever it is read.
 */
export const wholeCheckBytes = 128 * MiB;

/** How long opening waits for another process to let go of the file: a predecessor that is just ending. */
export const openWaitMs = 2000;

/**
 * Write-ahead log up to which copying back waits for a backup that copies the file: two minutes of 32 MiB a second,
 * which 10,000 changed actors a second write. What is then copied back are the pages that changed, each once.
 */
export const heldWalBytes = 4096 * MiB;

/**
 * A claim reads all keys of its shard, and a checkpoint adds some up to eight times a second: as rows of their own they
 * would be thousands within the ten minutes that they are kept, read one by one while the shard waits for its next host.
 */
export const commitsPerKeyRow = 64;
