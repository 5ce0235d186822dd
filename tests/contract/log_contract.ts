/** What every `MailboxLog` does, by the numbers of its port's guarantees. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogErrorCode, MailboxLog, NewFrame } from "../../runtime/log/port.ts";
import { LogError } from "../../runtime/log/port.ts";
import { within } from "../services/within.ts";
import { Collector, range } from "./log_collector.ts";

export interface LogUnderTest {
  readonly log: MailboxLog;
  /** Another client of the same log, with subscriptions of its own. */
  other(): MailboxLog;
  dispose(): Promise<void>;
}

/** Makes an empty log of `shards` shards. */
export type MakeLog = (shards: number) => Promise<LogUnderTest>;

const shards = 4;
const plenty = 1 << 30;

export async function rejectsWith(code: LogErrorCode, promise: Promise<unknown>): Promise<LogError> {
  let found: LogError | null = null;
  await assert.rejects(promise, (thrown) => {
    assert(thrown instanceof LogError, `expected a LogError, found ${thrown}`);
    assert.equal(thrown.code, code, thrown.message);
    found = thrown;
    return true;
  });
  assert(found !== null);
  return found;
}

const texts = (shard: number, count: number): NewFrame[] =>
  range(0, count).map((n) => ({ shard, text: `frame ${n} of ${shard}` }));

/** Reads a shard from `from` to its end. */
export async function readAll(log: MailboxLog, shard: number, from: number): Promise<Collector> {
  const collector = new Collector();
  const { end } = await log.extent(shard);
  const subscription = await log.subscribe(shard, from, collector.deliver);
  subscription.grant(plenty);
  await collector.count(end - from);
  subscription.close();
  return collector;
}

/** Resolves after everything the log has under way for `log`'s client has come: frames travel before answers. */
async function settled(log: MailboxLog): Promise<void> {
  await log.extent(0);
  await new Promise((resolve) => setImmediate(resolve));
  await log.extent(0);
}

