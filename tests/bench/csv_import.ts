/**
 * Imports: a folder of CSV files, brought into a node by `deno task import` as its user does it.
 *
 * The clock runs from the start of the task until the node, asked to stop after it, has folded and checkpointed
 * everything and is gone. Then it is started again, and every series is asked for its count and sum.
 */

import { join } from "node:path";
import { type BenchOptions, type Figure, grouped, perSecond, type Row } from "./figure.ts";
import { loadFlags, withBench } from "./measured_server.ts";
import { cpuText, readStats } from "./process_stats.ts";

const targetPerSecond = 200_000;
const root = new URL("../../", import.meta.url);

/** What is imported: so many files with so many rows each, so far apart. */
interface Shape {
  readonly files: number;
  readonly rows: number;
  readonly everyMs: number;
}

/** Five days and a half of a value each 10 s; a week of a value each 5 minutes, as metrics come out of the cloud. */
const shapes: readonly Shape[] = [
  { files: 64, rows: 47_500, everyMs: 10_000 },
  { files: 1000, rows: 2000, everyMs: 300_000 },
];

/** Multiples of 1/8, so that sums are exact in any order. */
function valueOf(file: number, row: number): number {
  return ((row * 7 + file) % 1000) / 8;
}

function write(folder: string, { files, rows, everyMs }: Shape): readonly number[] {
  const fromMs = Math.floor(Date.now() / 1000) * 1000 - rows * everyMs;
  const times = Array.from(
    { length: rows },
    (_, row) => new Date(fromMs + row * everyMs).toISOString().slice(0, 19).replace("T", " "),
  );
  return Array.from({ length: files }, (_, file) => {
    const lines = times.map((time, row) => `${time},${valueOf(file, row)}\n`);
    Deno.writeTextFileSync(join(folder, `series-${file}.csv`), `timestamp,value\n${lines.join("")}`);
    return times.reduce((sum, _time, row) => sum + valueOf(file, row), 0);
  });
}

async function runTask(folder: string, url: URL): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "import", folder, "--url", url.href],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout).trim();
  if (!success) throw new Error(`The import failed: ${new TextDecoder().decode(stderr)}\n${said}`);
  return said;
}

/** Series that have not all of their file. */
async function wrongSeries(url: URL, { rows }: Shape, sums: readonly number[]): Promise<number> {
  let wrong = 0;
  for (const [file, sum] of sums.entries()) {
    const { total } = await (await fetch(new URL(`/series/series-${file}/windows`, url))).json();
    if (total?.value?.count !== rows || total.value.sum !== sum) wrong++;
  }
  return wrong;
}

async function measureShape(shape: Shape): Promise<Row> {
  const folder = await Deno.makeTempDir({ prefix: "sensorium-import-" });
  try {
    const sums = write(folder, shape);
    return await withBench(loadFlags, async (bench) => {
      const server = await bench.start();
      const pid = await server.nodePid();
      const [before, beganMs] = [await readStats(pid), performance.now()];
      const said = await runTask(folder, bench.url);
      const after = await readStats(pid);
      await server.stop();
      const tookSeconds = (performance.now() - beganMs) / 1000;
      await bench.start();
      const wrong = await wrongSeries(bench.url, shape, sums);
      const { files, rows, everyMs } = shape;
      const rate = files * rows / tookSeconds;
      return {
        figure: `import of ${grouped(files)} files, ${grouped(rows)} rows each, one each ${everyMs / 1000} s`,
        target: `≥ ${perSecond(targetPerSecond)}, all counted`,
        measured: `${perSecond(rate)}; the task: ${said}; wrong series ${wrong}`,
        isMet: rate >= targetPerSecond && wrong === 0,
        serverCpu: cpuText(before, after),
        clientCpu: "",
      };
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function measure(_options: BenchOptions): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const shape of shapes) rows.push(await measureShape(shape));
  return rows;
}

export const csvImport: Figure = {
  name: "import",
  meaning: "rows a second of CSV files, folded and checkpointed",
  run: measure,
};
