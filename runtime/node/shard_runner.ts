/**
 * Drives one shard: performs what the machine asks for, on a log and a store, and feeds the answers back.
 *
 * 1. Every action is answered, unless the machine claims again or stops first; answers to what was asked before a
 *    claim are dropped here.
 * 2. A commit is repeated unchanged while the store says that it wrote nothing; the machine goes on folding to its
 *    own bound meanwhile.
 * 3. A machine that throws, and a log or store that is damaged, refuse this shard only.
 * 4. Every claim is made as `claiming.ts` says, after a fence too; while the shard is not this node's, again and again.
 * 5. A position that the log no longer has is read anew by another claim, because a later owner may have gone on and
 *    trimmed; only one that is read again refuses the shard.
 */

import type { HostDeath } from "../core/attempts.ts";
import { type Checkpoint, MAILBOX } from "../core/checkpoint.ts";
import { errorMessage } from "../core/errors.ts";
import type { Delivery } from "../core/log_frame.ts";
import type { Published } from "../core/publishing.ts";
import type { Action, Answer, ShardMachine, ShardQuery } from "../core/shard_api.ts";
import { LogError, type MailboxLog, type Subscription, type TopicLog } from "../log/port.ts";
import type { Store } from "../store/port.ts";
import { claimHeld, type Claiming, claimPauseMs, isUnsettled } from "./claiming.ts";
import type { Clock } from "./clock.ts";
import type { CommitGroup } from "./commit_group.ts";
import { FrameSpans } from "./frame_spans.ts";
import type { ShardRequest } from "./host_protocol.ts";
import { maxUnknownCommits } from "./limits.ts";
import { backoffMs, errorCode, isPassing, retry, type RetryPolicy } from "./retry.ts";
import type { Tracing } from "./tracing.ts";

/** What a runner tells whoever measures. */
export interface RunnerObserver {
  /** The store has it, be it that the shard has claimed itself again meanwhile. */
  committed(checkpoint: Checkpoint, durationMs: number): void;
  /** From the claim until everything was folded that the log held then. */
  replayed(durationMs: number): void;
  /** An attempt at I/O failed. */
  failed(operation: string, code: string): void;
}

export interface Surroundings extends Claiming {
  readonly log: Pick<MailboxLog, "append" | "subscribe" | "extent" | "trim" | "holds">;
  /** Foreign topics that are folded directly; null where there are none. */
  readonly topics: TopicLog | null;
  readonly store: Pick<Store, "epoch" | "claim" | "load" | "due">;
  readonly commits: CommitGroup;
  readonly clock: Clock;
  readonly observer: RunnerObserver;
  readonly tracing: Tracing | null;
  /** There is something for `run` to do. */
  wake(runner: ShardRunner): void;
  answered(queryId: number, answer: Answer): void;
  /** A service is asked; what comes of it comes through the log. */
  requested(request: ShardRequest): void;
  published(published: Published): void;
}

interface Replay {
  readonly sinceMs: number;
  /** Done when every frame below this offset is folded; null until the log has answered. */
  end: number | null;
}

/** A subscription, or one that is asked for: what an earlier one still delivers is dropped. */
interface Reading {
  subscription: Subscription | null;
  /** Granted before the subscription stood. */
  ungrantedBytes: number;
}

export class ShardRunner {
  readonly shard: number;
  readonly #machine: ShardMachine;
  readonly #around: Surroundings;
  readonly #spans: FrameSpans | null;
  /** Counts claims: what was begun under an earlier one is void. */
  #generation = 0;
  /** By topic. */
  readonly #readings = new Map<string, Reading>();
  /** By topic, the offset that its log did not have at the last try to read it. */
  readonly #missingOffsets = new Map<string, number>();
  #replay: Replay | null = null;
  #refusal: string | null = null;
  #isPerforming = false;
  #isStopped = false;

  constructor(machine: ShardMachine, around: Surroundings) {
    this.shard = machine.shard;
    this.#machine = machine;
    this.#around = around;
    this.#spans = around.tracing === null ? null : new FrameSpans(around.tracing, machine.shard);
  }

  /** Why the shard is refused; null while it is not. */
  get refusal(): string | null {
    return this.#refusal;
  }

