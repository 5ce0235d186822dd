/** Series of minutes as monitoring has them, one for each kind and seed: none is constant, and all are as long as asked. */

import { Prng } from "../../runtime/simulation/prng.ts";

/** Of a standard normal distribution: G. E. P. Box, M. E. Muller, "A Note on the Generation of Random Normal Deviates". */
function normal(random: Prng): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** The value of each minute, asked for one after the other; NaN: there is none. */
type Values = (minute: number) => number;

function wave(minute: number, period: number): number {
  return Math.sin(2 * Math.PI * minute / period);
}

/** Stays as it is with each minute's chance, else moves. */
function stepping(random: Prng, chance: number, step: () => number): Values {
  let level = 0;
  return () => {
    if (random.next() < chance) level += step();
    return level;
  };
}

/** First-order autoregression; a `memory` of 1 is a random walk. */
function remembering(random: Prng, memory: number): Values {
  let last = 0;
  return () => last = memory * last + normal(random);
}

const kinds: Readonly<Record<string, (random: Prng) => Values>> = {
  noise: (random) => () => 50 + normal(random),
  walk: (random) => remembering(random, 1),
  remembering: (random) => remembering(random, 0.9),
  season: (random) => (minute) => 50 + 10 * wave(minute, 60) + normal(random),
  seasons: (random) => (minute) => 50 + 8 * wave(minute, 30) + 12 * wave(minute, 180) + 2 * normal(random),
  trend: (random) => (minute) => 10 + minute / 20 + 3 * wave(minute, 45) + normal(random),
  growing: (random) => (minute) => Math.exp(minute / 1000 + wave(minute, 60) / 2 + normal(random) / 20),
  levels: (random) => {
    const level = stepping(random, 0.01, () => 10 * normal(random));
    return (minute) => 100 + level(minute) + normal(random);
  },
  spikes: (random) => (minute) =>
    20 + 2 * wave(minute, 60) + normal(random) + (random.next() < 0.02 ? 60 * random.next() : 0),
  seldom: (random) => () => random.next() < 0.2 ? Math.ceil(10 * random.next()) : 0,
  percent: (random) => (minute) =>
    Math.min(100, Math.max(0, 90 + 25 * wave(minute, 120) + 5 * normal(random))),
  gaps: (random) => (minute) =>
    minute % 200 > 190 || random.next() < 0.03 ? NaN : 50 + 10 * wave(minute, 60) + normal(random),
};

export interface KindOfSeries {
  readonly name: string;
  readonly values: Float64Array;
}

/** @param each of every kind so many, by other seeds */
export function kindsOfSeries(points: number, each: number): readonly KindOfSeries[] {
  return Array.from({ length: each }, (_, n) => n).flatMap((n) =>
    Object.entries(kinds).map(([kind, make], k) => {
      const value = make(new Prng(1 + n * 1000 + k));
      return {
        name: `${kind}_${n}`,
        values: Float64Array.from({ length: points }, (_, minute) => value(minute)),
      };
    })
  );
}
