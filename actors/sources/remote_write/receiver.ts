/**
 * Takes write requests in: their samples become messages of their series.
 *
 * 1. `durable` resolves when all that was accepted is durable. The same body again counts once, within ten minutes: its key is its
 *    hash, as Prometheus sends a request again whose answer it did not get.
 * 2. What is not taken of a request is counted by reason, and does not keep the rest from being taken.
 * 3. When it follows another spec, it has forgotten which series it knew and refused, and counts anew what it shows. A
 *    request is read by one spec.
 */

import type { Batch, Engine } from "../../../runtime/node/engine.ts";
import { Counter, Gauge, type Registry } from "../../../runtime/prom_client.ts";
import { isTimeMs } from "../../sensors/timestamp.ts";
import type { SampleMessage } from "../../series/series.ts";
import type { RemoteWriteSpec } from "../prometheus/source_spec.ts";
import { toldLabels } from "./limits.ts";
import { type NameRefusal, type Refused, SeriesNames } from "./series_names.ts";
import { labelsIn, readWriteRequest, type SampleKind, unpack, type WriteSink } from "./write_request.ts";

type Outcome = "accepted" | "stale" | "nan" | "time" | "histogram" | NameRefusal;
const outcomes: readonly Outcome[] = [
  "accepted",
  "stale",
  "nan",
  "time",
  "histogram",
  "labels",
  "too-many-series",
  "unmatched",
];

/** As long as nobody says otherwise. */
const everything: RemoteWriteSpec = { type: "remote-write" };

export interface ReceiverOptions {
  readonly engine: Pick<Engine, "batch">;
  readonly maxSeries: number;
  readonly registry: Registry;
  /** @param like the same for sentences of one kind */
  warn(sentence: string, like: NameRefusal): void;
}

/** What came of it since the receiver follows its spec. */
export interface Received {
  readonly series: number;
  /** By what became of them; of series that are not taken, the series of each request. */
  readonly samples: Readonly<Record<string, number>>;
}

/** What became of a request. */
export interface Written {
  /** How many it has; a series that is not taken counts as one. */
  readonly samples: number;
  /** Rejects with an `EngineError`. */
  readonly durable: Promise<void>;
}

export class RemoteWriteReceiver {
  readonly #options: ReceiverOptions;
  readonly #samples: Counter<"outcome">;
  readonly #known = Promise.withResolvers<void>();
  /** As JSON; null: it follows none yet. */
  #spec: string | null = null;
  #names: SeriesNames;
  #counts = new Map<Outcome, number>();

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#names = new SeriesNames(everything, options.maxSeries);
    const { registry } = options;
    this.#samples = new Counter({
      name: "sensorium_remote_write_samples_total",
      help:
        "Samples that were written to this node, by what became of them, again when they are sent again; of series that are " +
        "not taken, the series.",
      labelNames: ["outcome"],
      registers: [registry],
    });
    for (const outcome of outcomes) this.#samples.inc({ outcome }, 0);
    const size = () => this.#names.size;
    new Gauge({
      name: "sensorium_remote_write_series",
      help:
        "Series that were taken of what is written to this node, since its start or another configuration.",
      registers: [registry],
      collect() {
        this.set(size());
      },
    });
  }

  /** Resolves when it follows a spec: what comes before could be what nobody selects. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  get received(): Received {
    return { series: this.#names.size, samples: Object.fromEntries(this.#counts) };
  }

  /** From now on this is taken; null: everything. */
  follow(spec: RemoteWriteSpec | null): void {
    const text = JSON.stringify(spec);
    if (text === this.#spec) return;
    this.#spec = text;
    this.#names = new SeriesNames(spec ?? everything, this.#options.maxSeries);
    this.#counts = new Map();
    this.#known.resolve();
  }

  /** Resolves when the request was read and is on its way to the log. Throws a `WriteRequestError`. */
  async accept(body: Uint8Array<ArrayBuffer>): Promise<Written> {
    const unpacked = unpack(body);
    const key = `rw-${new Uint8Array(await crypto.subtle.digest("SHA-256", body)).toHex()}`;
    const batch = this.#options.engine.batch(key);
    const all = this.#counts;
    const counts = new Map<Outcome, number>();
    readWriteRequest(unpacked, this.#sinkOf(batch, counts));
    let samples = 0;
    for (const count of counts.values()) samples += count;
    return { samples, durable: this.#send(batch, counts, all) };
  }

  /** @param all what is shown of the spec by which the request was read */
  async #send(
    batch: Batch,
    counts: ReadonlyMap<Outcome, number>,
    all: Map<Outcome, number>,
  ): Promise<void> {
    if (batch.size > 0) await batch.send();
    for (const [outcome, count] of counts) {
      this.#samples.inc({ outcome }, count);
      all.set(outcome, (all.get(outcome) ?? 0) + count);
    }
  }

  #sinkOf(batch: Batch, counts: Map<Outcome, number>): WriteSink {
    const names = this.#names;
    let id = "";
    const count = (outcome: Outcome) => counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    return {
      series: (labels) => {
        const found = names.find(labels);
        if ("id" in found) {
          id = found.id;
          return true;
        }
        count(found.refusal);
        if (found.refusal !== "unmatched") this.#tell(labels, found);
        return false;
      },
      sample: (kind: SampleKind, value: number, timeMs: number) => {
        if (kind !== "number" || !Number.isFinite(value)) {
          return void count(kind === "stale" ? "stale" : "nan");
        }
        // Before 1970, or beyond what a date can hold.
        if (!isTimeMs(timeMs)) return void count("time");
        // A sender's samples of a series come in the order of their times: one whose time was there is a
        // repeat, and one far behind the last is out of order, which the series counts.
        const message: SampleMessage = [timeMs, timeMs, value];
        batch.add("series", id, message);
        count("accepted");
      },
      histogram: () => void count("histogram"),
    };
  }

  #tell(labels: Uint8Array, { refusal, sentence }: Refused): void {
    this.#options.warn(
      `A series that is written here is not taken: ${sentence} (${exampleOf(labels)}).`,
      refusal,
    );
  }
}

/** As many of the labels as are told: there may be megabytes of them. */
function exampleOf(labels: Uint8Array): string {
  let text = "";
  try {
    for (const [name, value] of labelsIn(labels)) {
      text += `${text === "" ? "" : ","}${name.slice(0, toldLabels)}="${value.slice(0, toldLabels)}"`;
      if (text.length >= toldLabels) break;
    }
  } catch {
    // What is no text is told up to there.
  }
  return text.slice(0, toldLabels);
}
