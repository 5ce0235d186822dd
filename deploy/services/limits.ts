/** Limits and defaults of the servers that are started for development and tests. */

/** Where servers listen unless they are told otherwise: nobody else's machine reaches them. */
export const loopback = "127.0.0.1";

/** Not the servers' usual ports: Debian's own packages listen there once they are installed. */
export const defaultPorts = { kafka: 19092, mariadb: 13306, redis: 16379 } as const;

/** One, or as many as go on when one is gone: two have no majority then. */
export const brokerCounts: readonly number[] = [1, 3];

/** The oldest Java that Kafka 4 brokers run on. */
export const oldestJavaMajor = 17;

/** Enough for some hundred partitions and 200,000 records a second; what a broker reads and writes is page cache. */
export const kafkaHeapMebibytes = 384;
/** The cleaner's default of 128 MiB would be a third of that heap. */
export const kafkaCleanerBytes = 16 * 1024 * 1024;
/** The default is 6 s: a test that waits for a member to be given up would wait as long. */
export const kafkaMinSessionTimeoutMs = 1000;
/**
 * A broker that was killed is let in again only when its last session has run out: 9 s by default. Not less than this,
 * or a busy machine fences its only broker.
 */
export const kafkaSessionTimeoutMs = 4000;
export const kafkaHeartbeatMs = 1000;

/** The default, said aloud: some thousand sensors fit, and a laptop does not notice. */
export const mariadbBufferPoolMebibytes = 128;

/** Until a server answers: some seconds on an idle machine, and much longer on two cores that are busy. */
export const startDeadlineMs = 120_000;
/** Formatting a folder, making certificates: the same. */
export const preparationDeadlineMs = 120_000;
/** Until a server has ended after SIGTERM. Then it is killed: all three recover from that. */
export const stopDeadlineMs = { kafka: 30_000, mariadb: 30_000, redis: 15_000 } as const;
/** Until the system has buried a killed process, or stopped one. */
export const killDeadlineMs = 10_000;

/** Between two looks at a server that is starting or ending. */
export const pollMs = 50;
/** One attempt to get an answer. */
export const answerTimeoutMs = 2000;

/** At once: more do not fill a household's line, and annoy a repository. */
export const parallelDownloads = 6;
/** For one jar; the largest has 10 MB. */
export const downloadTimeoutMs = 300_000;

/** The end of a server's log that is shown when it does not start. */
export const logTailLines = 15;

/** Made for a few hours' tests, but left in a folder for months. */
export const certificateDays = 3650;
