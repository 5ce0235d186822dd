/** The two forms of a reading, read from JSON without any of the product's code. */

import { z } from "zod";

const boolean = z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]);
const number = z.union([z.number(), z.string().regex(/^-?\d+(\.\d+)?$/).transform(Number)]);
const common = { id: z.string(), ts: z.number().int(), seq: z.number().int().optional() };

const panel = z.strictObject({
  ...common,
  movement: boolean,
  smoke: boolean,
  temperature: number,
  max_temperature: number,
});
const sensor = z.strictObject({ ...common, values: z.record(z.string(), z.number()) });

export interface StubReading {
  readonly id: string;
  readonly tsMs: number;
  readonly seq: number | null;
  readonly values: Readonly<Record<string, number>>;
}

export const readingSchema = z.union([
  panel.transform(({ id, ts, seq, ...values }): StubReading => ({
    id,
    tsMs: ts,
    seq: seq ?? null,
    values: Object.fromEntries(Object.entries(values).map(([channel, value]) => [channel, Number(value)])),
  })),
  sensor.transform(({ id, ts, seq, values }): StubReading => ({ id, tsMs: ts, seq: seq ?? null, values })),
]);
