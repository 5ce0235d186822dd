/**
 * Records of foreign topics on their way into a shard: however often a reader begins anew, and wherever, each is folded
 * once. Guarantee 3 of `runtime/core/sequence.ts`.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { emptyMemory } from "../../runtime/core/checkpoint.ts";
import { encodeFrame, refusedMarker } from "../../runtime/core/frame.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { Sequences } from "../../runtime/core/sequence.ts";
import { maxSourcePartitions } from "../../runtime/core/limits.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { ShardDriver } from "./shard_driver.ts";

type State = { seen: Json[] };

/** Remembers every message; one that is "bad" is a dead letter. */
const recorder = defineActor<State, Json>({
  kind: "recorder",
  state: jsonState<State>({ schema: z.object({ seen: z.array(z.json()) }), initial: () => ({ seen: [] }) }),
  message: {
    version: 1,
    schema: z.json() as z.ZodType<Json>,
    accepts: (value): value is Json => value !== undefined,
  },
  receive: (state, message, context) => {
    if (message === "bad") context.deadLetter("bad", "It is bad");
    else state.seen.push(message);
  },
  queries: { state: { arguments: z.object({}), answer: (state) => state } },
});

const registry = new Registry([recorder]);
const seen = (driver: ShardDriver, id: string) =>
  (driver.ask("recorder", id) as State | undefined)?.seen ?? [];
const letters = (driver: ShardDriver) => driver.checkpoints.flatMap(({ deadLetters }) => deadLetters);

/** A record's share of the shard: as many messages, or none that can be read. */
interface SourceRecord {
  readonly offset: number;
  readonly messages: number;
  readonly isRefused: boolean;
}

function sourceText(
  [topic, partition]: (typeof partitions)[number],
  records: readonly SourceRecord[],
): string {
  const offsets: number[] = [];
  const entries: unknown[] = [];
  for (const { offset, messages, isRefused } of records) {
    if (isRefused) {
      offsets.push(offset);
      entries.push(refusedMarker, "malformed", ["It is not JSON", "{"]);
    }
    for (let item = 0; item < messages && !isRefused; item++) {
      offsets.push(offset);
      entries.push(0, `${topic}${partition}`, `${offset}.${item}`);
    }
  }
  return encodeFrame({
    origin: { type: "source", topic, partition, offsets },
    types: registry.wireTypes,
    entries,
  });
}

const partitions: readonly (readonly [topic: string, partition: number])[] = [["ENTRY", 0], ["ENTRY", 1], [
  "OK",
  0,
]];

/** Offsets with gaps, as compaction and transactions leave them. */
const log = fc.array(
  fc.record({
    gap: fc.integer({ min: 1, max: 3 }),
    messages: fc.integer({ min: 1, max: 3 }),
    isRefused: fc.boolean(),
  }),
  { minLength: 1, maxLength: 25 },
).map((records) => {
  let offset = -1;
  return records.map(({ gap, messages, isRefused }): SourceRecord => {
    offset += gap;
    return { offset, messages, isRefused };
  });
});

/** What one of two readers does next: neither knows of the other, as where one was cut off and lives. */
const step = fc.record({
  reader: fc.constantFrom(0, 1),
  /** It begins where the other one is, whose frames are durable up to there. */
  takesOver: fc.boolean(),
  partition: fc.nat(partitions.length - 1),
  /** Records that it reads into one frame. */
  records: fc.integer({ min: 1, max: 8 }),
  /** It dies, and the next one begins so many records before: nobody commits what is not durable. */
  back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(12)),
  /** What happens to the shard before the frame comes. */
  shard: fc.constantFrom("folds", "folds", "saves", "dies"),
});

