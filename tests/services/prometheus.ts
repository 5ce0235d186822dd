/** A real Prometheus on a free port, with one target; and `promtool`. */

import { join } from "node:path";
import { z } from "zod";
import { eventually } from "./eventually.ts";
import { freePort } from "../../deploy/services/free_port.ts";

export interface PrometheusOptions {
  /** `host:port` of what is scraped. */
  readonly target: string;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
  /** Where it writes to what it scrapes, with the same token. */
  readonly remoteWriteUrl?: string;
}

/** One series of the answer to a query, at the query's time. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const queryAnswer = z.object({
  status: z.literal("success"),
  data: z.object({
    resultType: z.literal("vector"),
    result: z.array(z.object({
      metric: z.record(z.string(), z.string()),
      value: z.tuple([z.number(), z.string()]),
    })),
  }),
});

const rangeAnswer = z.object({
  status: z.literal("success"),
  data: z.object({
    resultType: z.literal("matrix"),
    result: z.array(z.object({
      metric: z.record(z.string(), z.string()),
      values: z.array(z.tuple([z.number(), z.string()])),
    })),
  }),
});

/** One series of the answer to a query over a range of time. */
export interface SampleRange {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [tsMs: number, value: number])[];
}

const startDeadlineMs = 20_000;

// JSON is YAML, and needs no quoting by hand.
function configuration({ target, token, remoteWriteUrl }: PrometheusOptions): string {
  const authorization = token === undefined ? {} : { authorization: { type: "Bearer", credentials: token } };
  return JSON.stringify({
    global: { scrape_interval: "1s", scrape_timeout: "1s" },
    scrape_configs: [{
      job_name: "sensorium",
      ...authorization,
      static_configs: [{ targets: [target] }],
    }],
    ...remoteWriteUrl !== undefined && {
      remote_write: [{ url: remoteWriteUrl, ...authorization, queue_config: { batch_send_deadline: "1s" } }],
    },
  });
}

export class Prometheus implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  readonly url: string;

  private constructor(process: Deno.ChildProcess, folder: string, url: string) {
    this.#process = process;
    this.#folder = folder;
    this.url = url;
  }

  /** Resolves when it answers queries. */
  static async start(options: PrometheusOptions): Promise<Prometheus> {
    const folder = await Deno.makeTempDir({ prefix: "sensorium-prometheus-" });
    const configFile = join(folder, "prometheus.yml");
    await Deno.writeTextFile(configFile, configuration(options));
    const address = `127.0.0.1:${freePort()}`;
    const process = new Deno.Command("prometheus", {
      args: [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${address}`,
        "--log.level=error",
      ],
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const prometheus = new Prometheus(process, folder, `http://${address}`);
    try {
      await eventually("Prometheus to be ready", startDeadlineMs, async () => {
        const response = await fetch(`${prometheus.url}/-/ready`);
        await response.body?.cancel();
        return response.ok ? true : null;
      });
      return prometheus;
    } catch (error) {
      await prometheus[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The series that a PromQL expression gives now. */
  async query(expression: string): Promise<readonly Sample[]> {
    const url = `${this.url}/api/v1/query?query=${encodeURIComponent(expression)}`;
    const response = await fetch(url);
    const { data } = queryAnswer.parse(await response.json());
    return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** The series that an expression gives at each step from the first moment to the last. */
  async queryRange(
    query: string,
    { fromMs, toMs, stepMs }: { readonly fromMs: number; readonly toMs: number; readonly stepMs: number },
  ): Promise<readonly SampleRange[]> {
    const range = { start: `${fromMs / 1000}`, end: `${toMs / 1000}`, step: `${stepMs / 1000}` };
    const response = await fetch(
      `${this.url}/api/v1/query_range?${new URLSearchParams({ query, ...range })}`,
    );
    const { data } = rangeAnswer.parse(await response.json());
    return data.result.map(({ metric, values }) => ({
      labels: metric,
      values: values.map(([seconds, value]) => [Math.round(seconds * 1000), Number(value)]),
    }));
  }

  /** As `query`, once there is at least one series. */
  async waitFor(expression: string, deadlineMs: number): Promise<readonly Sample[]> {
    return await eventually(`Prometheus to have ${expression}`, deadlineMs, async () => {
      const samples = await this.query(expression);
      return samples.length > 0 ? samples : null;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** What `promtool check metrics` has against a text in the exposition format; empty when nothing. */
export async function checkMetrics(text: string): Promise<string> {
  const process = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return success ? said.trim() : said.trim() || "promtool failed without a word";
}
