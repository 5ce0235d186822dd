/** The collections that the product has. */

import { parseReading, Reading } from "../sensors/reading.ts";
import { parseSample, Sample } from "../series/sample.ts";
import type { Collection } from "./collection_routes.ts";

export const sensors: Collection = {
  type: { kind: "sensor", parse: parseReading },
  path: "sensors",
  intakePath: "readings",
  noun: "sensor",
  itemNoun: "reading",
  itemSchema: Reading.meta({ id: "Reading" }),
  itemExample: {
    id: "42959",
    ts: "2026-01-31T12:00:00Z",
    seq: 17,
    values: { temperature: 21.5, door: false },
  },
  idExample: "42959",
};

export const series: Collection = {
  type: { kind: "series", parse: parseSample },
  path: "series",
  intakePath: "series",
  noun: "series",
  itemNoun: "sample",
  itemSchema: Sample.meta({ id: "Sample" }),
  itemExample: { name: "load1", labels: { host: "a" }, ts: "2026-01-31T12:00:00Z", value: 0.25 },
  idExample: 'load1{host="a"}',
};

export const collections: readonly Collection[] = [sensors, series];
