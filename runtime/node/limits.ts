/** Limits and defaults of a node, each with its reason. */

const KiB = 1024;
const MiB = 1024 * KiB;
const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Text units of a frame at most, one message excepted: Kafka refuses records above 1 MB by default. */
export const maxFrameBytes = 256 * KiB;

/** Messages of a frame at most: about 2 ms of folding, less than a time slice. */
export const maxFrameMessages = 4096;

/** Messages of one part of a keyed body at most; two parts fit into a frame. */
export const maxPartMessages = 2000;

/**
 * Text units for one shard at which a batch of a foreign topic's records is full. With the largest record that readers
 * take, 512 KiB, its frame stays below the 1 MB that Kafka takes.
 */
export const maxRecordUnits = 128 * KiB;

/** Text units in one append at most: about 50 ms of a slow disk, what a waiting client still takes for prompt. */
export const maxAppendBytes = 4 * MiB;

/** Text units waiting for the log at which sends are refused as overloaded: four appends, a second on a poor disk. */
export const maxWaitingBytes = 16 * MiB;

/** Text units appended and not yet folded at which sends are refused: a few seconds of folding. */
export const maxBacklogBytes = 64 * MiB;

/** Trace contexts in one frame, 60 bytes each; the traces of further requests end with their append. */
export const maxFrameContexts = 32;

/** Frames of a shard that wait for their checkpoint's span, times contexts: a second of them with every request traced. */
export const maxFollowedFrames = 10_000;

/** Asks in flight at which further ones are refused: far more than clients that wait for answers make. */
export const maxAsks = 20_000;

/** How long an append with unknown outcome is repeated before its senders are told "timeout". */
export const appendBudgetMs = 10_000;

/** When senders may come again while the log waits for its servers, in seconds: it is back within one of them. */
export const logAwayRetryS = 2;

/** How long a send waits before its sender is told "timeout": longer than any disk that works takes for a group. */
export const sendDeadlineMs = 15_000;

/** Notices of one kind: the first is told, the rest counted for so long. */
export const repeatWindowMs = 60_000;

/** Kinds of notices that are told apart within a window: far more than a node has parts that can fail. */
export const maxRepeatKinds = 500;

/** A checkpoint that takes longer is told of: five times as long as from one to the next. */
export const slowCommitMs = 5000;

/** Of what is said of a dead letter, in a notice; the letter has all of it. */
export const maxShownDetail = 300;

/** How long a thread may take to end before that is told: one that can end does so in milliseconds. */
export const abandonedNoticeMs = 2000;

/** Trouble with the log is told as over when nothing failed for so long. */
export const quietMs = 5000;

/** How long a start waits for a host that says nothing: each reports every second while it replays its log. */
export const startSilenceMs = 60_000;

/** How often a start is looked after, and how often it says what it waits for. */
export const startCheckMs = 1000;
export const startReportMs = 10_000;

/** How long a stop waits for the log's and the store's threads to close their files, whatever is left of its time. */
export const closeWritersMs = 5000;

/** Attempts at a commit whose outcome cannot be found out before the shard claims itself again. */
export const maxUnknownCommits = 5;

/** Backoff of repeated I/O: the first pause, doubled up to the last. */
export const firstPauseMs = 10;
export const lastPauseMs = 2000;

/**
 * Between two looks at whether a shard may be claimed: nodes mostly agree within tens of milliseconds, and what a shard
 * waits longer than that its readers wait too. They are gathered by the log, so that those of many shards are few calls.
 */
export const firstClaimPauseMs = 10;
export const lastClaimPauseMs = 100;

/** Folding of one shard before the next one's turn. */
export const sliceMs = 5;

/** Folding, over all shards of a host, before messages from other threads are looked at: an ask waits this long. */
export const roundMs = 10;

/** How long a busy host gathers its shards' commits: as long as effects may wait anyway. */
export const commitGatherMs = 25;

/** A host looks at its shards at least this often; `setTimeout` itself wraps around at 24 days. */
export const longestTimerMs = minuteMs;

/** How often a host reports while something changes, and how often when nothing does. */
export const reportIntervalMs = 100;
export const idleReportIntervalMs = 1000;

/** How long a scrape waits for a thread before it takes the figures reported last. */
export const metricsDeadlineMs = 500;

