/**
 * The service `scrape`: reads a source once and sends what it has to the series.
 *
 * 1. That a source cannot be read is an answer, with a sentence; the service goes on.
 * 2. Asked again for the same, it reads again: a sample that has a time of its own counts once all the same, one of a
 *    target's page is one more value, at its own time.
 * 3. What it knows of targets is for speed and for counting what is stale: without it nothing is lost.
 */

import { errorMessage } from "../../../runtime/core/errors.ts";
import type { Json } from "../../../runtime/core/actor.ts";
import { type Engine, EngineError } from "../../../runtime/node/engine.ts";
import { type Service, serviceOf } from "../../../runtime/node/service.ts";
import { type OfferingEngine, offerToRules } from "../../rules/offering.ts";
import { seriesId } from "../../series/sample.ts";
import { AnswerBudget, AnswerError } from "./answer_text.ts";
import { maxBytesUnderWay, maxWaitingScrapes, samplesPerBatch, scrapesAtOnce } from "./limits.ts";
import { matrixSamples } from "./matrix.ts";
import { type ScrapeAnswer, ScrapeRequest, type Tally, Tallying } from "./scrape_messages.ts";
import type { ScrapeMetrics } from "./scrape_metrics.ts";
import { askServer } from "./server_answer.ts";
import type { ReadSpec, ServerSpec, TargetSpec } from "./source_spec.ts";
import { type Fetching, fetchPage } from "./target_page.ts";
import type { SourceSample, TargetSeries } from "./target_series.ts";
import { KnownTargets } from "./known_targets.ts";

/** What of the engine it uses. */
export type ScraperEngine = OfferingEngine & Pick<Engine, "logNowMs">;

export interface ScraperOptions {
  /** Once it runs. */
  readonly engine: Promise<ScraperEngine>;
  readonly metrics: ScrapeMetrics;
  warn(sentence: string): void;
  info(sentence: string): void;
}

interface Read {
  readonly samples: readonly SourceSample[];
  readonly tally: Tally;
  readonly bytes: number;
}

async function tokenHeaders({ bearer_token_file: path }: ReadSpec): Promise<Record<string, string>> {
  if (path === undefined) return {};
  try {
    return { authorization: `Bearer ${(await Deno.readTextFile(path)).trim()}` };
  } catch (thrown) {
    throw new AnswerError("token", `The file of its token cannot be read: ${errorMessage(thrown)}`, {
      cause: thrown,
    });
  }
}

/** The three that Prometheus makes of each scrape of its own, too: https://prometheus.io/docs/concepts/jobs_instances/. */
function ownSamples(
  target: TargetSeries,
  atMs: number,
  isUp: boolean,
  tookMs: number,
  samples: number,
): SourceSample[] {
  const values = {
    up: Number(isUp),
    scrape_duration_seconds: tookMs / 1000,
    scrape_samples_scraped: samples,
  };
  return Object.entries(values).map(([name, value]) => ({
    id: seriesId(name, target.labels),
    message: [atMs, null, value],
  }));
}

/** Throws when a page has lines, and not one of them is a sample. */
function checkAny({ series, unmatched, refused, examples }: Tally): void {
  const { broken = 0, invalid = 0 } = refused;
  if (broken === 0 || series + unmatched + invalid > 0) return;
  throw new AnswerError("not-metrics", `Its page is no metrics: ${examples[0]}`);
}

/** What the node cannot take now is asked for again. */
async function taken(send: () => Promise<void>): Promise<void> {
  try {
    await send();
  } catch (cause) {
    if (!(cause instanceof EngineError)) throw cause;
    throw new AnswerError("overloaded", `Its samples are not taken: ${cause.message.replace(/\.$/, "")}`, {
      cause,
    });
  }
}

class Scraper {
  readonly #options: ScraperOptions;
  readonly #budget = new AnswerBudget(maxBytesUnderWay);
  readonly #targets = new KnownTargets();

  constructor(options: ScraperOptions) {
    this.#options = options;
  }

