/**
 * One shard on its host: the real machine, and what it asks of log and store as things that wait to happen.
 *
 * 1. Nothing happens by itself: `happen` lets one thing happen. Always the first one is the order in which a node at
 *    rest would do them; any other order is one that threads and disks may come to.
 * 2. A request and its answer are two things. What a dead host had asked for can still take effect, its answer cannot.
 */

import type { HostDeath } from "../core/attempts.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import type { ShardLimits } from "../core/limits.ts";
import type { LogFrame } from "../core/log_frame.ts";
import type { Registry } from "../core/registry.ts";
import { Shard } from "../core/shard.ts";
import type { Action, Answer, ShardQuery } from "../core/shard_api.ts";
import type { MemoryStoreCore } from "../store/memory_store_core.ts";
import type { ShardRequest } from "../node/host_protocol.ts";
import { TurnBoard } from "../node/turn_board.ts";

/** What a shard needs of the log. It is never trimmed: an oracle folds it from its beginning. */
export interface TestLog {
  append(shard: number, text: string): void;
  read(shard: number, from: number, maxBytes: number): LogFrame[];
}

export interface Host {
  readonly registry: Registry;
  readonly shardCount: number;
  readonly limits: ShardLimits;
  readonly log: TestLog;
  readonly store: MemoryStoreCore;
  /** Where the host says in which turn it is; see `turn_board.ts`. */
  readonly board: SharedArrayBuffer;
  nowMs(): number;
  /** It died in the turn that has just ended: nothing of that is performed. */
  isDying(): boolean;
  answered(queryId: number, answer: Answer): void;
  /** A shard asks a service, perhaps again. */
  requested(request: ShardRequest): void;
}

/** How one thing happens. */
export interface Manner {
  /** Frames delivered at once. */
  readonly frames: number;
  /** Of a run of the machine; 0 folds one frame. */
  readonly sliceMs: number;
  /** An append takes effect once more, later; the outcome of a commit is lost. */
  readonly goesWrong: boolean;
}

export const asEver: Manner = { frames: Infinity, sliceMs: 1, goesWrong: false };

/** Takes effect on log or store; what it answers is called when the answer arrives. */
type Effect = () => (() => void) | null;

interface Request {
  readonly effect: Effect;
  /** What happens when its outcome is lost; null: that is not tried. */
  readonly lost: Effect | null;
}

/** Reads the log for one subscription. */
interface Reader {
  readonly epoch: number;
  next: number;
  creditBytes: number;
}

export class DrivenShard {
  readonly shard: number;
  /** Why it is refused; null while it is not. */
  refusal: string | null = null;
  readonly #host: Host;
  readonly #machine: Shard;
  readonly #board: TurnBoard;
  #requests: Request[] = [];
  #answers: (() => void)[] = [];
  #reader: Reader | null = null;
  #mayRun = false;

  constructor(host: Host, shard: number, death: HostDeath | null = null) {
    const { registry, shardCount, limits } = host;
    this.#host = host;
    this.shard = shard;
    this.#board = new TurnBoard(host.board);
    this.#machine = new Shard({ shard, shardCount, registry, limits, witness: this.#board });
    this.#tell((machine) => machine.begin(death));
  }

  /** How many things could happen now. */
  get waiting(): number {
    return this.#requests.length + this.#answers.length + Number(this.#canRead()) + Number(this.#mayRun);
  }

