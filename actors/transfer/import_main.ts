/** `deno task import DIR|FILE...`: see `--help`. Exit codes: 0 done, 1 a file failed, 2 refused, 130 interrupted. */

import { dirname, join } from "node:path";
import { errorMessage } from "../../runtime/core/errors.ts";
import { failureExitCode, Refusal } from "../cli/refusal.ts";
import { openScreen, type Screen } from "../cli/screen.ts";
import { type TaskArguments, type TaskSpec, token, tokenFlags } from "../cli/read_arguments.ts";
import { print, runTask } from "../cli/run_task.ts";
import { findFiles, type Found, type ImportFile } from "./import_files.ts";
import { closingText, emptyTally, type ImportTally, progressText } from "./import_progress.ts";
import { type ImportReport, type OnUnknown, runImport } from "./import_run.ts";
import { ImportState, type StateFile } from "./import_state.ts";
import { defaultConnections, maxConnections, readBytes, toldBadLines } from "./limits.ts";
import { NodeClient } from "./node_client.ts";
import { address, labelsOf, urlFlag, wholeNumber } from "./transfer_arguments.ts";

const stateName = ".sensorium-import";
const progressMs = 200;
const interruptedExitCode = 130;

const spec: TaskSpec = {
  task: "import",
  doing: "Cannot import",
  introduction: `Brings CSV files into a running node, each as a series: a folder's files
that end with .csv and are not hidden, and those that are named.

  deno task import ./history
  deno task import a.csv b.csv --name temperature --label site=north

A line is timestamp,value. Timestamps are RFC 3339, without a zone UTC
(2026-01-31 12:00:00), or epoch seconds or milliseconds. A header may name the
two among other columns. Bad lines are told by their number, the others are
imported. The series is called as the file's path below the folder, without
.csv; with --name as that, with the path as the label file where there are
several files.

Stop it (Ctrl-C) or kill it, start it again, and it goes on; so it does when
the files have grown. What it knows for that is in a file beside them.

The node keeps history as long as its --retention says, 7 days unless told
otherwise: start it with a longer one before you import older values.`,
  operand: "a folder or files",
  takesSeveral: true,
  flags: {
    "--url": urlFlag,
    ...tokenFlags,
    "--name": { form: "NAME", meaning: "of the series; the file's path becomes a label" },
    "--label": { form: "A=B,C=D", meaning: "labels of every series" },
    "--state": { form: "FILE", meaning: `how far it is (${stateName} in the folder)` },
    "--again": { form: null, meaning: "import what was imported before once more" },
    "--unknown": { form: "WORD", meaning: "repeat or skip what a killed import left open" },
    "--bad-lines": { form: "FILE", meaning: "gets every bad line, as CSV" },
    "--connections": { form: "N", meaning: `files at a time (${defaultConnections})` },
  },
};

async function work(given: TaskArguments): Promise<number> {
  const { flags } = given;
  const interrupted = new AbortController();
  Deno.addSignalListener("SIGINT", () => interrupted.abort());
  const { files, bad } = find(given);
  const view = new View(files, flags.get("--bad-lines") ?? null);
  const client = new NodeClient({
    url: address(spec, given),
    token: token(spec, given, Deno.env.toObject(), (path) => Deno.readTextFileSync(path)),
    doing: spec.doing,
    stop: interrupted.signal,
    onTrouble: (sentence) => view.trouble(sentence),
  });
  const options = {
    client,
    connections: wholeNumber(spec, given, "--connections", defaultConnections, maxConnections),
    onUnknown: unknownWord(given),
    stop: interrupted.signal,
    nowMs: Date.now,
    open: bytesOf,
    report: view.report,
  };
  await client.checkReachable();
  const state = new ImportState(openState(given));
  if (flags.has("--again")) { for (const { path, series } of files) state.forget(path, series); }
  for (const { shown, sentence } of bad) view.fileFailed(shown, sentence);
  try {
    await runImport(files, { ...options, state });
  } finally {
    view.end();
  }
  print(closingText(view.tally, view.tookMs));
  if (!interrupted.signal.aborted) return view.tally.filesFailed === 0 ? 0 : failureExitCode;
  print("Interrupted. The same command goes on where it was.\n");
  return interruptedExitCode;
}

function find({ operands, flags }: TaskArguments): Found {
  try {
    const labels = labelsOf(spec, flags.get("--label") ?? "");
    const found = findFiles(operands, { name: flags.get("--name") ?? null, labels });
    if (found.files.length > 0 || found.bad.length > 0) return found;
  } catch (thrown) {
    if (thrown instanceof Refusal) throw thrown;
    throw new Refusal(`${spec.doing}: ${errorMessage(thrown)}. Name folders and files that can be read.`);
  }
  throw new Refusal(`${spec.doing}: there is no file that ends with .csv in ${operands.join(", ")}.`);
}

