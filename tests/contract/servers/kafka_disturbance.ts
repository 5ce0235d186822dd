/** A log under appends while something happens to its brokers: nothing is lost, nothing is delivered twice. */

import assert from "node:assert/strict";
import { LogError, type MailboxLog, type NewFrame } from "../../../runtime/log/port.ts";
import { within } from "../../services/within.ts";
import { Collector, range } from "../log_collector.ts";

const plenty = 1 << 30;

/** Appends numbered frames one after another, as a gateway does: "unknown" is repeated, "unavailable" is given up. */
async function appendNumbered(log: MailboxLog, shard: number, isOver: () => boolean): Promise<number[]> {
  const acknowledged: number[] = [];
  for (let n = 0; !isOver(); n++) {
    const frames: NewFrame[] = [{ shard, text: `${n}` }, { shard, text: `${n} again` }];
    for (;;) {
      try {
        await log.append(frames);
        acknowledged.push(n);
        break;
      } catch (thrown) {
        if (!(thrown instanceof LogError)) throw thrown;
        if (thrown.code === "unknown") continue;
        assert.equal(thrown.code, "unavailable", thrown.message);
        await new Promise((resolve) => setTimeout(resolve, 20));
        break;
      }
    }
  }
  return acknowledged;
}

/** What a shard makes of its frames: a number at or below the last is a repeat. */
function withoutRepeats(texts: readonly string[]): number[] {
  const kept: number[] = [];
  for (const text of texts) {
    if (text.endsWith("again")) continue;
    const n = Number(text);
    if (n > (kept.at(-1) ?? -1)) kept.push(n);
  }
  return kept;
}

/**
 * Of four shards, before, while and after something disturbs the brokers, until which frames are delivered again.
 *
 * @param settleMs within so long after it
 */
export async function losesNothing(
  open: () => Promise<MailboxLog>,
  disturb: () => Promise<void>,
  settleMs = 15_000,
): Promise<void> {
  const log = await open();
  const collectors = range(0, 4).map(() => new Collector());
  for (const [shard, collector] of collectors.entries()) {
    (await log.subscribe(shard, 0, collector.deliver)).grant(plenty);
  }
  let isOver = false;
  const appending = range(0, 4).map((shard) => appendNumbered(log, shard, () => isOver));
  await collectors[0]!.count(20);
  await disturb();
  const last = collectors[0]!.frames.length;
  await within("frames after it", collectors[0]!.count(last + 20), settleMs);
  isOver = true;
  const acknowledged = await within("the appends to settle", Promise.all(appending), 30_000);
  for (const [shard, numbers] of acknowledged.entries()) {
    const { end } = await log.extent(shard);
    const collector = collectors[shard]!;
    await collector.count(end);
    assert.deepEqual(collector.offsets, range(0, end), "each record is delivered once, in order");
    const folded = new Set(withoutRepeats(collector.texts));
    assert.deepEqual(numbers.filter((n) => !folded.has(n)), [], `lost of shard ${shard}`);
    assert.equal(collector.texts.length % 2, 0, "a batch is whole");
  }
  await log.close();
}
