/** Series of the M4 competition from a folder: `train.csv` and `test.csv`, columns `id,t,value`, in order. */

import { join } from "node:path";
import { Refusal } from "../../../actors/cli/refusal.ts";

export interface M4Series {
  readonly id: string;
  readonly train: Float64Array;
  /** What came then. */
  readonly test: Float64Array;
}

const header = "id,t,value";

function readFile(folder: string, name: string): ReadonlyMap<string, number[]> {
  const path = join(folder, name);
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch {
    throw new Refusal(
      `Cannot score forecasts: ${path} cannot be read; the folder has train.csv and test.csv.`,
    );
  }
  const [first, ...lines] = text.trim().split(/\r?\n/);
  if (first !== header) {
    throw new Refusal(
      `Cannot score forecasts: the first line of ${path} is "${first}"; "${header}" is right.`,
    );
  }
  const byId = new Map<string, number[]>();
  const steps = new Map<string, number>();
  for (const [i, line] of lines.entries()) {
    const [id = "", t, value] = line.split(",");
    const values = byId.get(id) ?? [];
    const isInOrder = Number(t) > (steps.get(id) ?? 0);
    if (!isInOrder || value === undefined || value === "" || Number.isNaN(Number(value))) {
      throw new Refusal(`Cannot score forecasts: line ${i + 2} of ${path} is "${line}"; ${header} is right.`);
    }
    steps.set(id, Number(t));
    values.push(Number(value));
    byId.set(id, values);
  }
  return byId;
}

/** Throws a `Refusal` that says what is wrong with the folder. */
export function readM4(folder: string): readonly M4Series[] {
  const [train, test] = [readFile(folder, "train.csv"), readFile(folder, "test.csv")];
  const missing = [...train.keys()].find((id) => !test.has(id));
  if (missing !== undefined || train.size === 0) {
    throw new Refusal(
      `Cannot score forecasts: test.csv of ${folder} has no values of ${missing ?? "any series"}.`,
    );
  }
  return [...train].map(([id, values]) => ({
    id,
    train: Float64Array.from(values),
    test: Float64Array.from(test.get(id)!),
  }));
}
