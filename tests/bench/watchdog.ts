/**
 * False alarms of the watchdog: full load, while as many endless loops as there are processors take their share of them.
 * A host that dies, for whatever reason, counts as one.
 */

import { type BenchOptions, type Figure, perSecond, type Row } from "./figure.ts";
import { runLoad } from "./load.ts";
import { loadFlags, withBench } from "./measured_server.ts";
import { readMetric } from "./metrics.ts";
import { ownCpuSeconds, ownCpuText } from "./process_stats.ts";

const sensors = 10_000;
const loop = "for (;;) if (performance.now() < 0) break;";

function startLoops(): readonly Deno.ChildProcess[] {
  return Array.from(
    { length: navigator.hardwareConcurrency },
    () => new Deno.Command(Deno.execPath(), { args: ["eval", loop], stdin: "null", stdout: "null" }).spawn(),
  );
}

async function measure({ seconds }: BenchOptions): Promise<readonly Row[]> {
  const ownBefore = ownCpuSeconds();
  return await withBench([...loadFlags, "--threads", "2"], async (bench) => {
    const server = await bench.start();
    const pid = await server.nodePid();
    const loops = startLoops();
    try {
      const phases = await runLoad({ url: bench.url, sensors, ratePerSecond: null, forSeconds: seconds });
      const accepted = phases.reduce((sum, { tally }) => sum + tally.accepted, 0);
      const deaths = await readMetric(server.adminUrl, "sensorium_host_deaths_total");
      const isSameNode = await server.nodePid() === pid;
      return [{
        figure: `false alarms of the watchdog in ${seconds} s of full load, both processors busy elsewhere`,
        target: "0",
        measured: `${deaths} hosts restarted, node ${isSameNode ? "not " : ""}restarted, at ${
          perSecond(accepted / seconds)
        }`,
        isMet: deaths === 0 && isSameNode,
        serverCpu: "",
        clientCpu: ownCpuText(ownBefore),
      }];
    } finally {
      for (const each of loops) each.kill("SIGKILL");
      await Promise.all(loops.map(({ status }) => status));
    }
  });
}

export const watchdog: Figure = {
  name: "watchdog",
  meaning: "false alarms while the processors are busy elsewhere; asked for by name, with --seconds 1800",
  run: measure,
};
