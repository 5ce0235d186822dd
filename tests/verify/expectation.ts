/** What a server must have, made again from the seed and the ledgers of the runs. */

import { type Layout } from "../../actors/simulate/layout.ts";
import type { BodyPlace, StreamLedger } from "../../actors/simulate/ledger.ts";
import { channelsOf, type Reading } from "../../actors/simulate/reading.ts";
import { type Stream, streamOf } from "../../actors/simulate/stream.ts";
import { describeSensor } from "../../actors/simulate/world.ts";

/** One value of a channel. */
export interface Point {
  readonly tsMs: number;
  readonly value: number;
}

/** Every accepted value of a sensor, by channel, in the order of sending. */
export type ExpectedChannels = ReadonlyMap<string, readonly Point[]>;

export interface Expectation {
  /** Ids of the sensors of which everything is known. */
  readonly ids: readonly string[];
  /** Sensors in bodies that nobody answered: nothing exact can be said of them. */
  readonly uncertain: number;
  channels(id: string): ExpectedChannels;
}

/** One stream, less what did not get through. */
class Source {
  readonly #stream: Stream;
  readonly #settled: readonly number[];
  readonly #missing = new Set<string>();
  readonly uncertain = new Set<number>();

  constructor(readonly ledger: StreamLedger) {
    this.#stream = streamOf(ledger.plan, ledger.stream);
    this.#settled = ledger.settled;
    for (const place of ledger.refused) {
      for (const { sensor, step } of this.#itemsOf(place)) this.#missing.add(`${sensor}:${step}`);
    }
    for (const { index, ...place } of ledger.rejected) {
      const item = this.#itemsOf(place)[index];
      if (item === undefined) {
        throw new Error(`Body ${place.body} of lane ${place.lane} has no item ${index}`);
      }
      this.#missing.add(`${item.sensor}:${item.step}`);
    }
    for (const place of ledger.unanswered) {
      for (const { sensor } of this.#itemsOf(place)) this.uncertain.add(sensor);
    }
  }

  #itemsOf({ lane, body }: BodyPlace) {
    return this.#stream.items(lane, body);
  }

  /** Duplicates count once: they repeat a reading of the same `seq`, and so must the server count them. */
  *readings(sensor: number): Generator<Reading> {
    const layout: Layout = this.#stream.layout;
    const settled = this.#settled[layout.laneOf(sensor)] ?? 0;
    for (let step = 0; layout.steps === null || step < layout.steps; step++) {
      if (layout.bodyOf({ sensor, step }) >= settled) return;
      if (!this.#missing.has(`${sensor}:${step}`)) yield this.#stream.reading(sensor, step);
    }
  }
}

function channelsOfSensor(sources: readonly Source[], sensor: number): ExpectedChannels {
  const channels = new Map<string, Point[]>();
  for (const source of sources) {
    for (const reading of source.readings(sensor)) {
      for (const [channel, value] of channelsOf(reading)) {
        const points = channels.get(channel) ?? [];
        points.push({ tsMs: reading.tsMs, value });
        channels.set(channel, points);
      }
    }
  }
  return channels;
}

/** @param ledgers of runs with the same seed and sensors: everything that the server was ever sent */
export function expectationOf(ledgers: readonly StreamLedger[]): Expectation {
  const plan = ledgers[0]?.plan;
  if (plan === undefined) throw new Error("Cannot verify: the ledger holds no stream");
  const sources = ledgers.map((ledger) => new Source(ledger));
  const uncertain = new Set(sources.flatMap((source) => [...source.uncertain]));
  const numberOf = new Map<string, number>();
  for (let sensor = 0; sensor < plan.sensors; sensor++) {
    if (uncertain.has(sensor)) continue;
    numberOf.set(describeSensor(plan.seed, sensor, plan.panelRatio).id, sensor);
  }
  return {
    ids: [...numberOf.keys()],
    uncertain: uncertain.size,
    channels: (id) => channelsOfSensor(sources, numberOf.get(id)!),
  };
}