function unknownWord({ flags }: TaskArguments): OnUnknown {
  const word = flags.get("--unknown");
  if (word === undefined) return "ask";
  if (word === "repeat" || word === "skip") return word;
  throw new Refusal(`${spec.doing}: --unknown is ${word}; repeat or skip is right.`);
}

function openState({ operand, flags }: TaskArguments): StateFile {
  const folder = Deno.statSync(operand).isDirectory ? operand : dirname(operand);
  const path = flags.get("--state") ?? join(folder, stateName);
  try {
    const file = Deno.openSync(path, { read: true, append: true, create: true });
    const encoder = new TextEncoder();
    return {
      read: () => Deno.readTextFileSync(path),
      append(text) {
        const bytes = encoder.encode(text);
        for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      },
    };
  } catch (cause) {
    const sentence =
      `${spec.doing}: ${path} cannot be written (${errorMessage(cause)}). Name a file that can ` +
      "with --state: without it, a second import would count everything twice.";
    throw new Refusal(sentence, { cause });
  }
}

async function* bytesOf({ path }: ImportFile): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path);
  for (;;) {
    const bytes = new Uint8Array(readBytes);
    const count = await file.read(bytes);
    if (count === null) return;
    yield bytes.subarray(0, count);
  }
}

/** What the user sees while it runs. */
class View {
  readonly tally: ImportTally = emptyTally();
  readonly #begunMs = performance.now();
  readonly #isTerminal = Deno.stderr.isTerminal();
  readonly #screen: Screen;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #badLines: Deno.FsFile | null;
  readonly #told = new Map<ImportFile, number>();
  #lastTrouble = "";

  constructor(files: readonly ImportFile[], badLinesPath: string | null) {
    const encoder = new TextEncoder();
    this.#screen = openScreen(this.#isTerminal, (text) => void Deno.stderr.writeSync(encoder.encode(text)));
    this.#badLines = badLinesPath === null
      ? null
      : Deno.openSync(badLinesPath, { write: true, create: true, truncate: true });
    const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#timer = setInterval(() => {
      if (this.#isTerminal) this.#screen.status(progressText(this.tally, totalBytes, this.tookMs));
    }, progressMs);
  }

  get tookMs(): number {
    return performance.now() - this.#begunMs;
  }

  get report(): ImportReport {
    const { tally } = this;
    return {
      rows: (count) => void (tally.rows += count),
      bytes: (count) => void (tally.bytes += count),
      forgotten: (count) => void (tally.forgotten += count),
      badLine: (file, line, sentence) => this.#badLine(file, line, sentence),
      fileDone: (_file, wasDone) => void (wasDone ? tally.filesBefore++ : tally.files++),
      fileFailed: ({ shown }, sentence) => this.fileFailed(shown, sentence),
      fileForgotten: ({ shown }) =>
        this.#say(
          `${shown}: the node does not know what was imported of it; it is imported from its beginning`,
        ),
    };
  }

  fileFailed(shown: string, sentence: string): void {
    this.tally.filesFailed++;
    this.#say(`${shown}: ${sentence}`);
  }

  trouble(sentence: string): void {
    if (sentence === this.#lastTrouble) return;
    this.#lastTrouble = sentence;
    this.#say(`It is tried again: ${sentence}`);
  }

  end(): void {
    clearInterval(this.#timer);
    for (const [{ shown }, count] of this.#told) {
      if (count > toldBadLines) this.#say(`${shown}: ${count - toldBadLines} more bad lines`);
    }
    this.#screen.write("");
    this.#badLines?.close();
  }

  #badLine(file: ImportFile, line: number, sentence: string): void {
    const { tally } = this;
    tally.badLines++;
    const count = (this.#told.get(file) ?? 0) + 1;
    this.#told.set(file, count);
    if (count <= toldBadLines) this.#say(`${file.shown}:${line}: ${sentence}`);
    const cells = [file.path, String(line), sentence].map((cell) => `"${cell.replaceAll('"', '""')}"`);
    this.#badLines?.writeSync(new TextEncoder().encode(`${cells.join(",")}\r\n`));
  }

  #say(sentence: string): void {
    this.#screen.write(`${sentence.replace(/\.$/, "")}.\n`);
  }
}

await runTask(spec, Deno.args, work);
