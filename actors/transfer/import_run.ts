/**
 * An import: files to series, several at a time, each in the order of its lines.
 *
 * 1. Every line is sent once, also after the import was stopped or killed and begun again, as long as its state is kept.
 *    What a killed import leaves unknown is sent again under its key while the node remembers that, and after that only
 *    if the user says so.
 * 2. What is wrong with a file ends that file alone.
 */

import { hash } from "node:crypto";
import { z } from "zod";
import { errorMessage } from "../../runtime/core/errors.ts";
import { Refusal } from "../cli/refusal.ts";
import { headerForm } from "./csv_samples.ts";
import type { ImportFile } from "./import_files.ts";
import type { ImportState, SentChunk } from "./import_state.ts";
import { chunkLines, chunkUnits, repeatableMs } from "./limits.ts";
import { detailOf, Interrupted, type NodeClient } from "./node_client.ts";
import { type Chunk, TextChunks } from "./text_chunks.ts";

/** What is done with chunks of which nobody knows whether they were taken. */
export type OnUnknown = "ask" | "repeat" | "skip";

export interface ImportOptions {
  readonly client: Pick<NodeClient, "ask">;
  readonly state: ImportState;
  readonly connections: number;
  readonly onUnknown: OnUnknown;
  readonly stop: AbortSignal;
  nowMs(): number;
  open(file: ImportFile): AsyncIterable<Uint8Array>;
  readonly report: ImportReport;
}

/** Hears how it goes. */
export interface ImportReport {
  rows(count: number): void;
  bytes(count: number): void;
  /** Values that are older than the node keeps history. */
  forgotten(count: number): void;
  badLine(file: ImportFile, line: number, sentence: string): void;
  fileDone(file: ImportFile, wasDone: boolean): void;
  fileFailed(file: ImportFile, sentence: string): void;
  /** The node does not know what was imported into it: it is another one, or it has lost it. */
  fileForgotten(file: ImportFile): void;
}

/** Of one file; a sentence for the user without a full stop. */
class FileTrouble extends Error {
  override readonly name = "FileTrouble";
}

const Imported = z.object({
  accepted: z.number().default(0),
  rejected: z.array(z.object({ line: z.number(), sentence: z.string() })),
  forgotten: z.number().default(0),
});