/** @param isClean false: a library below leaves timers of its own behind, which end by themselves */
export function logContract(name: string, make: MakeLog, isClean = true): void {
  const sanitized = { sanitizeOps: isClean, sanitizeResources: isClean };
  const test = (what: string, body: (made: LogUnderTest) => Promise<void>) =>
    Deno.test(`${name} ${what}`, sanitized, async () => {
      const made = await make(shards);
      try {
        await within(`${name} ${what}`, body(made));
      } finally {
        await made.dispose();
      }
    });

  appending(test);
  delivering(test);
  trimming(test);
  closing(test);

  const plainList = `${name} delivers what a plain list holds when appends and subscriptions are arbitrary`;
  Deno.test(plainList, sanitized, async () => {
    const seed = Date.now() % 1_000_000;
    console.log(`seed ${seed}`);
    const step = fc.record({ shard: fc.nat(shards - 1), text: fc.string({ maxLength: 50 }) });
    const groups = fc.array(fc.array(step, { maxLength: 10 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(groups, fc.integer({ min: 1, max: 200 }), async (groups, grantBytes) => {
        const { log, dispose } = await make(shards);
        try {
          await agreesWithList(log, groups, grantBytes);
        } finally {
          await dispose();
        }
      }),
      { numRuns: 15, seed },
    );
  });
}

/** Appends the groups without waiting, while one reader per shard grants itself little at a time. */
async function agreesWithList(log: MailboxLog, groups: NewFrame[][], grantBytes: number): Promise<void> {
  const collectors = await Promise.all(
    range(0, shards).map(async (shard) => {
      const collector = new Collector();
      const subscription = await log.subscribe(shard, 0, (frames) => {
        collector.deliver(frames);
        // An empty text uses no credit, so each delivery grants at least one unit.
        subscription.grant(Math.max(1, frames.reduce((sum, { text }) => sum + text.length, 0)));
      });
      subscription.grant(grantBytes);
      return collector;
    }),
  );
  await Promise.all(groups.map((group) => log.append(group)));
  const lists = range(0, shards).map((shard) => groups.flat().filter((frame) => frame.shard === shard));
  for (const [shard, list] of lists.entries()) {
    const collector = collectors[shard];
    assert(collector !== undefined);
    await collector.count(list.length);
    assert.deepEqual(collector.texts, list.map(({ text }) => text));
    assert.deepEqual(collector.offsets, range(0, list.length));
  }
}

type Test = (what: string, body: (made: LogUnderTest) => Promise<void>) => void;

function appending(test: Test): void {
  test("gives dense offsets from 0 per shard, in the order of the frames (2)", async ({ log }) => {
    const receipts = await log.append([...texts(0, 2), ...texts(3, 1), ...texts(0, 1)]);
    assert.deepEqual(receipts.map(({ offset }) => offset), [0, 1, 0, 2]);
    assert.deepEqual(await log.extent(0), { begin: 0, end: 3 });
    assert.deepEqual(await log.extent(1), { begin: 0, end: 0 });
  });

  test("keeps the order of calls that do not wait for each other (2)", async ({ log }) => {
    const receipts = await Promise.all(range(0, 50).map((n) => log.append([{ shard: 1, text: `${n}` }])));
    assert.deepEqual(receipts.map(([receipt]) => receipt?.offset), range(0, 50));
    assert.deepEqual((await readAll(log, 1, 0)).texts, range(0, 50).map(String));
  });

  test("never stamps a frame earlier than the one before (3)", async ({ log }) => {
    for (const _ of range(0, 5)) await log.append(texts(2, 3));
    const stamps = (await readAll(log, 2, 0)).frames.map(({ stampMs }) => stampMs);
    assert.deepEqual(stamps, stamps.toSorted((a, b) => a - b));
    assert(Number.isSafeInteger(stamps[0]));
  });

  test("delivers the stamp and offset of the receipt (1)", async ({ log }) => {
    const [receipt] = await log.append(texts(0, 1));
    const [frame] = (await readAll(log, 0, 0)).frames;
    assert.deepEqual(frame, { topic: "mailbox", shard: 0, ...receipt, text: "frame 0 of 0" });
  });

  test("keeps any text as it is", async ({ log }) => {
    const samples = ["", '["a",1]', "\ufeffünïcödé 🌡️ 漢字", "line\nbreak\ttab\0nul", "x".repeat(300_000)];
    await log.append(samples.map((text) => ({ shard: 0, text })));
    assert.deepEqual((await readAll(log, 0, 0)).texts, samples);
  });

  test("refuses a shard it does not have, and the call with it (6)", async ({ log }) => {
    for (const shard of [-1, shards, 0.5]) {
      await rejectsWith("out_of_range", log.append([...texts(0, 1), { shard, text: "lost" }]));
      await rejectsWith("out_of_range", log.extent(shard));
      await rejectsWith("out_of_range", log.trim(shard, 1));
      await rejectsWith("out_of_range", log.holds(shard));
    }
    assert.deepEqual(await log.extent(0), { begin: 0, end: 0 });
  });

  test("holds every shard where there is no other node", async ({ log }) => {
    assert.deepEqual(await Promise.all(range(0, shards).map((shard) => log.holds(shard))), [
      true,
      true,
      true,
      true,
    ]);
  });

  test("resolves an append of no frames", async ({ log }) => {
    assert.deepEqual(await log.append([]), []);
  });
}

function delivering(test: Test): void {
  test("delivers from the offset asked for, then what is appended, once (4)", async ({ log }) => {
    await log.append(texts(0, 5));
    const collector = new Collector();
    (await log.subscribe(0, 2, collector.deliver)).grant(plenty);
    await log.append(texts(0, 5));
    await collector.count(8);
    await settled(log);
    assert.deepEqual(collector.offsets, range(2, 10));
  });

  test("delivers nothing without a grant, and at most one frame more than granted (4)", async ({ log }) => {
    await log.append(range(0, 10).map(() => ({ shard: 0, text: "x".repeat(100) })));
    const collector = new Collector();
    const subscription = await log.subscribe(0, 0, collector.deliver);
    await settled(log);
    assert.equal(collector.frames.length, 0);
    subscription.grant(150);
    await collector.count(2);
    await settled(log);
    assert.deepEqual(collector.offsets, [0, 1]);
    // 50 units of the last frame were delivered ahead of this grant.
    subscription.grant(50);
    await settled(log);
    assert.deepEqual(collector.offsets, [0, 1]);
    subscription.grant(1);
    await collector.count(3);
  });

  test("refuses a subscription outside of what it holds", async ({ log }) => {
    await log.append(texts(0, 3));
    const ignore = () => {};
    for (const from of [-1, 4, 0.5, NaN]) await rejectsWith("out_of_range", log.subscribe(0, from, ignore));
    await rejectsWith("out_of_range", log.subscribe(shards, 0, ignore));
    (await log.subscribe(0, 3, ignore)).close();
  });

  test("delivers nothing after the subscription is closed (4)", async ({ log }) => {
    const collector = new Collector();
    const subscription = await log.subscribe(0, 0, collector.deliver);
    subscription.grant(plenty);
    await log.append(texts(0, 1));
    await collector.count(1);
    subscription.close();
    await log.append(texts(0, 3));
    await settled(log);
    assert.deepEqual(collector.offsets, [0]);
  });

  test("replaces a client's subscription to the same shard", async ({ log }) => {
    const [first, second] = [new Collector(), new Collector()];
    (await log.subscribe(0, 0, first.deliver)).grant(plenty);
    (await log.subscribe(0, 0, second.deliver)).grant(plenty);
    await log.append(texts(0, 3));
    await second.count(3);
    assert.deepEqual(first.offsets, []);
  });

  test("says once why a subscription ended by itself, and delivers nothing more to it (4)", async ({ log }) => {
    const collector = new Collector();
    const endings: LogError[] = [];
    const ended = Promise.withResolvers<void>();
    const subscription = await log.subscribe(0, 0, collector.deliver, (error) => {
      endings.push(error);
      ended.resolve();
    });
    await trimBeginning(log);
    subscription.grant(plenty);
    await ended.promise;
    subscription.grant(plenty);
    await log.append(texts(0, 1));
    await settled(log);
    assert.deepEqual(endings.map((error) => error instanceof LogError && error.code), ["out_of_range"]);
    assert.deepEqual(collector.frames, []);
  });

  test("says nothing of the end of a subscription that was closed or replaced (4)", async ({ log, other }) => {
    const failed = (error: LogError) => assert.fail(`told of an end: ${error.message}`);
    const [collector, another] = [new Collector(), other()];
    (await log.subscribe(0, 0, () => {}, failed)).close();
    await log.subscribe(0, 0, () => {}, failed);
    (await log.subscribe(0, 0, collector.deliver, failed)).grant(plenty);
    await another.subscribe(0, 0, () => {}, failed);
    await another.close();
    await log.append(texts(0, 1));
    await collector.count(1);
    await settled(log);
  });

  test("delivers to every client", async ({ log, other }) => {
    const [first, second] = [new Collector(), new Collector()];
    const another = other();
    (await log.subscribe(0, 0, first.deliver)).grant(plenty);
    (await another.subscribe(0, 0, second.deliver)).grant(plenty);
    await another.append(texts(0, 3));
    await Promise.all([first.count(3), second.count(3)]);
    await another.close();
    await log.append(texts(0, 1));
    await first.count(4);
    assert.equal(second.frames.length, 3);
  });
}

/** Appends to shard 0 and trims until the log no longer holds its first frame. */
async function trimBeginning(log: MailboxLog): Promise<void> {
  const frames = range(0, 4).map(() => ({ shard: 0, text: "t".repeat(1_000_000) }));
  for (const _ of range(0, 40)) {
    await log.append(frames);
    const { begin, end } = await log.extent(0);
    if (begin > 0) return;
    await log.trim(0, end);
  }
  assert.fail("The log still holds its first frame after 160 MB.");
}

function trimming(test: Test): void {
  test("keeps frames at and above the trim point (5)", async ({ log }) => {
    await log.append(texts(0, 10));
    await log.trim(0, 6);
    const { begin, end } = await log.extent(0);
    assert(begin <= 6 && end === 10, `extent ${begin}..${end}`);
    assert.deepEqual((await readAll(log, 0, 6)).offsets, range(6, 10));
  });

  test("never trims what is yet to come, whatever is asked (5)", async ({ log }) => {
    await log.append(texts(0, 3));
    await log.trim(0, 1000);
    await log.trim(0, 1);
    const [receipt] = await log.append(texts(0, 1));
    assert.equal(receipt?.offset, 3);
    assert.deepEqual((await readAll(log, 0, 3)).offsets, [3]);
  });
}

function closing(test: Test): void {
  test("commits what was appended before close, and is closed then", async ({ log }) => {
    const appends = range(0, 5).map(() => log.append(texts(0, 1)));
    await log.close();
    const receipts = await Promise.all(appends);
    assert.deepEqual(receipts.map(([receipt]) => receipt?.offset), range(0, 5));
    await rejectsWith("closed", log.append(texts(0, 1)));
    await rejectsWith("closed", log.subscribe(0, 0, () => {}));
    await rejectsWith("closed", log.extent(0));
    await rejectsWith("closed", log.trim(0, 1));
    await rejectsWith("closed", log.holds(0));
    await log.close();
  });
}
