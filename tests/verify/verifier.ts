/**
 * Asks the server for every sensor's windows and compares each with what was sent.
 *
 * It shares no code with the engine or its mathematics: only the generator, to make the readings again, and that
 * one's HTTP connection.
 */

import { HttpConnection } from "../../actors/simulate/http_connection.ts";
import type { StreamLedger } from "../../actors/simulate/ledger.ts";
import { answerSchema, type SensorAnswer } from "./answer.ts";
import { compare, type Verdict } from "./compare.ts";
import { expectationOf } from "./expectation.ts";

export interface VerifyTarget {
  readonly url: URL;
  readonly token: string | null;
}

export interface Verification {
  readonly sensors: number;
  /** Sensors left out because a body of theirs was never answered. */
  readonly uncertain: number;
  /** Readings expected over all sensors, counted by channel values. */
  readonly values: number;
  readonly lost: number;
  readonly twice: number;
  readonly wrongSensors: number;
  /** The first few differences, as sentences. */
  readonly examples: readonly string[];
}

const parallelQueries = 16;
const queryTimeoutMs = 30_000;
const maxExamples = 20;

async function ask(
  connection: HttpConnection,
  target: VerifyTarget,
  id: string,
): Promise<SensorAnswer | null> {
  const answer = await connection.request({
    method: "GET",
    target: `/sensors/${encodeURIComponent(id)}/windows`,
    headers: target.token === null ? {} : { authorization: `Bearer ${target.token}` },
    body: "",
    timeoutMs: queryTimeoutMs,
  });
  if (answer.status === 404) return null;
  if (answer.status !== 200) {
    throw new Error(`Cannot verify ${id}: ${answer.status} ${answer.text.slice(0, 200)}`);
  }
  return answerSchema.parse(JSON.parse(answer.text));
}

/** Rejects when a query fails; differences do not reject. */
export async function verify(target: VerifyTarget, ledgers: readonly StreamLedger[]): Promise<Verification> {
  const expectation = expectationOf(ledgers);
  const ids = expectation.ids.values();
  const sum = { values: 0, lost: 0, twice: 0, wrongSensors: 0 };
  const examples: string[] = [];

  const note = (id: string, verdict: Verdict) => {
    sum.lost += verdict.lost;
    sum.twice += verdict.twice;
    if (verdict.wrong.length > 0) sum.wrongSensors++;
    const room = Math.max(0, maxExamples - examples.length);
    examples.push(...verdict.wrong.slice(0, room).map((sentence) => `${id}: ${sentence}`));
  };

  const work = async () => {
    const connection = new HttpConnection(target.url);
    try {
      // One iterator for all: each takes the next id.
      for (const id of ids) {
        const channels = expectation.channels(id);
        for (const points of channels.values()) sum.values += points.length;
        note(id, compare(channels, await ask(connection, target, id)));
      }
    } finally {
      connection.close();
    }
  };
  await Promise.all(Array.from({ length: parallelQueries }, work));
  return { sensors: expectation.ids.length, uncertain: expectation.uncertain, ...sum, examples };
}

export function isRight(verification: Verification): boolean {
  const { lost, twice, wrongSensors, uncertain } = verification;
  return lost === 0 && twice === 0 && wrongSensors === 0 && uncertain === 0;
}

export function verificationText(verification: Verification): string {
  const { sensors, values, lost, twice, wrongSensors, uncertain, examples } = verification;
  return [
    `${sensors} sensors, ${values} values: lost ${lost}, twice ${twice}, wrong sensors ${wrongSensors}` +
    (uncertain === 0 ? "" : `; ${uncertain} sensors left out: a body of theirs was never answered`),
    ...examples.map((example) => `  ${example}`),
  ].join("\n");
}
