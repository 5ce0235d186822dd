/**
 * A log core on segment files: appends go to the last segment, whole segments are removed at the front.
 *
 * 1. What `appendNow` returned survives a power cut.
 * 2. `appendNow` never waits for a new segment nor for a removed one: a spare is written in the background, taken
 *    into use between two appends, and the segment in use grows on while there is none.
 * 3. Offsets and stamps go on where they were after a restart, even if every frame was trimmed.
 * 4. While the log is held, no segment is removed: what is trimmed goes when the hold ends. `seal` begins a new
 *    segment; those before it are never written again. A full disk ends the hold.
 * 5. After an error that leaves a commit's outcome open, the file is read anew before anything else is written.
 */

import { basename } from "node:path";
import type { LogFrame } from "../core/log_frame.ts";
import { errorMessage } from "../core/errors.ts";
import { defaultLogLimits, type LogLimits } from "./limits.ts";
import { checkShard, type LogCore } from "./log_core.ts";
import type { LogFolder } from "./log_folder.ts";
import { openLogFolder } from "./recovery.ts";
import { type AppendReceipt, LogError, type LogExtent, type NewFrame } from "./port.ts";
import { Segment, type StoredFrame } from "./segment.ts";
import { isDiskFull, type LogIdentity } from "./segment_file.ts";
import { Tail } from "./tail.ts";
import { MAILBOX } from "../core/checkpoint.ts";

export interface SegmentedLogOptions {
  readonly directory: string;
  readonly shards: number;
  /** Identity of the log that must be there; without it, or null, any log will do, and a new one is made. */
  readonly expected?: string | null;
  readonly limits?: LogLimits;
  /** Hears what went wrong with files in the background; the log goes on and tries again. */
  readonly report: (sentence: string) => void;
}

export class SegmentedLogCore implements LogCore {
  readonly shards: number;
  readonly #limits: LogLimits;
  readonly #report: (sentence: string) => void;
  readonly #folder: LogFolder;
  readonly #identity: LogIdentity;
  readonly #empty: Uint8Array;
  readonly #tail: Tail;
  /** Oldest first; the last one is written. */
  readonly #segments: Segment[];
  /** Older segments that are open for readers, least recently used first. */
  #openForReading: Segment[] = [];
  #spare: Segment | null;
  #isPreparing = false;
  /** Bytes of the segments before the one in use, by path. */
  readonly #sealedBytes = new Map<string, number>();
  readonly #trimmedBelow: number[];
  #isFull = false;
  #isOutcomeOpen = false;
  #rolling: NodeJS.Immediate | null = null;
  #isClosed = false;
  #isHeld = false;
  #sealing: PromiseWithResolvers<readonly string[]> | null = null;
  readonly #background = new Set<Promise<void>>();

  /** Opens the log, or makes a new one in an empty folder. Throws a `LogError`. */
  constructor(options: SegmentedLogOptions) {
    this.shards = options.shards;
    this.#limits = options.limits ?? defaultLogLimits;
    this.#report = options.report;
    const opened = openLogFolder(options.directory, options.shards, options.expected ?? null);
    this.#folder = opened.folder;
    this.#identity = opened.log;
    this.#empty = opened.empty;
    this.#segments = opened.segments;
    this.#spare = opened.spare;
    this.#tail = new Tail(this.shards, this.#limits.tailBytes);
    this.#trimmedBelow = new Array<number>(this.shards).fill(0);
    for (const segment of this.#segments.slice(0, -1)) this.#seal(segment);
    this.#limitActive();
    this.#rollSoon();
  }

  /** Random name of the log, given when it was made. */
  get identity(): string {
    return this.#identity.identity;
  }

  get #active(): Segment {
    const active = this.#segments.at(-1);
    if (active === undefined) throw new LogError("closed", "The log has no segment in use.");
    return active;
  }