Deno.test("a shard folds each record of a foreign topic once, wherever readers begin anew, also two at once", () => {
  fc.assert(
    fc.property(
      fc.tuple(log, log, log),
      fc.array(step, { maxLength: 40 }),
      fc.boolean(),
      (logs, steps, small) => {
        const driver = new ShardDriver(registry, small ? { foldBudgetMs: 0 } : {});
        if (small) driver.sliceMs = 0;
        driver.start();
        const readers: [number[], number[]] = [[0, 0, 0], [0, 0, 0]];
        let stampMs = 1000;
        const read = (next: number[], at: number, count: number) => {
          const records = logs[at]!.slice(next[at], next[at]! + count);
          if (records.length === 0) return;
          next[at]! += records.length;
          driver.appendText(stampMs++, sourceText(partitions[at]!, records));
        };
        for (const { reader, takesOver, partition, records, back, shard } of steps) {
          const next = reader === 0 ? readers[0] : readers[1];
          const from = (takesOver === (reader === 0) ? readers[1] : readers[0])[partition]!;
          next[partition] = Math.max(0, from - back);
          read(next, partition, records);
          if (shard === "dies") {
            driver.takeOver();
          }
          driver.settle();
          if (shard === "saves") driver.checkpoint();
        }
        for (const next of readers) partitions.forEach((_, at) => read(next, at, Infinity));
        driver.settle();
        driver.checkpoint();
        logs.forEach((records, at) => {
          const expected = records.flatMap(({ offset, messages, isRefused }) =>
            isRefused ? [] : Array.from({ length: messages }, (_, item) => `${offset}.${item}`)
          );
          assert.deepEqual(seen(driver, partitions[at]!.join("")), expected);
          const refused = records.filter(({ isRefused }) => isRefused).map(({ offset }) => offset);
          const topic = partitions[at]!.join("/");
          assert.deepEqual(
            letters(driver).filter((letter) => letter.topic === topic).map(({ offset }) => offset),
            refused,
          );
        });
        const last = logs.map((records, at) => [partitions[at]!.join("/"), records.at(-1)!.offset]);
        const answer = driver.request({ type: "records" });
        assert.deepEqual(answer?.type === "answered" && JSON.parse(answer.json), Object.fromEntries(last));
        assert.deepEqual(driver.refusals, []);
      },
    ),
  );
});

Deno.test("a record's dead letters have ids of its place when it is read in other frames", () => {
  const idsOf = (...frames: readonly (readonly [offset: number, message: Json][])[]) => {
    const driver = new ShardDriver(registry);
    driver.start();
    for (const records of frames) {
      driver.appendText(
        1000,
        encodeFrame({
          origin: {
            type: "source",
            topic: "ENTRY",
            partition: 3,
            offsets: records.map(([offset]) => offset),
          },
          types: registry.wireTypes,
          entries: records.flatMap(([, message]) =>
            message === null ? [refusedMarker, "malformed", ["It is not JSON", "{"]] : [0, "a", message]
          ),
        }),
      );
    }
    driver.settle();
    driver.checkpoint();
    return letters(driver);
  };
  const [one, other] = [
    idsOf([[7, 1], [8, "bad"], [8, "bad"], [9, null]]),
    idsOf([[7, 1]], [[8, "bad"], [8, "bad"]], [[8, "bad"], [8, "bad"], [9, null]]),
  ];
  const ids = ["ENTRY-3-8-0-0-0-0", "ENTRY-3-8-0-1-0-0", "ENTRY-3-9-0-0"];
  assert.deepEqual(one.map(({ id }) => id), ids);
  assert.deepEqual(other.map(({ id }) => id), ids);
  assert.deepEqual(one.map(({ topic, offset }) => `${topic} ${offset}`), [
    "ENTRY/3 8",
    "ENTRY/3 8",
    "ENTRY/3 9",
  ]);
  assert.deepEqual({ ...one[2] }, {
    id: "ENTRY-3-9-0-0",
    shard: 0,
    topic: "ENTRY/3",
    offset: 9,
    kind: "",
    actorId: "",
    reason: "malformed",
    detail: "It is not JSON",
    stack: null,
    message: '"{"',
    messageVersion: 0,
    atMs: 1000,
    replays: 0,
  });
});

Deno.test("Sequences remember as many partitions of foreign topics as they may, and no more", () => {
  const sequences = new Sequences(emptyMemory, 1000);
  const offer = (partition: number, offset: number) =>
    sequences.repeated({ type: "source", topic: "T", partition, offsets: [offset] }, 0);
  for (let partition = 0; partition < maxSourcePartitions; partition++) assert.equal(offer(partition, 0), 0);
  assert.throws(
    () => offer(maxSourcePartitions, 0),
    /4096 partitions of foreign topics are remembered already/,
  );
  assert.equal(offer(0, 1), 0);
  assert.equal(
    new Sequences({ ...emptyMemory, ...sequences.memory(0) }, 1000).repeated({
      type: "source",
      topic: "T",
      partition: 0,
      offsets: [0, 1, 1, 2],
    }, 0),
    3,
  );
});
