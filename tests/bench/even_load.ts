/**
 * Load of which only the number of sensors and of their channels matters: each sensor's readings have the same
 * channels, and come in turn. Bodies of 100, as in the other figures.
 */

import type { Tally } from "../../actors/simulate/courier.ts";
import { Layout } from "../../actors/simulate/layout.ts";
import { emptyTally } from "../../actors/simulate/run.ts";
import { type Bodies, sendBodies } from "../../actors/simulate/sender.ts";

const bodyReadings = 100;
const connections = 16;
const never = new AbortController().signal;

export interface EvenLoad {
  readonly url: URL;
  /** Of this load alone: it makes the bodies' idempotency keys. */
  readonly name: string;
  readonly sensors: number;
  readonly channels: number;
  /** Null: as fast as answers come. */
  readonly ratePerSecond: number | null;
  /** It ends after so many readings of each sensor, or so many seconds, whichever is first. */
  readonly readingsEach: number;
  readonly forSeconds: number;
  /** How old its readings are when they are sent. */
  readonly lagMs?: number;
}

export function evenId(sensor: number): string {
  return `even-${sensor}`;
}

/** Multiples of 1/8 from 10 to 35. */
const values = Array.from({ length: 200 }, (_, n) => String(10 + n / 8));

function bodiesOf(load: EvenLoad): Bodies {
  const { name, sensors, channels, ratePerSecond, readingsEach, lagMs = 0 } = load;
  const layout = new Layout(sensors, bodyReadings, Number.isFinite(readingsEach) ? readingsEach : null);
  const names = Array.from({ length: channels }, (_, channel) => `"c${channel}":`);
  return {
    layout,
    body(lane, body) {
      const slots = layout.slots(lane, body);
      const tsMs = Date.now() - lagMs;
      let text = "";
      for (const { sensor, step } of slots) {
        text += `${text === "" ? "[" : ",\n"}{"id":"${evenId(sensor)}","ts":${tsMs},"values":{`;
        for (let channel = 0; channel < channels; channel++) {
          if (channel > 0) text += ",";
          text += names[channel]! + values[(sensor * 7 + step * 13 + channel * 31) % values.length]!;
        }
        text += "}}";
      }
      const place = body * layout.lanes + lane;
      const dueMs = ratePerSecond === null ? 0 : place * bodyReadings * 1000 / ratePerSecond;
      return { key: `${name}-${place}`, text: `${text}]`, readings: slots.length, dueMs };
    },
  };
}

/** Resolves when all of it is answered; rejects when anything was refused. */
export async function sendEvenly(load: EvenLoad): Promise<Tally> {
  const tally = emptyTally();
  await sendBodies(bodiesOf(load), {
    target: { url: load.url, token: null, connections },
    tally,
    isImport: false,
    isPaced: load.ratePerSecond !== null,
    forMs: load.forSeconds * 1000,
    stop: never,
    abandon: never,
  });
  if (tally.accepted !== tally.sent) {
    throw new Error(`Of ${tally.sent} readings ${tally.accepted} were accepted: ${tally.lastTrouble}`);
  }
  return tally;
}
