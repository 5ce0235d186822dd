/** `deno task export FILE`: see `--help`. Exit codes: 0 done, 1 failed, 2 refused. */

import { csvLines } from "../http/csv.ts";
import { Refusal } from "../cli/refusal.ts";
import { openScreen } from "../cli/screen.ts";
import { durationMs } from "../config/duration.ts";
import { type TaskArguments, type TaskSpec, token, tokenFlags } from "../cli/read_arguments.ts";
import { print, runTask } from "../cli/run_task.ts";
import { matches, parseMatchers } from "../series/matchers.ts";
import { SelectorError } from "../series/selector_reader.ts";
import { parseTimeArgument } from "../sensors/timestamp.ts";
import {
  historyColumns,
  historyRows,
  listIds,
  type Range,
  type Row,
  windowColumns,
  windowRows,
} from "./export_rows.ts";
import { NodeClient } from "./node_client.ts";
import { address, urlFlag } from "./transfer_arguments.ts";

const progressMs = 200;
const dayMs = 86_400_000;

const spec: TaskSpec = {
  task: "export",
  doing: "Cannot export",
  introduction: `Writes histories of a running node to FILE, a row for each series, channel
and step; or the windows of 1, 3 and 12 hours. A FILE that ends with .json gets
JSON, any other one CSV; - is the screen.

  deno task export history.csv --match '{__name__=~"node_.*"}' --from 7d
  deno task export windows.json --windows

Times are epoch milliseconds, RFC 3339, or so long ago: 90m, 24h, 7d.`,
  operand: "the file to write",
  flags: {
    "--url": urlFlag,
    ...tokenFlags,
    "--match": { form: "SELECTOR", meaning: "which series, as PromQL writes it (all)" },
    "--sensors": { form: null, meaning: "sensors in the place of series" },
    "--windows": { form: null, meaning: "windows in the place of histories" },
    "--from": { form: "TIME", meaning: "the history's beginning (24h)" },
    "--to": { form: "TIME", meaning: "its end (now)" },
    "--step": { form: "TIME", meaning: "a multiple of 5m; of 1m where minutes are kept (5m)" },
  },
};

async function work(given: TaskArguments): Promise<number> {
  const { flags, operand } = given;
  const path = flags.has("--sensors") ? "sensors" : "series";
  const isWanted = selection(given);
  const range = rangeOf(given, Date.now());
  const client = new NodeClient({
    url: address(spec, given),
    token: token(spec, given, Deno.env.toObject(), (file) => Deno.readTextFileSync(file)),
    doing: spec.doing,
    stop: new AbortController().signal,
    onTrouble: (sentence) => console.error(`It is tried again: ${sentence}`),
  });
  await client.checkReachable();
  const ids = await listIds(client, path, isWanted);
  const columns = flags.has("--windows") ? windowColumns : historyColumns;
  const output = new Output(operand, columns);
  const endProgress = showProgress(() => `${output.rows} rows of ${ids.length} ${path}`);
  try {
    for (const id of ids) {
      if (flags.has("--windows")) output.write(await windowRows(client, path, id));
      else for await (const rows of historyRows(client, path, id, range)) output.write(rows);
    }
    output.close();
  } catch (thrown) {
    output.discard();
    throw thrown;
  } finally {
    endProgress();
  }
  if (operand !== "-") print(`${operand}: ${output.rows} rows of ${ids.length} ${path}\n`);
  return 0;
}

function selection({ flags }: TaskArguments): (id: string) => boolean {
  const text = flags.get("--match");
  if (text === undefined) return () => true;
  if (flags.has("--sensors")) throw new Refusal(`${spec.doing}: --match is for series, which have labels.`);
  try {
    const matchers = parseMatchers(text);
    return (id) => matches(matchers, id);
  } catch (thrown) {
    if (!(thrown instanceof SelectorError)) throw thrown;
    throw new Refusal(`${spec.doing}: --match ${text}: ${thrown.message}`, { cause: thrown });
  }
}

function rangeOf(given: TaskArguments, nowMs: number): Range {
  const toMs = timeOf(given, "--to", nowMs, nowMs);
  const fromMs = timeOf(given, "--from", nowMs, toMs - dayMs);
  const step = given.flags.get("--step") ?? "5m";
  const stepMs = durationMs(step);
  if (!(stepMs >= 60_000)) {
    throw new Refusal(`${spec.doing}: --step is ${step}; 5m or 1h is right.`);
  }
  if (fromMs < toMs) return { fromMs, toMs, stepMs };
  throw new Refusal(`${spec.doing}: --from is not before --to.`);
}

function timeOf({ flags }: TaskArguments, flag: string, nowMs: number, fallbackMs: number): number {
  const text = flags.get(flag);
  if (text === undefined) return fallbackMs;
  const agoMs = durationMs(text);
  const timeMs = Number.isNaN(agoMs) ? parseTimeArgument(text) : Math.max(0, nowMs - agoMs);
  if (timeMs !== null) return timeMs;
  throw new Refusal(
    `${spec.doing}: ${flag} is ${text}; 2026-01-31T12:00:00Z, epoch milliseconds or 24h is right.`,
  );
}

/** Has its name only when it is whole. */
class Output {
  rows = 0;
  readonly #columns: readonly string[];
  readonly #path: string;
  readonly #partial: string;
  readonly #isJson: boolean;
  readonly #file: Deno.FsFile | null;
  readonly #encoder = new TextEncoder();

  constructor(path: string, columns: readonly string[]) {
    this.#path = path;
    this.#partial = `${path}.partial`;
    this.#columns = columns;
    this.#isJson = path.toLowerCase().endsWith(".json");
    const options = { write: true, create: true, truncate: true };
    this.#file = path === "-" ? null : Deno.openSync(this.#partial, options);
    this.#put(this.#isJson ? "[" : `${columns.join(",")}\r\n`);
  }

  write(rows: readonly Row[]): void {
    if (!this.#isJson) this.#put(csvLines(this.#columns, rows));
    else {for (const [at, row] of rows.entries()) {
        this.#put(`${this.rows + at === 0 ? "" : ","}\n${JSON.stringify(row)}`);
      }}
    this.rows += rows.length;
  }

  close(): void {
    if (this.#isJson) this.#put("\n]\n");
    this.#file?.close();
    if (this.#file !== null) Deno.renameSync(this.#partial, this.#path);
  }

  discard(): void {
    this.#file?.close();
    if (this.#file !== null) Deno.removeSync(this.#partial);
  }

  #put(text: string): void {
    const bytes = this.#encoder.encode(text);
    const file = this.#file ?? Deno.stdout;
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  }
}

/** Returns a function that ends it. */
function showProgress(text: () => string): () => void {
  if (!Deno.stderr.isTerminal()) return () => {};
  const encoder = new TextEncoder();
  const screen = openScreen(true, (line) => void Deno.stderr.writeSync(encoder.encode(line)));
  const timer = setInterval(() => screen.status(text()), progressMs);
  return () => {
    clearInterval(timer);
    screen.write("");
  };
}

await runTask(spec, Deno.args, work);