  /** True until everything is folded that the log held at the last claim. */
  get isReplaying(): boolean {
    return this.#replay !== null;
  }

  get counters(): ShardMachine["counters"] {
    return this.#machine.counters;
  }

  gauges(): ReturnType<ShardMachine["gauges"]> {
    return this.#machine.gauges();
  }

  begin(death: HostDeath | null): void {
    this.#tell(() => this.#machine.begin(death));
  }

  /** One slice of folding, and what became due. True: there is more to do now. */
  run(sliceMs: number): boolean {
    if (this.#isOver()) return false;
    let isMore = false;
    this.#tell(() => isMore = this.#machine.run(() => this.#around.clock.nowMs(), sliceMs));
    this.#endReplay();
    return isMore && !this.#isOver();
  }

  wakeAtMs(nowMs: number): number | null {
    return this.#isOver() ? null : this.#machine.wakeAtMs(nowMs);
  }

  /** The answer comes through `answered`. */
  query(query: ShardQuery): void {
    if (this.#isOver()) return this.#around.answered(query.queryId, { type: "moved" });
    this.#tell(() => this.#machine.query(query));
    this.#around.wake(this);
  }

  publishAll(): void {
    this.#tell(() => this.#machine.publishAll());
    this.#around.wake(this);
  }

  stop(): void {
    if (this.#isOver()) return;
    this.#tell(() => this.#machine.stop());
    this.#isStopped = true;
    this.#abandon();
  }

  #isOver(): boolean {
    return this.#isStopped || this.#refusal !== null;
  }

  /** Calls the machine and performs what it then asks for; see guarantee 3. */
  #tell(call: () => void): void {
    if (this.#isOver()) return;
    try {
      call();
      this.#perform();
    } catch (thrown) {
      this.#refuse(`Shard ${this.shard} stopped: ${errorMessage(thrown)}`);
    }
  }

  /** Performing may call back (a log that delivers at once): the outer loop then takes the new actions. */
  #perform(): void {
    if (this.#isPerforming) return;
    this.#isPerforming = true;
    try {
      for (let actions = this.#take(); actions.length > 0; actions = this.#take()) {
        for (const action of actions) this.#performOne(action);
      }
    } finally {
      this.#isPerforming = false;
    }
  }

  #take(): Action[] {
    return this.#machine.takeActions();
  }

  #performOne(action: Action): void {
    if (this.#refusal !== null && action.type !== "answer") return;
    switch (action.type) {
      case "claim":
        return void this.#claim(action.death);
      case "subscribe":
        return void this.#subscribe(action.epoch, action.topic, action.from);
      case "grant":
        return this.#grant(action.topic, action.bytes);
      case "load":
        return void this.#load(action.epoch, action.keys);
      case "due":
        return void this.#due(action.epoch, action.afterMs, action.limit);
      case "commit":
        return void this.#commit(action.checkpoint);
      case "append":
        return void this.#append(action.epoch, action.target, action.n, action.text);
      case "request": {
        const { n, from, service, body, dueMs } = action;
        return this.#around.requested({ shard: this.shard, n, from, service, body, dueMs });
      }
      case "tick":
        return void this.#tick(action.text);
      case "folded":
        return this.#spans?.folded(action, this.isReplaying);
      case "published":
        return this.#around.published(action.published);
      case "trim":
        return void this.#trim(action.below);
      case "answer":
        return this.#around.answered(action.queryId, action.answer);
      case "refuse":
        return this.#refuse(action.sentence);
      default:
        return action satisfies never;
    }
  }

  #unsubscribe(topic: string): void {
    this.#readings.get(topic)?.subscription?.close();
    this.#readings.delete(topic);
  }

  /** Everything begun so far becomes void. */
  #abandon(): void {
    this.#generation += 1;
    for (const topic of [...this.#readings.keys()]) this.#unsubscribe(topic);
    this.#replay = null;
  }

  #refuse(sentence: string): void {
    if (this.#isOver()) return;
    this.#refusal = sentence;
    this.#machine.stop();
    this.#abandon();
    for (const action of this.#machine.takeActions()) {
      if (action.type === "answer") this.#around.answered(action.queryId, action.answer);
    }
    // So that the refusal is reported.
    this.#around.wake(this);
  }

  #refuseFor(operation: string, error: Error): void {
    const isMissing = operation === readingOf(MAILBOX) && errorCode(error) === "out_of_range";
    const mending = isMissing ? " Restore the log, or the store and the log of the same backup." : "";
    this.#refuse(`Shard ${this.shard} cannot ${operation}: ${error.message}${mending}`);
  }

