/**
 * The two streams of bodies that a plan makes: history up to its origin, live readings from there on.
 *
 * 1. `reading(sensor, step)` and `body(lane, n)` are pure functions of the plan.
 * 2. Values are multiples of 1/8; a sensor's history ascends in time, one reading per pane.
 * 3. A duplicate repeats the sensor's reading before, whole, with the same `seq`.
 */

import { fraction, hash, purpose } from "./hash.ts";
import { historyAgesMs } from "./history_plan.ts";
import { Layout } from "./layout.ts";
import { historyBodyReadings, maxLatenessMs, minLatenessMs } from "./limits.ts";
import type { Plan } from "./plan.ts";
import { type Reading, readingText } from "./reading.ts";
import { describeSensor, readWorld, type Sensor } from "./world.ts";

const minuteMs = 60_000;

export interface Body {
  /** The idempotency key: the same body of the same run always has the same. */
  readonly key: string;
  /** A JSON array. */
  readonly text: string;
  readonly readings: number;
  /** When it should be sent, milliseconds after the stream's start. */
  readonly dueMs: number;
}

export type StreamName = "history" | "live";

export interface Stream {
  readonly plan: Plan;
  readonly name: StreamName;
  readonly layout: Layout;
  /** All readings there are, without duplicates; Infinity for a stream that goes on. */
  readonly readings: number;
  reading(sensor: number, step: number): Reading;
  /** The sensor and step of every item of a body, in order: what an item's index in an answer stands for. */
  items(lane: number, body: number): readonly { readonly sensor: number; readonly step: number }[];
  body(lane: number, body: number): Body;
}

function describeSensors(plan: Plan): Sensor[] {
  return Array.from({ length: plan.sensors }, (_, n) => describeSensor(plan.seed, n, plan.panelRatio));
}

function makeBody(stream: Stream, lane: number, body: number, dueMs: number): Body {
  const { plan } = stream;
  const items = stream.items(lane, body);
  let text = "[";
  for (let index = 0; index < items.length; index++) {
    const { sensor, step } = items[index]!;
    if (index > 0) text += ",\n";
    text += readingText(stream.reading(sensor, step));
  }
  const key = `${plan.seed}-${plan.originMs}-${stream.name}-${body * stream.layout.lanes + lane}`;
  return { key, text: text + "]", readings: items.length, dueMs };
}

class History implements Stream {
  readonly name = "history";
  readonly layout: Layout;
  readonly readings: number;
  readonly #agesMs: readonly number[];
  readonly #endMs: number;

  constructor(readonly plan: Plan, readonly sensors: readonly Sensor[]) {
    this.#agesMs = historyAgesMs(plan.historyMs);
    // Whole minutes, and less than one added: then no two readings share a pane.
    this.#endMs = Math.floor(plan.originMs / minuteMs) * minuteMs;
    this.layout = new Layout(plan.sensors, historyBodyReadings, this.#agesMs.length);
    this.readings = plan.sensors * this.#agesMs.length;
  }

  reading(sensor: number, step: number): Reading {
    const noise = hash(this.plan.seed, sensor, step, purpose.history);
    const tsMs = this.#endMs - this.#agesMs[step]! + (noise >>> 4) % minuteMs;
    return readWorld(this.plan.seed, sensor, this.sensors[sensor]!, tsMs, noise, null);
  }

  items(lane: number, body: number) {
    return this.layout.slots(lane, body);
  }

  body(lane: number, body: number): Body {
    return makeBody(this, lane, body, 0);
  }
}

class Live implements Stream {
  readonly name = "live";
  readonly layout: Layout;
  readonly readings = Infinity;

  constructor(readonly plan: Plan, readonly sensors: readonly Sensor[]) {
    this.layout = new Layout(plan.sensors, plan.bodyReadings, null);
  }

  /** Of a pair in the wrong order each sends what the other should. */
  #step(sensor: number, step: number): number {
    const { seed, outOfOrderRatio } = this.plan;
    if (outOfOrderRatio === 0) return step;
    return fraction(seed, sensor, step >>> 1, purpose.swap) < outOfOrderRatio ? step ^ 1 : step;
  }

  #latenessMs(sensor: number, step: number): number {
    const { seed, lateRatio } = this.plan;
    if (lateRatio === 0 || fraction(seed, sensor, step, purpose.late) >= lateRatio) return 0;
    const share = fraction(seed, sensor, step, purpose.lateness);
    return minLatenessMs + Math.floor(share * (maxLatenessMs - minLatenessMs));
  }

  reading(sensor: number, slotStep: number): Reading {
    const { seed, originMs, ratePerSecond, duplicateRatio } = this.plan;
    const step = this.#step(sensor, slotStep);
    const afterMs = Math.floor(this.layout.placeOf(sensor, step) * 1000 / ratePerSecond);
    const tsMs = originMs + afterMs - this.#latenessMs(sensor, step);
    // Begins at the origin, so that numbers of a later run on the same sensors are higher.
    const seq = duplicateRatio === 0 ? null : originMs + step;
    return readWorld(seed, sensor, this.sensors[sensor]!, tsMs, hash(seed, sensor, step, purpose.live), seq);
  }

  items(lane: number, body: number) {
    const slots = this.layout.slots(lane, body);
    const { seed, duplicateRatio } = this.plan;
    if (duplicateRatio === 0) return slots;
    return slots.flatMap((slot) => {
      const { sensor, step } = slot;
      const isRepeated = step > 0 && fraction(seed, sensor, step, purpose.duplicate) < duplicateRatio;
      return isRepeated ? [slot, { sensor, step: step - 1 }] : [slot];
    });
  }

  body(lane: number, body: number): Body {
    const { bodyReadings, ratePerSecond } = this.plan;
    const dueMs = (body * this.layout.lanes + lane) * bodyReadings * 1000 / ratePerSecond;
    return makeBody(this, lane, body, dueMs);
  }
}

export function streamOf(plan: Plan, name: StreamName): Stream {
  const sensors = describeSensors(plan);
  return name === "history" ? new History(plan, sensors) : new Live(plan, sensors);
}
