import assert from "node:assert/strict";
import fc from "fast-check";
import {
  firstFive,
  firstMinute,
  firstQuarter,
  firstSpan,
  forSlotsOfSpan,
  paneMinutes,
  paneStart,
  ringStartMinute,
  slotCount,
  slotOf,
  slotStart,
  stepRing,
} from "../../actors/analytics/ring.ts";

const heads = fc.integer({ min: 0, max: 40_000_000 });

Deno.test("slotOf() gives every minute of the ring a slot of its span, and none to older ones (1, 2)", () => {
  fc.assert(fc.property(heads, (head) => {
    const spans = new Map<number, number>();
    for (let minute = ringStartMinute(head); minute <= head; minute++) {
      const slot = slotOf(minute, head);
      assert.ok(slot >= 0 && slot < slotCount);
      const start = slotStart(slot, head);
      assert.equal(start, paneStart(minute, head));
      assert.ok(minute >= start && minute < start + paneMinutes(minute, head));
      assert.equal(spans.get(slot) ?? start, start);
      spans.set(slot, start);
    }
    assert.equal(slotOf(ringStartMinute(head) - 1, head), -1);
  }));
});

Deno.test("paneMinutes() is fine enough for windows of 1, 3 and 12 hours (3)", () => {
  fc.assert(fc.property(heads, (head) => {
    assert.equal(paneMinutes(head - 60, head), 1);
    assert.ok(paneMinutes(head - 180, head) <= 5);
    assert.ok(ringStartMinute(head) <= head - 720);
    assert.ok(ringStartMinute(head) > head - 720 - 45);
  }));
});

Deno.test("stepRing() moves every expired span to where slotOf() looks for it", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 40_000_000 }),
      fc.integer({ min: 1, max: 800 }),
      (head, steps) => {
        const slots = new Map<number, Set<number>>();
        for (let minute = ringStartMinute(head); minute <= head; minute++) {
          const slot = slotOf(minute, head);
          slots.set(slot, (slots.get(slot) ?? new Set()).add(minute));
        }
        const oldest = ringStartMinute(head);
        for (let at = head; at < head + steps; at++) {
          stepRing(at, {
            leaving: (minutes, span) => assert.equal(span, firstSpan(minutes, at)),
            drop: (slot) => void slots.delete(slot),
            merge: (from, to) => {
              slots.set(to, (slots.get(to) ?? new Set()).union(slots.get(from) ?? new Set()));
              slots.delete(from);
            },
          });
        }
        const now = head + steps;
        for (let minute = oldest; minute <= head; minute++) {
          const slot = slotOf(minute, now);
          for (const [other, minutes] of slots) assert.equal(minutes.has(minute), other === slot);
        }
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("forSlotsOfSpan() visits exactly the slots of a span, oldest first", () => {
  fc.assert(
    fc.property(heads, (head) => {
      assert.ok(firstQuarter(head) * 15 < firstFive(head) * 5 && firstFive(head) * 5 < firstMinute(head));
      for (const length of [1, 5] as const) {
        for (let span = firstSpan(length, head); span * length <= head; span++) {
          const visited: number[] = [];
          forSlotsOfSpan(length, span, head, (slot) => visited.push(slot));
          const minutes = Array.from({ length }, (_, i) => span * length + i).filter((each) => each <= head);
          assert.deepEqual(visited, [...new Set(minutes.map((minute) => slotOf(minute, head)))]);
        }
      }
    }),
    { numRuns: 50 },
  );
});
