/**
 * The series of one target, as its page is read again and again.
 *
 * 1. What a text says of a series is found out once, and known while it comes with every page.
 * 2. A series has one sample a page: the first.
 * 3. Of the series that are taken no more than `max` are let in, in the order of the page.
 * 4. A sample that has a time of its own counts once: it carries it as its number, which the series knows again whatever
 *    was restarted meanwhile.
 */

import { maxAheadMs } from "../../../runtime/core/limits.ts";
import { type Matchers, matchesSeries, parseMatchers } from "../../series/matchers.ts";
import { type Labels, seriesId, seriesProblem } from "../../series/sample.ts";
import type { SampleMessage } from "../../series/series.ts";
import { type ExpositionFormat, readExposition } from "./exposition.ts";
import { instanceOf, renamed, withLabels } from "./labels.ts";
import { MetricTypes } from "./metric_types.ts";
import { type Refused, type Tally, Tallying } from "./scrape_messages.ts";
import { parseSeriesText } from "./series_text.ts";
import { selectorsOf, type TargetSpec } from "./source_spec.ts";

export interface SourceSample {
  readonly id: string;
  readonly message: SampleMessage;
}

interface Known {
  readonly id: string;
  readonly isCounter: boolean;
  /** By the number of the page. */
  seenIn: number;
  takenIn: number;
  lastTsMs: number;
  lastValue: number;
}

/** What is not taken: whether a line is broken or a series cannot be, and why; null: nobody asked for it. */
type NotTaken = { readonly why: "broken" | "invalid"; readonly sentence: string } | null;

interface Reading {
  readonly page: number;
  readonly atMs: number;
  readonly tallying: Tallying;
}

export interface Page {
  readonly text: string;
  readonly format: ExpositionFormat;
  /** When it was asked for, epoch milliseconds. */
  readonly atMs: number;
}

/** A text that keeps nothing else in memory: a piece of a page would keep the page. */
function ownText(text: string): string {
  return JSON.parse(JSON.stringify(text));
}

export class TargetSeries {
  readonly #spec: TargetSpec;
  readonly #labels: Labels;
  readonly #selectors: readonly Matchers[];
  /** By the text on the page. Made anew with every page, so that texts keep no page but the last in memory. */
  #known = new Map<string, Known | NotTaken>();
  /** Two texts may mean one series. */
  #byId = new Map<string, Known>();
  #page = 0;

  /** @param job the source's name */
  constructor(spec: TargetSpec, job: string) {
    this.#spec = spec;
    this.#labels = { job, instance: instanceOf(spec.url), ...spec.labels };
    this.#selectors = selectorsOf(spec).map(parseMatchers);
  }

  /** How many are known. */
  get size(): number {
    return this.#known.size;
  }

  /** The labels of everything that is told of this target. */
  get labels(): Labels {
    return this.#labels;
  }

  #learn(text: string, types: MetricTypes): Known | NotTaken {
    const read = parseSeriesText(text);
    if ("sentence" in read) return { why: "broken", sentence: ownText(read.sentence) };
    const labelled = withLabels(read, this.#labels);
    if (this.#selectors.length > 0 && !this.#selectors.some((each) => matchesSeries(each, labelled))) {
      return null;
    }
    const parts = renamed(labelled, this.#spec.rename ?? {});
    const problem = seriesProblem(parts);
    if (problem !== null) return { why: "invalid", sentence: ownText(problem) };
    const id = ownText(seriesId(parts.name, parts.labels));
    const known = this.#byId.get(id) ?? {
      id,
      isCounter: types.isCounter(read.name),
      seenIn: 0,
      takenIn: 0,
      lastTsMs: -Infinity,
      lastValue: NaN,
    };
    this.#byId.set(id, known);
    return known;
  }

  /** What of a page is for series. */
  read({ text, format, atMs }: Page): { readonly samples: readonly SourceSample[]; readonly tally: Tally } {
    const page = ++this.#page;
    const before = this.#known;
    const now = new Map<string, Known | NotTaken>();
    const types = new MetricTypes();
    const tallying = new Tallying();
    const samples: SourceSample[] = [];
    readExposition(text, format, {
      type: (family, type) => types.set(family, type),
      broken: (line, sentence) => tallying.refuse("broken", () => `line ${line}: ${sentence}`),
      sample: (series, value, tsMs, line) => {
        let known = now.get(series) ?? before.get(series);
        if (known === undefined) known = this.#learn(series, types);
        now.set(series, known);
        if (known === null) tallying.unmatched++;
        else if ("why" in known) {
          const { why, sentence } = known;
          tallying.refuse(why, () => `line ${line}: ${sentence}`);
        } else {
          const message = this.#judge(known, value, tsMs, { page, atMs, tallying });
          if (message !== null) samples.push({ id: known.id, message });
        }
      },
    });
    this.#forget(page, tallying);
    this.#known = now;
    tallying.samples = samples.length;
    return { samples, tally: tallying.tally };
  }

  #judge(
    known: Known,
    value: number,
    tsMs: number | null,
    { page, atMs, tallying }: Reading,
  ): SampleMessage | null {
    const refuse = (why: Refused, sentence: string) => {
      tallying.refuse(why, () => `${known.id} ${sentence}`);
      return null;
    };
    if (known.seenIn === page) return refuse("duplicate", "is there more than once");
    known.seenIn = page;
    if (tallying.series >= this.#spec.max) {
      return refuse("beyond", `is beyond the ${this.#spec.max} series of max`);
    }
    tallying.series++;
    known.takenIn = page;
    if (!Number.isFinite(value)) return refuse("notFinite", `is ${value}`);
    if (tsMs !== null) {
      if (tsMs < 0 || tsMs > atMs + maxAheadMs) {
        return refuse("ahead", `has a time that is not ours: ${timeText(tsMs)}`);
      }
      if (tsMs === known.lastTsMs) return refuse("repeated", `has the time ${timeText(tsMs)} again`);
      if (tsMs < known.lastTsMs) {
        return refuse("backwards", `has the time ${timeText(tsMs)} after ${timeText(known.lastTsMs)}`);
      }
      known.lastTsMs = tsMs;
    }
    if (known.isCounter && value < known.lastValue) tallying.resets++;
    known.lastValue = value;
    return tsMs === null ? [atMs, null, value] : [tsMs, tsMs, value];
  }

  #forget(page: number, tallying: Tallying): void {
    for (const [id, { seenIn, takenIn }] of this.#byId) {
      if (takenIn === page - 1 && takenIn > 0) tallying.stale++;
      if (seenIn !== page) this.#byId.delete(id);
    }
  }
}

function timeText(tsMs: number): string {
  const date = new Date(tsMs);
  return Number.isNaN(date.getTime()) ? String(tsMs) : date.toISOString();
}