  appendNow(frames: readonly NewFrame[], nowMs: number): AppendReceipt[] {
    for (const { shard } of frames) checkShard(this, shard);
    if (this.#isOutcomeOpen) this.#recover();
    const stampMs = Math.max(nowMs, this.#active.lastStampMs);
    const ends = this.#active.ends();
    const stored = frames.map(({ shard, text }): StoredFrame => {
      const offset = ends[shard] ?? 0;
      ends[shard] = offset + 1;
      return { shard, offset, stampMs, text };
    });
    this.#write(stored);
    for (const frame of stored) this.#tail.push({ topic: MAILBOX, ...frame });
    this.#rollSoon();
    return stored.map(({ offset }) => ({ offset, stampMs }));
  }

  read(shard: number, from: number, maxBytes: number): LogFrame[] {
    const recent = this.#tail.read(shard, from, maxBytes);
    if (recent !== null) return recent;
    const frames: LogFrame[] = [];
    let bytes = 0;
    for (const segment of this.#segments) {
      for (let offset = from + frames.length; offset < segment.end(shard); offset++) {
        if (bytes >= maxBytes && frames.length > 0) return frames;
        this.#keepOpen(segment);
        const frame = segment.read(shard, offset);
        frames.push(frame);
        bytes += frame.text.length;
      }
    }
    return frames;
  }

  extent(shard: number): LogExtent {
    checkShard(this, shard);
    return { begin: this.#segments[0]?.base(shard) ?? 0, end: this.#active.end(shard) };
  }

  trim(shard: number, below: number): void {
    const { begin, end } = this.extent(shard);
    if (!(below > Math.max(begin, this.#trimmedBelow[shard] ?? 0))) return;
    this.#trimmedBelow[shard] = Math.min(below, end);
    this.#tail.trim(shard, below);
    this.#dropCovered();
    if (this.#isFull) this.#rollSoon();
  }

  /** Begins a hold: see guarantee 4. */
  hold(): void {
    this.#isHeld = true;
  }

  /**
   * Names of the segments that hold everything appended before; they are not written again, and stay while the hold
   * lasts. Rejects when it has ended.
   */
  seal(): Promise<readonly string[]> {
    if (!this.#isHeld) return Promise.reject(new LogError("unavailable", "The log is not held any more."));
    this.#sealing ??= Promise.withResolvers();
    this.#rollSoon();
    return this.#sealing.promise;
  }

  /** Ends the hold; false when it had ended by itself, or there was none. */
  release(): boolean {
    const wasHeld = this.#isHeld;
    this.#isHeld = false;
    this.#sealing?.reject(new LogError("unavailable", "The hold of the log ended before it was sealed."));
    this.#sealing = null;
    if (wasHeld) this.#dropCovered();
    return wasHeld;
  }

  async close(): Promise<void> {
    this.release();
    this.#isClosed = true;
    if (this.#rolling !== null) clearImmediate(this.#rolling);
    await Promise.all(this.#background);
    this.#spare?.release();
    for (const segment of this.#segments) segment.release();
  }

  #write(frames: readonly StoredFrame[]): void {
    try {
      this.#active.append(frames);
      this.#isFull = false;
    } catch (thrown) {
      if (!isDiskFull(thrown)) throw this.#outcomeOpen(thrown);
      this.#isFull = true;
      this.release();
      this.#rollSoon();
      throw new LogError(
        "full",
        `Cannot append ${frames.length} frames to ${this.#active.path}: ${errorMessage(thrown)}; ` +
          "free some space and append again.",
        { cause: thrown },
      );
    }
  }

  /** Finds out at once, if the file can be read, whether the frames were stored after all. */
  #outcomeOpen(thrown: unknown): LogError {
    const path = this.#active.path;
    const ends = this.#active.ends().join();
    const failed = `Cannot append to ${path}: ${errorMessage(thrown)}`;
    this.#isOutcomeOpen = true;
    try {
      this.#recover();
    } catch (again) {
      return new LogError("unknown", `${failed}; reading it anew failed too: ${errorMessage(again)}.`);
    }
    if (this.#active.ends().join() === ends) {
      return new LogError("unavailable", `${failed}; nothing was stored.`, { cause: thrown });
    }
    return new LogError("unknown", `${failed}; the frames were stored nevertheless.`, { cause: thrown });
  }

  #recover(): void {
    this.#tail.clear();
    this.#active.recover();
    this.#isOutcomeOpen = false;
  }

  #isCovered(segment: Segment): boolean {
    return this.#trimmedBelow.every((below, shard) =>
      segment.end(shard) <= Math.max(below, segment.base(shard))
    );
  }

  #dropCovered(): void {
    if (this.#isHeld) return;
    for (let first = this.#segments[0]; first !== undefined; first = this.#segments[0]) {
      if (this.#segments.length === 1 || !this.#isCovered(first)) return;
      this.#segments.shift();
      this.#openForReading = this.#openForReading.filter((segment) => segment !== first);
      first.release();
      this.#inBackground(this.#folder.remove(first.path).then((paths) => this.#forgetBytes(paths)));
    }
  }

  #forgetBytes(paths: readonly string[]): void {
    for (const path of paths) this.#sealedBytes.delete(path);
    this.#limitActive();
  }

  #isRollDue(): boolean {
    if (this.#sealing !== null) return true;
    if (this.#active.isEmpty) return false;
    if (this.#active.bytes() >= this.#limits.segmentBytes) return true;
    // On a full disk, a segment whose frames are all trimmed gives its space back.
    return this.#isFull && this.#isCovered(this.#active);
  }

  #rollSoon(): void {
    if (this.#isClosed) return;
    this.#rolling ??= setImmediate(() => {
      this.#rolling = null;
      this.#roll();
    });
  }

  /** Takes the spare into use if it is time, and has another one prepared. */
  #roll(): void {
    if (this.#isOutcomeOpen) return;
    if (this.#spare !== null && this.#isRollDue()) this.#activate(this.#spare);
    if (this.#spare === null) this.#prepare();
  }

  #activate(spare: Segment): void {
    const last = this.#active;
    try {
      spare.activate(last.ends(), last.lastStampMs);
    } catch (thrown) {
      // Nothing is lost: the segment in use goes on, and the next append tries again.
      spare.release();
      this.#report(`Cannot begin the log segment ${spare.path}: ${errorMessage(thrown)}.`);
      return;
    }
    this.#spare = null;
    this.#segments.push(spare);
    this.#seal(last);
    this.#limitActive();
    this.#dropCovered();
    this.#sealing?.resolve(this.#segments.slice(0, -1).map(({ path }) => basename(path)));
    this.#sealing = null;
  }

  #seal(segment: Segment): void {
    this.#sealedBytes.set(segment.path, segment.bytes());
    segment.release();
  }

  #limitActive(): void {
    if (this.#limits.totalBytes === null) return;
    const sealed = [...this.#sealedBytes.values()].reduce((sum, bytes) => sum + bytes, 0);
    this.#active.limitBytes(this.#limits.totalBytes - sealed);
  }

  #prepare(): void {
    if (this.#isPreparing) return;
    // On a full disk a spare is worth its space only if it makes some; else the next append that succeeds asks again.
    if (this.#isFull && !this.#isCovered(this.#active)) return;
    this.#isPreparing = true;
    const sequence = this.#active.sequence + 1;
    this.#inBackground(
      this.#folder.create(sequence, this.#empty).then((path) => {
        this.#spare = Segment.open(path, sequence, this.#identity);
        this.#rollSoon();
      }).finally(() => this.#isPreparing = false),
    );
  }

  #inBackground(work: Promise<void>): void {
    const watched = work
      .catch((thrown) =>
        this.#report(`The log goes on without new or removed files: ${errorMessage(thrown)}.`)
      )
      .finally(() => this.#background.delete(watched));
    this.#background.add(watched);
  }

  #keepOpen(segment: Segment): void {
    if (segment === this.#active || this.#openForReading.at(-1) === segment) return;
    this.#openForReading = [...this.#openForReading.filter((other) => other !== segment), segment];
    while (this.#openForReading.length > this.#limits.openSegments) this.#openForReading.shift()?.release();
  }
}