/** Resolves when all files are done or have failed, or `stop` aborts. Rejects with a `Refusal`. */
export async function runImport(files: readonly ImportFile[], options: ImportOptions): Promise<void> {
  const waiting = [...files].reverse();
  const failure = new AbortController();
  const stop = AbortSignal.any([options.stop, failure.signal]);
  const work = async () => {
    for (let file = waiting.pop(); file !== undefined && !stop.aborted; file = waiting.pop()) {
      await importFile(file, { ...options, stop });
    }
  };
  const workers = Array.from({ length: options.connections }, () =>
    work().catch((thrown) => {
      failure.abort();
      throw thrown;
    }));
  const failed = (await Promise.allSettled(workers)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

async function importFile(file: ImportFile, options: ImportOptions): Promise<void> {
  const { report } = options;
  try {
    const wasBegun = options.state.chunksOf(file.path, file.series).length > 0;
    const sent = await new FileImport(file, options).run();
    if (!options.stop.aborted) report.fileDone(file, wasBegun && sent === 0);
  } catch (thrown) {
    if (thrown instanceof Refusal) throw thrown;
    if (thrown instanceof Interrupted) return;
    report.fileFailed(file, errorMessage(thrown));
  }
}

class FileImport {
  readonly #file: ImportFile;
  readonly #options: ImportOptions;
  readonly #path: string;
  /** Before every chunk but the first, so that columns are known by their names; null: there is none. */
  #header: string | null = null;

  constructor(file: ImportFile, options: ImportOptions) {
    this.#file = file;
    this.#options = options;
    this.#path = `series/${encodeURIComponent(file.series)}`;
  }

  /** The number of chunks that were sent. */
  async run(): Promise<number> {
    const { stop, open, report, nowMs } = this.#options;
    const counted = countBytes(open(this.#file), (bytes) => report.bytes(bytes));
    const chunks = new TextChunks(counted);
    const untilMs = nowMs();
    let sent = await this.#skip(chunks);
    for (;;) {
      if (stop.aborted) return sent;
      const chunk = await chunks.next({ lines: chunkLines, units: chunkUnits });
      if (chunk === null) return sent;
      this.#noteHeader(chunk);
      await this.#send(chunk, untilMs);
      sent++;
    }
  }

  /** Goes past what was imported before; the number of chunks that had to be sent again. */
  async #skip(chunks: TextChunks): Promise<number> {
    const { state, report, stop } = this.#options;
    const before = state.chunksOf(this.#file.path, this.#file.series);
    if (before.some(({ mayHaveRows }) => mayHaveRows) && !await this.#isKnown()) {
      state.forget(this.#file.path, this.#file.series);
      report.fileForgotten(this.#file);
      return 0;
    }
    let sent = 0;
    for (const record of before) {
      if (stop.aborted) break;
      const chunk = await chunks.next({ lines: record.lines, units: Infinity });
      if (chunk === null || chunk.lines !== record.lines) throw changed(chunk?.first ?? null);
      this.#noteHeader(chunk);
      if (this.#keyOf(chunk, record.untilMs) !== record.key) throw changed(chunk.first);
      if (!record.isDone && await this.#settle(chunk, record)) sent++;
    }
    return sent;
  }

  /** Of a chunk that may have been taken: whether it was sent again. */
  async #settle(chunk: Chunk, record: SentChunk): Promise<boolean> {
    const { onUnknown, nowMs, state } = this.#options;
    const isRemembered = nowMs() - record.sentMs < repeatableMs;
    if (!isRemembered && onUnknown === "ask") {
      throw new FileTrouble(
        `The import was cut off while its lines ${chunk.first} to ${
          chunk.first + chunk.lines - 1
        } were on their way, ` +
          `too long ago for the node to know whether it took them: say --unknown repeat, or --unknown skip`,
      );
    }
    if (!isRemembered && onUnknown === "skip") {
      state.taken(record.key, null);
      return false;
    }
    await this.#send(chunk, record.untilMs);
    return true;
  }

  /** Whether the node has the series at all. */
  async #isKnown(): Promise<boolean> {
    const { status, text } = await this.#options.client.ask(this.#path);
    if (status === 200 || status === 404) return status === 200;
    throw new FileTrouble(detailOf(text));
  }

  #noteHeader({ text, first }: Chunk): void {
    if (first !== 1) return;
    const end = text.indexOf("\n");
    const line = end < 0 ? text : text.slice(0, end);
    this.#header = headerForm(line) === null ? null : line;
  }

  #keyOf({ text, first }: Chunk, untilMs: number): string {
    const all = JSON.stringify([this.#file.series, this.#header, first, untilMs, text]);
    return `import-${hash("sha256", all, "hex")}`;
  }

  async #send(chunk: Chunk, untilMs: number): Promise<void> {
    const { client, state, nowMs } = this.#options;
    const { path, series } = this.#file;
    const key = this.#keyOf(chunk, untilMs);
    const hasOwnHeader = this.#header === null || chunk.first === 1;
    // Before it is sent, so that a killed import knows of it.
    state.sending({ series, path, lines: chunk.lines, key, sentMs: nowMs(), untilMs });
    if (chunk.text.trim() === "") return state.taken(key, 0);
    const { status, text } = await client.ask(`${this.#path}/history?until=${untilMs}`, {
      method: "POST",
      headers: { "content-type": "text/csv", "idempotency-key": key },
      body: hasOwnHeader ? chunk.text : `${this.#header}\n${chunk.text}`,
    });
    const answer = status === 202 || status === 400 ? Imported.safeParse(JSON.parse(text)) : null;
    if (answer === null || !answer.success) throw new FileTrouble(detailOf(text));
    state.taken(key, answer.data.accepted);
    this.#tell(answer.data, chunk.first - (hasOwnHeader ? 1 : 2));
  }

  /** @param before how many lines of the file are before the body's first */
  #tell({ accepted, rejected, forgotten }: z.output<typeof Imported>, before: number): void {
    const { report } = this.#options;
    report.rows(accepted);
    report.forgotten(forgotten);
    for (const { line, sentence } of rejected) report.badLine(this.#file, before + line, sentence);
  }
}

function changed(line: number | null): FileTrouble {
  const where = line === null ? "lines that were imported are gone" : `from line ${line} on it is another`;
  return new FileTrouble(
    `It has changed since it was imported: ${where}. --again imports it from its beginning, beside what was imported`,
  );
}

async function* countBytes(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) {
    onBytes(bytes.length);
    yield bytes;
  }
}