/**
 * How hosts are started again: at once, later when it goes on, and more than so often is a fault of the node. A host
 * that lived for some seconds starts over with the first pause. The pauses keep one that dies at every start below the
 * bound: the other hosts' shards go on meanwhile.
 */
export const hostBackoff = { firstMs: 4, maxMs: 10_000, jitter: 0.5, healthyMs: 5000 };
export const hostIntensity = { restarts: 20, withinMs: 60_000 };

/** For those whose failure is the next one's to handle: a process that cannot be mended is replaced. */
export const noRestarts = { restarts: 0, withinMs: 1 };

/** How services are started again: a port that is taken, or a peer that is away, for a while. */
export const serviceBackoff = { firstMs: 100, maxMs: 10_000, jitter: 0.5, healthyMs: 60_000 };
export const serviceIntensity = { restarts: 20, withinMs: 60_000 };

/** The longest that a host may take to stop; an engine's own deadline may end it before. */
export const hostStopMs = 30_000;

/**
 * The next spare thread loads the actors so long after the one before was taken: a fifth of a second of a processor,
 * which those need now whose host has died.
 */
export const sparePauseMs = 1000;

/** And the first one so long after the node could fold: it would be paid for by whoever waits to hear that it is ready. */
export const firstSparePauseMs = 100;

/** The same of compute threads, before the spare one: a job may wait for them. */
export const firstComputePauseMs = 30;

/**
 * A spare thread folds for practice this long and this often, as V8 forgets what was not used for a while, with so much
 * memory of actors, which is given back before the next time. The node's first pauses are shorter, each twice the one
 * before: at its start there is little to fold.
 */
export const rehearsalMs = 8000;
export const firstRehearsalPauseMs = 12_000;
export const lastRehearsalPauseMs = minuteMs;
export const rehearsalBytes = 32 * MiB;

/** A spare thread that may not practise, as one that was ended is still there, looks so often whether it is. */
export const lingeringPauseMs = 1000;

/**
 * How much a rehearsal folds at once, and how often: whoever answers meanwhile waits for no more than that.
 */
export const rehearsalStepBytes = 8 * KiB;
export const rehearsalStepMs = 20;

/** Behind a practice, and what a takeover needs of its thread, so many actors are given back at each of its steps. */
export const rehearsalClearPauseMs = 2000;
export const rehearsalClearActors = 200;

/** How long a thread for shards may take to load the actors; `StartWatch` tells of what keeps a node from its start. */
export const spareStartMs = 60_000;

/** Pause before an ask that met a moving shard is repeated. */
export const movedPauseMs = 20;

/** Between two readings of which node has which shard, by asks that met a wrong one: a request to the broker each. */
export const tablePauseMs = 100;

/** Agreements of the nodes that are remembered for whoever looks: an evening's. */
export const maxRebalances = 20;

/** The longest that one node waits for another: longer than any asker of the product does. */
export const maxPeerDeadlineMs = 60_000;

/** So much sooner the asked node gives up, so that what it waited for arrives in time to be told. */
export const hopMarginMs = 50;

/** A hop that lasts is looked after so often: whether its node has the shard still. */
export const hopLookMs = 1000;

/** A hop is given up after so long, and made again on another connection: a broken one may never say so. */
export const maxHopMs = 5000;

/** Hops to one node at a time, with a connection each, of which so many are kept for so long when they are idle. */
export const maxHops = 256;
export const maxIdleHops = 64;
export const hopIdleMs = 30_000;

/** Of what one node asks another: an address and arguments. And of the reply: an answer of any actor that is sane. */
export const maxQuestionBytes = 256 * KiB;
export const maxReplyBytes = 32 * MiB;

/** When askers of a shard that is refused may come again, in seconds: somebody has to mend it. */
export const refusedRetryS = 30;

/** Replays of one dead letter at most: one that dies every time must not be kept alive by a script. */
export const maxReplays = 10;

/** Dead letters are kept this long after their last death: somebody looks at them within a week, or nobody does. */
export const deadLetterRetentionMs = 7 * dayMs;

/** Old history and dead letters are deleted this often, in batches of so many rows, so that no commit waits long. */
export const expireIntervalMs = minuteMs;
export const expireBatchRows = 5000;

/** Reasons of a shard's dead letters that get their own label; whatever comes after is counted as "other". */
export const maxReasonLabels = 50;

