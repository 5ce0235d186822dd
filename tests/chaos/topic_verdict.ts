/** Compares what sensors count of topics with what Kafka has acknowledged: exactly, as every value is a multiple of 1/8. */

import { eventually } from "../services/eventually.ts";
import { answerSchema } from "../verify/answer.ts";
import type { Verification } from "../verify/verifier.ts";
import type { Client } from "./client.ts";
import { recoveryDeadlineMs } from "./limits.ts";
import type { Total } from "./topic_load.ts";

async function totalOf(client: Client, id: string): Promise<Total> {
  const { total } = answerSchema.parse(await client.get(`/sensors/${id}/windows`));
  return total["t"] ?? { count: 0, sum: 0 };
}

/** Waits until as much is folded as was sent; what is missing then is lost. */
export async function verifyTopics(
  client: Client,
  sent: ReadonlyMap<string, Total>,
): Promise<Verification> {
  const ids = [...sent.keys()];
  const totals = () => Promise.all(ids.map((id) => totalOf(client, id)));
  await eventually("the records of topics to be folded", recoveryDeadlineMs, async () => {
    const found = await totals();
    return found.every(({ count }, n) => count >= sent.get(ids[n]!)!.count) ? true : null;
  }).catch(() => {});
  return compareTotals(sent, new Map((await totals()).map((total, n) => [ids[n]!, total])));
}

export function compareTotals(
  sent: ReadonlyMap<string, Total>,
  found: ReadonlyMap<string, Total>,
): Verification {
  const sum = { values: 0, lost: 0, twice: 0, wrongSensors: 0 };
  const examples: string[] = [];
  for (const [id, expected] of sent) {
    const seen = found.get(id) ?? { count: 0, sum: 0 };
    sum.values += expected.count;
    sum.lost += Math.max(0, expected.count - seen.count);
    sum.twice += Math.max(0, seen.count - expected.count);
    if (seen.count === expected.count && seen.sum === expected.sum) continue;
    sum.wrongSensors++;
    examples.push(`${id}: has ${JSON.stringify(seen)}, and was sent ${JSON.stringify(expected)}`);
  }
  return { sensors: sent.size, uncertain: 0, ...sum, examples };
}

/** Of both together. */
export function together(one: Verification, other: Verification): Verification {
  return {
    sensors: one.sensors + other.sensors,
    uncertain: one.uncertain + other.uncertain,
    values: one.values + other.values,
    lost: one.lost + other.lost,
    twice: one.twice + other.twice,
    wrongSensors: one.wrongSensors + other.wrongSensors,
    examples: [...one.examples, ...other.examples],
  };
}