  async #send(samples: readonly SourceSample[]): Promise<void> {
    const engine = await this.#options.engine;
    await taken(async () => {
      for (let at = 0; at < samples.length; at += samplesPerBatch) {
        const batch = engine.batch();
        for (const { id, message } of samples.slice(at, at + samplesPerBatch)) {
          batch.add("series", id, message);
        }
        await batch.send();
      }
    });
  }

  async #fetching(spec: ReadSpec, signal: AbortSignal): Promise<Fetching> {
    const headers = { "user-agent": "sensorium", ...await tokenHeaders(spec) };
    return { headers, budget: this.#budget, signal };
  }

  async #readTarget(spec: TargetSpec, name: string, signal: AbortSignal): Promise<Read> {
    const atMs = (await this.#options.engine).logNowMs();
    const startMs = performance.now();
    const target = this.#targets.get(name, spec);
    const own = (isUp: boolean, samples: number) =>
      ownSamples(target, atMs, isUp, performance.now() - startMs, samples);
    let read: Read;
    try {
      const { bytes, ...page } = await fetchPage(spec, await this.#fetching(spec, signal));
      read = { ...target.read({ ...page, atMs }), bytes };
      checkAny(read.tally);
    } catch (thrown) {
      if (!(thrown instanceof AnswerError)) throw thrown;
      await this.#send(own(false, 0));
      throw thrown;
    }
    this.#targets.bound();
    await this.#send([...read.samples, ...own(true, read.samples.length)]);
    return read;
  }

  async #readServer(spec: ServerSpec, range: ScrapeRequest["range"], signal: AbortSignal): Promise<Read> {
    if (range === null) throw new Error("A Prometheus server is asked for a range, and the request has none");
    const engine = await this.#options.engine;
    const nowMs = engine.logNowMs();
    const { series, bytes } = await askServer(spec, range, await this.#fetching(spec, signal));
    const read = matrixSamples(series, { spec, nowMs, isImport: range.isImport });
    if (range.isImport) {
      await taken(() => offerToRules(engine, [...new Set(read.samples.map(({ id }) => id))]));
    }
    await this.#send(read.samples);
    return { ...read, bytes };
  }

  async #read({ spec, range }: ScrapeRequest, name: string, signal: AbortSignal): Promise<Read> {
    switch (spec.type) {
      case "target":
        return await this.#readTarget(spec, name, signal);
      case "prometheus":
        return await this.#readServer(spec, range, signal);
    }
  }

  async scrape(request: ScrapeRequest, name: string, signal: AbortSignal): Promise<ScrapeAnswer> {
    const atMs = (await this.#options.engine).logNowMs();
    const startMs = performance.now();
    const answer = (read: Pick<Read, "tally" | "bytes">, failure: ScrapeAnswer["failure"]): ScrapeAnswer => ({
      atMs,
      tookMs: Math.round(performance.now() - startMs),
      bytes: read.bytes,
      ...read.tally,
      failure,
    });
    try {
      return answer(await this.#read(request, name, signal), null);
    } catch (thrown) {
      if (!(thrown instanceof AnswerError)) throw thrown;
      const failure = { code: thrown.code, sentence: thrown.message };
      return answer({ tally: new Tallying().tally, bytes: 0 }, failure);
    }
  }

  tell({ spec, isFailing }: ScrapeRequest, name: string, answer: ScrapeAnswer): void {
    const { metrics, warn, info } = this.#options;
    metrics.scraped(spec, answer);
    const { failure } = answer;
    if (failure !== null && !isFailing) {
      warn(`Cannot read the source ${name}: ${failure.sentence}. Trying again.`);
    }
    if (failure === null && isFailing) info(`Reads the source ${name} again.`);
  }
}

export function scrapeService(options: ScraperOptions): Service {
  const scraper = new Scraper(options);
  const settings = { name: "scrape", concurrency: scrapesAtOnce, maxWaiting: maxWaitingScrapes };
  return serviceOf(settings, async ({ from, body }, signal): Promise<Json> => {
    const request = ScrapeRequest.parse(body);
    const answer = await scraper.scrape(request, from.id, signal);
    scraper.tell(request, from.id, answer);
    return answer;
  });
}