export const defaultRetentionMs = 7 * dayMs;

/** Heap of one host thread, young generation apart: leaves room for 50,000 panels' maps and strings on one thread. */
export const defaultHostHeapMiB = 1024;

/** Memory of all actors of the node, in bytes, before the least recently used are evicted. */
export const defaultActorBytes = 512 * MiB;

/** A launcher pings its node this often, and kills it after so many of its own ticks without an answer. */
export const pingMs = 1000;
export const maxMissedPings = 10;
/** How soon a node's main thread has to run: the very first start fetches the packages, over a slow line perhaps. */
export const firstWordMs = 600_000;

/**
 * Ticks of the watchdog, and how many of them in a row a host may show no sign of life: in a turn, which may loop for
 * ever, and outside any, where loads, checkpoints and collections of garbage end by themselves, however slow the machine.
 */
export const watchdogTickMs = 100;
export const maxSilentTicks = 10;
export const maxSilentTicksOutside = 15;
/** So many, and threads that fold for practice leave their processor to others: one that hangs has taken another. */
export const doubtfulTicks = 2;

/** How a launcher starts its node again; a node that dies more often than that will not be helped by it. */
export const nodeBackoff = { firstMs: 10, maxMs: 5000, jitter: 0.5, healthyMs: 5000 };
export const nodeIntensity = { restarts: 10, withinMs: 60_000 };

/** Dead lives of nodes that a launcher remembers: more than can die within the group's session of 6 s. */
export const maxDeadLives = 32;

/** The longest that a node may take to drain; above what its own deadlines add up to. */
export const nodeStopMs = 40_000;

/** Jobs that wait for a compute thread at most: at a second each, longer than any of their deadlines. */
export const maxComputeJobs = 256;

/** Heap of one compute thread, young generation apart: a week of minutes of a hundred series, several times over. */
export const defaultComputeHeapMiB = 256;

/**
 * How nice compute threads are to all others, on Linux: the most that there is. Beside one that wants a processor too
 * they get a sixty-ninth of it, and all of it whenever none does, which on a loaded node is often still.
 * A job that is late for that is counted, and made anew; what was not ingested in time is not.
 */
export const computeNice = 19;

/** The longest rest of a compute thread: whoever asks for a forecast waits for no longer than that besides. */
export const maxComputeRestMs = 1000;

/**
 * How compute threads are started again. A job that hangs costs its thread: the next one is wanted soon, and the bound
 * is on threads that die without a job.
 */
export const computeBackoff = { firstMs: 20, maxMs: 500, jitter: 0.5, healthyMs: 5000 };
export const computeIntensity = { restarts: 10, withinMs: 60_000 };

/** How long a compute thread may take to import the jobs, and to end: it has nothing to save. */
export const computeStartMs = 60_000;
export const computeStopMs = 5000;

/**
 * How long a thread may take to end after it was given up, and how long after the last one a worn process waits: while a
 * message is being found out that kills its host again and again, one more death may come every second or two, on a slow
 * machine after 5: to replay comes first. The thread runs last meanwhile.
 */
export const abandonedLingerMs = 10_000;
/** As many as the deaths until such a message is out of the way, and a few besides. */
export const maxAbandonedThreads = 8;
/** How long the programs may take that tell the threads' names. */
export const threadNamesMs = 5000;
/** What threads that eat memory may take before the process is replaced at once. */
export const maxAbandonedBytes = 1024 * MiB;

/** How long a service may take to be up, to end, and to let go of a request whose deadline is over. */
export const serviceStartMs = 30_000;
export const serviceStopMs = 5000;
export const serviceGraceMs = 5000;

/** Units of JSON text of an answer: it comes back through the log, in a frame of its own when it is large. */
export const maxAnswerUnits = 256 * KiB;

/** Units of the sentence that says why a request failed: an error's message may be of any length. */
export const maxFailureUnits = 500;

/** Requests whose outcome is in the log, as far as they are remembered: as many as two shards may have open. */
export const maxAnsweredRemembered = 20_000;

/** How long a backup is kept up without news of its client: longer than any pause of a process that lives. */
export const backupLeaseMs = 30_000;

/** How long a backup may keep the log from being trimmed: 700 GB at 200 MB/s; by then something is wrong. */
export const maxBackupMs = 60 * minuteMs;
