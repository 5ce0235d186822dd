/**
 * The world that the sensors stand in: a function of (seed, sensor, time, noise), with nothing remembered.
 *
 * Temperatures follow the hour of the day, with an amplitude, a phase and noise of each sensor's own. Two hours at a
 * time may hold an episode: heat that rises, stays and goes, with smoke or without, or smoke alone.
 */

import { hash, purpose } from "./hash.ts";
import type { Reading } from "./reading.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const episodeMs = 2 * hourMs;
/** One stretch in so many holds an episode: a sensor sees one every five days, 50,000 of them 800 at a time. */
const episodeRarity = 64;

/** What is fixed about a sensor. Temperatures in eighths of a degree. */
export interface Sensor {
  readonly isPanel: boolean;
  readonly id: string;
  readonly meanTemperature: number;
  readonly amplitude: number;
  readonly phaseMs: number;
  readonly maxTemperature: number;
}

/** @param panelRatio share of the sensors that are alarm panels, 0 to 1 */
export function describeSensor(seed: number, sensor: number, panelRatio: number): Sensor {
  const isPanel = hash(seed, sensor, 0, purpose.sensor) < panelRatio * 0x1_0000_0000;
  const bits = hash(seed, sensor, 0, purpose.climate);
  return {
    isPanel,
    id: `${isPanel ? "panel" : "sensor"}-${sensor}`,
    meanTemperature: 16 * 8 + bits % 49,
    amplitude: 16 + (bits >>> 6) % 33,
    phaseMs: (bits >>> 12) % 180 * 60_000,
    maxTemperature: (40 + (bits >>> 20) % 5 * 5) * 8,
  };
}

/** A day's curve from -1 to 1: parabolas instead of a sine, which engines do not round alike. */
function dayCurve(tsMs: number, phaseMs: number): number {
  const x = ((tsMs + phaseMs) % dayMs) / dayMs * 2 - 1;
  return 4 * x * (1 - Math.abs(x));
}

/** Rises over the first quarter of its stretch, stays for the second, falls over the third, is gone in the last. */
function episodeShape(progress: number): number {
  return Math.max(0, Math.min(1, progress * 4, 3 - progress * 4));
}

interface Episode {
  readonly heat: number;
  readonly smoke: boolean;
}

const calm: Episode = { heat: 0, smoke: false };

function episodeAt(seed: number, sensor: number, tsMs: number): Episode {
  const stretch = Math.floor(tsMs / episodeMs);
  const bits = hash(seed, sensor, stretch, purpose.episode);
  if (bits % episodeRarity !== 0) return calm;
  const progress = (tsMs - stretch * episodeMs) / episodeMs;
  const kind = (bits >>> 6) % 4;
  return {
    heat: kind === 0 ? 0 : Math.round(episodeShape(progress) * (20 * 8 + (bits >>> 8) % 320)),
    smoke: kind <= 1 && progress > 0.1 && progress < 0.6,
  };
}

/** People move about in the day, seldom at night. */
function hasMovement(tsMs: number, bits: number): boolean {
  const hour = Math.floor(tsMs % dayMs / hourMs);
  return bits % 16 < (hour >= 7 && hour < 22 ? 4 : 1);
}

/**
 * What sensor number `sensor` reads at `tsMs`.
 * @param noise 32 random bits that belong to the reading
 */
export function readWorld(
  seed: number,
  sensor: number,
  traits: Sensor,
  tsMs: number,
  noise: number,
  seq: number | null,
): Reading {
  const { heat, smoke } = episodeAt(seed, sensor, tsMs);
  const curve = Math.round(traits.amplitude * dayCurve(tsMs, traits.phaseMs));
  const temperature = traits.meanTemperature + curve + noise % 7 - 3 + heat;
  if (!traits.isPanel) {
    const humidity = 55 * 8 - curve * 2 + (noise >>> 8) % 33 - 16 - (heat >> 1);
    return { type: "sensor", id: traits.id, tsMs, seq, temperature, humidity: Math.max(0, humidity) };
  }
  return {
    type: "panel",
    id: traits.id,
    tsMs,
    seq,
    movement: hasMovement(tsMs, noise >>> 16),
    smoke,
    temperature,
    maxTemperature: traits.maxTemperature,
    asStrings: (noise >>> 24) % 4 === 0,
  };
}