  /** Lets the thing of this number happen: requests come first, then answers, then a delivery, then folding. */
  happen(which: number, manner: Manner): void {
    const answer = which - this.#requests.length;
    if (answer < 0) return this.#request(which, manner.goesWrong);
    if (answer < this.#answers.length) return this.#answers.splice(answer, 1)[0]?.();
    if (answer === this.#answers.length && this.#canRead()) return this.#read(manner.frames);
    this.#run(manner.sliceMs);
  }

  #request(which: number, goesWrong: boolean): void {
    const [request] = this.#requests.splice(which, 1);
    if (request === undefined) return;
    const { effect, lost } = request;
    const answer = goesWrong && lost !== null ? lost() : effect();
    if (answer !== null) this.#answers.push(answer);
  }

  /** The clock has moved: something may be due. */
  wake(): void {
    this.#mayRun = true;
  }

  wakeAtMs(): number {
    return this.#machine.wakeAtMs(this.#host.nowMs()) ?? Infinity;
  }

  query(query: ShardQuery): void {
    this.#tell((machine) => machine.query(query));
  }

  /** Makes a checkpoint due. */
  hurry(): void {
    this.#tell((machine) => machine.hurry());
  }

  gauges(): ReturnType<Shard["gauges"]> {
    return this.#machine.gauges();
  }

  /** All memory is gone. Answers what is still on its way to log and store. */
  die(): readonly Effect[] {
    this.#machine.stop();
    return this.#requests.map(({ effect }) => effect);
  }

  #tell(give: (machine: Shard) => void): void {
    give(this.#machine);
    this.#mayRun = true;
    for (const action of this.#machine.takeActions()) this.#perform(action);
  }

  #run(sliceMs: number): void {
    this.#mayRun = false;
    this.#board.enterSlice(this.shard);
    const isMore = this.#machine.run(() => this.#host.nowMs(), sliceMs);
    this.#board.leaveSlice();
    if (this.#host.isDying()) return;
    this.#mayRun = isMore;
    for (const action of this.#machine.takeActions()) this.#perform(action);
  }

  #canRead(): boolean {
    const reader = this.#reader;
    return reader !== null && reader.creditBytes > 0 &&
      this.#host.log.read(this.shard, reader.next, 1).length > 0;
  }

  #read(frames: number): void {
    const reader = this.#reader;
    if (reader === null) return;
    const read = this.#host.log.read(this.shard, reader.next, reader.creditBytes).slice(0, frames);
    reader.next += read.length;
    for (const { text } of read) reader.creditBytes -= text.length;
    this.#tell((machine) => machine.deliver(reader.epoch, read, this.#host.nowMs()));
  }

  /** `answer` gives the machine what `effect` found. */
  #ask<T>(effect: () => T, answer: (machine: Shard, value: T) => void): void {
    this.#requests.push({ effect: this.#answering(effect, answer), lost: null });
  }

  #answering<T>(effect: () => T, answer: (machine: Shard, value: T) => void): Effect {
    return () => {
      const value = effect();
      return () => this.#tell((machine) => answer(machine, value));
    };
  }

  #append(shard: number, text: string, answer: (machine: Shard) => void): void {
    const append = () => this.#host.log.append(shard, text);
    const again: Effect = () => {
      append();
      return null;
    };
    const effect = this.#answering(append, answer);
    const lost = () => {
      this.#requests.push({ effect: again, lost: null });
      return effect();
    };
    this.#requests.push({ effect, lost });
  }

  #commit(checkpoint: Checkpoint): void {
    const { epoch, commit } = checkpoint;
    // The shard frees its own rows once the commit is confirmed; this one may still be on its way then.
    const copy = structuredClone(checkpoint);
    const effect = this.#answering(
      () => this.#host.store.commitNow([copy])[0] ?? "failed",
      (machine, result) => machine.committed(epoch, commit, result, this.#host.nowMs()),
    );
    const lost = () => {
      effect();
      return () => this.#tell((machine) => machine.committed(epoch, commit, "failed", this.#host.nowMs()));
    };
    this.#requests.push({ effect, lost });
  }

  #perform(action: Action): void {
    const { store } = this.#host;
    switch (action.type) {
      case "claim":
        this.#reader = null;
        return this.#ask(
          () => store.claimNow(this.shard, "test", action.death),
          (machine, claim) => machine.started(claim, this.#host.nowMs()),
        );
      case "subscribe":
        this.#reader = { epoch: action.epoch, next: action.from, creditBytes: 0 };
        return;
      case "grant":
        if (this.#reader !== null) this.#reader.creditBytes += action.bytes;
        return;
      case "load":
        return this.#ask(
          () => store.loadNow(this.shard, action.keys),
          (machine, loaded) => machine.loaded(action.epoch, loaded),
        );
      case "due":
        return this.#ask(
          () => store.dueNow(this.shard, action.afterMs, action.limit),
          (machine, due) => machine.dueLoaded(action.epoch, due),
        );
      case "commit":
        return this.#commit(action.checkpoint);
      case "append": {
        const { epoch, target, n, text } = action;
        return this.#append(target, text, (machine) => {
          machine.appended(epoch, target, n, this.#host.nowMs());
        });
      }
      case "tick":
        return this.#append(this.shard, action.text, () => {});
      case "trim":
      case "folded":
      case "published":
        return;
      case "request": {
        const { n, from, service, body, dueMs } = action;
        return this.#host.requested({ shard: this.shard, n, from, service, body, dueMs });
      }
      case "answer":
        return this.#host.answered(action.queryId, action.answer);
      case "refuse":
        this.refusal = action.sentence;
        return;
      default:
        action satisfies never;
    }
  }
}
