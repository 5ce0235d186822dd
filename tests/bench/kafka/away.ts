/**
 * A server is away while the node is loaded as fast as it answers: its memory, and that nothing is lost.
 *
 * The outage is compared with itself: what waits for the server grows to its bounds at first, and no further.
 */

import { eventually } from "../../services/eventually.ts";
import { isRight } from "../../verify/verifier.ts";
import { mebibytes, median, type Row } from "../figure.ts";
import { lossText, runLoad, verifyLoad } from "../load.ts";
import { loadFlags, seconds as wait, withBench } from "../measured_server.ts";
import { watchMemory } from "../memory_watch.ts";
import type { BenchServers } from "./bench_servers.ts";
import type { KafkaFigure, KafkaRun } from "./kafka_figure.ts";

const sensors = 10_000;
const warmUpSeconds = 10;
const outageSeconds = 60;
const afterSeconds = 5;
/** As of the soak: the last third of the outage against its second. */
const flatRatio = 1.15;
const deadlineMs = 60_000;

type Away = keyof BenchServers["servers"];

async function ready(url: URL): Promise<true | null> {
  const response = await fetch(new URL("/readyz", url));
  await response.body?.cancel();
  return response.status === 200 ? true : null;
}

async function measureWithout(away: Away, run: KafkaRun): Promise<Row> {
  const name = `bench_away_${away}`;
  const server = run.servers.servers[away];
  const row = await withBench(loadFlags, async (bench) => {
    const node = await bench.start();
    const pid = await node.nodePid();
    const stop = new AbortController();
    const loading = runLoad({
      url: bench.url,
      sensors,
      ratePerSecond: null,
      forSeconds: warmUpSeconds + outageSeconds + deadlineMs / 1000,
      stop: stop.signal,
    });
    await wait(warmUpSeconds);
    await server.stop();
    const endWatch = watchMemory(pid);
    await wait(outageSeconds);
    const readings = await endWatch();
    await server.start();
    await eventually("the node to be ready again", deadlineMs, () => ready(bench.url));
    await wait(afterSeconds);
    stop.abort();
    const verification = await verifyLoad(bench.url, await loading);
    const isSame = await node.nodePid() === pid;
    const rss = readings.map(({ rssBytes }) => rssBytes);
    const third = Math.ceil(rss.length / 3);
    const [first, second, last] = [0, 1, 2].map((part) =>
      median(rss.slice(part * third, (part + 1) * third))
    );
    return {
      figure: `${away} away for ${outageSeconds} s under full load: memory by thirds of it`,
      target: "flat, nothing lost, the same process",
      measured:
        `${[first!, second!, last!].map(mebibytes).join(", ")}; largest ${mebibytes(Math.max(...rss))}; ` +
        `${lossText(verification)}${isSame ? "" : "; the node is another process"}`,
      isMet: last! <= second! * flatRatio && isRight(verification) && isSame,
      serverCpu: "",
      clientCpu: "",
    };
  }, { environment: run.servers.environment(name) });
  await run.topics.remove((topic) => topic.startsWith(`${name}.`));
  return row;
}

export const away: KafkaFigure = {
  name: "away",
  meaning: "memory while MariaDB, and then Kafka, is away for a minute under full load",
  run: async (run) => [await measureWithout("mariadb", run), await measureWithout("kafka", run)],
};