  /** Of what is begun now: unwanted after the next claim. */
  #wanted(): () => boolean {
    const generation = this.#generation;
    return () => generation === this.#generation;
  }

  #policy(operation: string, goesOn = isPassing): RetryPolicy {
    return {
      clock: this.#around.clock,
      isWanted: this.#wanted(),
      goesOn: (error) => {
        const code = errorCode(error);
        if (isUnsettled(code)) return true;
        this.#around.observer.failed(operation, code);
        return goesOn(code);
      },
      pauseMs: (error, failures) =>
        isUnsettled(errorCode(error)) ? claimPauseMs(failures) : backoffMs(failures),
    };
  }

  /** Repeats `attempt`; tells the machine its value, or refuses the shard unless `cure` knows better. */
  async #ask<T>(
    operation: string,
    attempt: () => Promise<T>,
    tell: (value: T) => void,
    cure = (_error: Error) => false,
  ): Promise<void> {
    const outcome = await retry(attempt, this.#policy(operation));
    if (outcome.type === "failed") {
      if (cure(outcome.error)) return;
      this.#refuseFor(operation, outcome.error);
    } else if (outcome.type === "done") {
      this.#tell(() => tell(outcome.value));
      this.#around.wake(this);
    }
  }

  async #claim(death: HostDeath | null): Promise<void> {
    this.#abandon();
    const { clock, log } = this.#around;
    const isWanted = this.#wanted();
    const replay: Replay = { sinceMs: clock.nowMs(), end: null };
    this.#replay = replay;
    await this.#ask("claim", () => claimHeld(this.#around, this.shard, death, isWanted), (claim) => {
      this.#machine.started(claim, clock.nowMs());
    });
    if (this.#replay !== replay) return;
    await this.#ask("read the log's extent", () => log.extent(this.shard), ({ end }) => replay.end = end);
  }

  #endReplay(): void {
    const replay = this.#replay;
    if (replay === null || replay.end === null) return;
    const { state, folded } = this.#machine.gauges();
    if (state !== "running" || folded + 1 < replay.end) return;
    this.#replay = null;
    this.#around.observer.replayed(this.#around.clock.nowMs() - replay.sinceMs);
  }

  #subscribe(epoch: number, topic: string, from: number): Promise<void> {
    this.#unsubscribe(topic);
    const reading: Reading = { subscription: null, ungrantedBytes: 0 };
    this.#readings.set(topic, reading);
    const isWanted = () => this.#readings.get(topic) === reading;
    const deliver = (frames: readonly Delivery[]) => {
      if (!isWanted()) return;
      this.#tell(() => this.#machine.deliver(epoch, frames, this.#around.clock.nowMs()));
      this.#around.wake(this);
    };
    const failed = (error: LogError) => {
      if (isWanted()) this.#lose(error, topic, from);
    };
    const subscribed = (subscription: Subscription) => {
      if (!isWanted()) return subscription.close();
      this.#missingOffsets.delete(topic);
      reading.subscription = subscription;
      if (reading.ungrantedBytes > 0) subscription.grant(reading.ungrantedBytes);
      reading.ungrantedBytes = 0;
    };
    const subscribe = () => this.#open(topic, from, deliver, failed);
    return this.#ask(readingOf(topic), subscribe, subscribed, (error) => this.#claimAnew(error, topic, from));
  }

  #open(
    topic: string,
    from: number,
    deliver: (frames: readonly Delivery[]) => void,
    failed: (error: LogError) => void,
  ): Promise<Subscription> {
    const { log, topics } = this.#around;
    if (topic === MAILBOX) return log.subscribe(this.shard, from, deliver, failed);
    if (topics !== null) return topics.read(topic, this.shard, from, deliver, failed);
    return Promise.reject(new LogError("refused", `There is no log of foreign topics to read ${topic} from`));
  }

  /** The log ended the subscription: a damaged one refuses the shard, any other starts it again. */
  #lose(error: LogError, topic: string, from: number): void {
    this.#around.observer.failed(readingOf(topic), error.code);
    if (isPassing(error.code)) this.#tell(() => this.#machine.begin());
    else if (!this.#claimAnew(error, topic, from)) {
      this.#refuseFor(readingOf(topic), error);
    }
  }

  /** Claims once more when the log has no such offset; false when that is not the trouble, or did not help. */
  #claimAnew(error: Error, topic: string, from: number): boolean {
    if (errorCode(error) !== "out_of_range" || this.#missingOffsets.get(topic) === from) return false;
    this.#missingOffsets.set(topic, from);
    this.#tell(() => this.#machine.begin());
    return true;
  }

  #grant(topic: string, bytes: number): void {
    const reading = this.#readings.get(topic);
    if (reading === undefined) return;
    if (reading.subscription === null) reading.ungrantedBytes += bytes;
    else reading.subscription.grant(bytes);
  }

  #load(epoch: number, keys: Parameters<Store["load"]>[1]): Promise<void> {
    const load = () => this.#around.store.load(this.shard, keys);
    return this.#ask("load actors", load, (loaded) => this.#machine.loaded(epoch, loaded));
  }

  #due(epoch: number, afterMs: number, limit: number): Promise<void> {
    const read = () => this.#around.store.due(this.shard, afterMs, limit);
    return this.#ask("read its timers", read, (due) => this.#machine.dueLoaded(epoch, due));
  }

  async #commit(checkpoint: Checkpoint): Promise<void> {
    const { clock, commits } = this.#around;
    const startMs = clock.nowMs();
    const attempt = async () => {
      const committing = commits.add(checkpoint);
      this.#around.wake(this);
      const result = await committing;
      if (result === "committed") this.#tellCommitted(checkpoint, startMs);
      return result;
    };
    let unknown = 0;
    const goesOn = (code: string) => isPassing(code) && (code !== "unknown" || ++unknown < maxUnknownCommits);
    const outcome = await retry(attempt, this.#policy("commit", goesOn));
    if (outcome.type === "unwanted") return;
    if (outcome.type === "failed" && !isPassing(errorCode(outcome.error))) {
      return this.#refuse(`Shard ${this.shard} cannot commit ${checkpoint.commit}: ${outcome.error.message}`);
    }
    const nowMs = clock.nowMs();
    const result = outcome.type === "done" ? outcome.value : "failed";
    this.#tell(() => this.#machine.committed(checkpoint.epoch, checkpoint.commit, result, nowMs));
    this.#around.wake(this);
  }

  #tellCommitted(checkpoint: Checkpoint, startMs: number): void {
    const { clock, observer } = this.#around;
    const nowMs = clock.nowMs();
    observer.committed(checkpoint, nowMs - startMs);
    this.#spans?.committed(checkpoint, startMs, nowMs);
  }

  /** The machine asks for one append per target at a time, so repeating this one keeps their order. */
  #append(epoch: number, target: number, n: number, text: string): Promise<void> {
    const { log, clock } = this.#around;
    const append = () => log.append([{ shard: target, text }]);
    return this.#ask("append to another shard", append, () => {
      this.#machine.appended(epoch, target, n, clock.nowMs());
    });
  }

  /** Its delivery is its answer: the machine sends another one if that does not come. */
  #tick(text: string): Promise<void> {
    return this.#try("append a tick", () => this.#around.log.append([{ shard: this.shard, text }]));
  }

  /** The next checkpoint trims again, and further. */
  #trim(below: number): Promise<void> {
    return this.#try("trim its log", () => this.#around.log.trim(this.shard, below));
  }

  /** Attempts once what the machine asks for again by itself; a failure is counted. */
  async #try(operation: string, attempt: () => Promise<unknown>): Promise<void> {
    await retry(attempt, this.#policy(operation, () => false));
  }
}

function readingOf(topic: string): string {
  return topic === MAILBOX ? "read its log" : `read ${topic}`;
}
