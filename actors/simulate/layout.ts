/**
 * Which reading stands in which body.
 *
 * Sensors are dealt to lanes, and a body holds readings of one lane: its sensors' first readings, then their second,
 * and so on. Whoever sends a lane's bodies one after another sends every sensor's readings in order, whatever the
 * other lanes do.
 *
 * 1. Every (sensor, step) stands in exactly one body, and `bodyOf` names it.
 * 2. A sensor's steps ascend from body to body of its lane, and within each.
 */

import { maxLanes } from "./limits.ts";

/** A reading's place: the `step`-th one of a sensor, both from 0. */
export interface Slot {
  readonly sensor: number;
  readonly step: number;
}

export class Layout {
  readonly lanes: number;

  /** @param steps readings of each sensor; null: no end */
  constructor(readonly sensors: number, readonly bodyReadings: number, readonly steps: number | null) {
    this.lanes = Math.min(maxLanes, sensors);
  }

  #sensorsIn(lane: number): number {
    return Math.ceil((this.sensors - lane) / this.lanes);
  }

  laneOf(sensor: number): number {
    return sensor % this.lanes;
  }

  /** How many bodies the lane has. */
  bodiesIn(lane: number): number {
    if (this.steps === null) return Infinity;
    return Math.ceil(this.#sensorsIn(lane) * this.steps / this.bodyReadings);
  }

  /** The number within its lane of the body that holds the slot. */
  bodyOf({ sensor, step }: Slot): number {
    return Math.floor(this.#placeInLane(sensor, step) / this.bodyReadings);
  }

  #placeInLane(sensor: number, step: number): number {
    const lane = this.laneOf(sensor);
    return Math.floor(sensor / this.lanes) + step * this.#sensorsIn(lane);
  }

  /** The slot's place among all readings, in the order in which the bodies are due. */
  placeOf(sensor: number, step: number): number {
    const inLane = this.#placeInLane(sensor, step);
    const body = Math.floor(inLane / this.bodyReadings);
    return (body * this.lanes + this.laneOf(sensor)) * this.bodyReadings + inLane % this.bodyReadings;
  }

  slots(lane: number, body: number): Slot[] {
    const count = this.#sensorsIn(lane);
    const from = body * this.bodyReadings;
    const end = this.steps === null
      ? from + this.bodyReadings
      : Math.min(from + this.bodyReadings, count * this.steps);
    const slots: Slot[] = [];
    for (let place = from; place < end; place++) {
      slots.push({ sensor: lane + place % count * this.lanes, step: Math.floor(place / count) });
    }
    return slots;
  }
}
