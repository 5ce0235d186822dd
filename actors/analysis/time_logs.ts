/**
 * How long analyses took, as lines in files: `time_metadata.log`, `time_value.log`, `time_predict.log`.
 *
 *     2026-01-31T12:00:00.000Z 12.3 ms host_cpu_percent
 *
 * 1. Lines are gathered, and written together; of more than `maxLines` that wait the rest is counted and left out.
 * 2. A file that has grown to `maxFileBytes` becomes `.1`, that one `.2`, and so on; `keptFiles` of each are kept.
 * 3. What cannot be written is told once, and left out.
 */

import { appendFile, mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage } from "../../runtime/core/errors.ts";
import type { Task } from "./wants.ts";

/** Lines that wait for the disk: a minute of a thousand series. */
const maxLines = 10_000;
const writeIntervalMs = 1000;
/** Some 150,000 lines. */
const defaultMaxFileBytes = 10 * 1024 * 1024;
const keptFiles = 5;

const names: Readonly<Record<Task, string>> = {
  metadata: "time_metadata.log",
  values: "time_value.log",
  forecast: "time_predict.log",
};

export interface TimeLogsOptions {
  readonly directory: string;
  readonly maxFileBytes?: number;
  nowMs(): number;
  warn(sentence: string): void;
}

export class TimeLogs {
  readonly #options: TimeLogsOptions;
  readonly #waiting = new Map<Task, string[]>();
  #count = 0;
  #left = 0;
  #writing: Promise<void> = Promise.resolve();
  #isFailing = false;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: TimeLogsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#write(), writeIntervalMs);
  }

  record(task: Task, series: string, tookMs: number): void {
    if (this.#count >= maxLines) {
      this.#left++;
      return;
    }
    this.#count++;
    const line = `${new Date(this.#options.nowMs()).toISOString()} ${tookMs.toFixed(1)} ms ${series}\n`;
    const lines = this.#waiting.get(task);
    if (lines === undefined) this.#waiting.set(task, [line]);
    else lines.push(line);
  }

  /** Writes what waits, and ends. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#write();
    await this.#writing;
  }

  #write(): void {
    if (this.#count === 0) return;
    const lines = [...this.#waiting];
    this.#waiting.clear();
    this.#count = 0;
    this.#writing = this.#writing.then(async () => {
      for (const [task, ofTask] of lines) await this.#append(task, ofTask.join(""));
    });
  }

  async #append(task: Task, text: string): Promise<void> {
    const { directory, warn } = this.#options;
    const path = join(directory, names[task]);
    try {
      await mkdir(directory, { recursive: true });
      await this.#rotate(path);
      await appendFile(path, text);
      if (this.#left > 0) warn(`${this.#left} lines of ${directory} were left out: its disk is too slow.`);
      this.#left = 0;
      this.#isFailing = false;
    } catch (thrown) {
      if (!this.#isFailing) warn(`Cannot write ${path}: ${errorMessage(thrown)}. Its lines are left out.`);
      this.#isFailing = true;
    }
  }

  async #rotate(path: string): Promise<void> {
    const { maxFileBytes = defaultMaxFileBytes } = this.#options;
    if (await sizeOf(path) < maxFileBytes) return;
    for (let n = keptFiles - 1; n >= 1; n--) {
      const from = n === 1 ? path : `${path}.${n - 1}`;
      if (await sizeOf(from) > 0) await rename(from, `${path}.${n}`);
    }
  }
}

/** 0: there is no such file. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return 0;
    throw thrown;
  }
}
