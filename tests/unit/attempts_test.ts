import assert from "node:assert/strict";
import { MAILBOX } from "../../runtime/core/checkpoint.ts";
import { type Attempts, attemptsAtClaim, isPast } from "../../runtime/core/attempts.ts";

const place = { offset: 7, index: 2, timer: 0, step: 0 };
const other = { ...place, step: 1 };
const counted: Attempts = { place, attempts: 2, epoch: 5, isOpen: false };

Deno.test("attemptsAtClaim() leaves the attempts alone when no host died in a turn", () => {
  assert.equal(attemptsAtClaim(null, 6, null), null);
  assert.equal(attemptsAtClaim(counted, 6, null), counted);
});

Deno.test("attemptsAtClaim() counts a death at the same place, and begins anew at another", () => {
  assert.deepEqual(attemptsAtClaim(counted, 6, { epoch: 6, place }), { ...counted, attempts: 3, epoch: 6 });
  assert.deepEqual(attemptsAtClaim(counted, 6, { epoch: 6, place: other }), {
    place: other,
    attempts: 1,
    epoch: 6,
    isOpen: false,
  });
});

Deno.test("attemptsAtClaim() counts a death once when the claim that tells of it is repeated", () => {
  const death = { epoch: 6, place };
  const once = attemptsAtClaim(counted, 6, death);
  assert.equal(attemptsAtClaim(once, 7, death), once);
});

Deno.test("attemptsAtClaim() counts a turn that was committed as open, whatever died, and once", () => {
  const open: Attempts = { ...counted, attempts: 3, isOpen: true };
  const next = attemptsAtClaim(open, 8, null);
  assert.deepEqual(next, { place, attempts: 4, epoch: 8, isOpen: false });
  assert.equal(attemptsAtClaim(next, 9, null), next);
  assert.equal(attemptsAtClaim(next, 9, { epoch: 8, place }), next, "the host's death told late");
});

Deno.test("attemptsAtClaim() keeps a message buried when hosts die at other places", () => {
  const buried = { place, attempts: 5, epoch: 8 };
  const next = attemptsAtClaim({ ...buried, isOpen: false }, 9, { epoch: 9, place: other });
  assert.deepEqual(next, { place: other, attempts: 1, epoch: 9, isOpen: false, buried: [buried] });
  const again = attemptsAtClaim(next, 10, { epoch: 10, place: other });
  assert.deepEqual(again, { place: other, attempts: 2, epoch: 10, isOpen: false, buried: [buried] });
  const third = attemptsAtClaim(again, 11, { epoch: 11, place: { ...place, step: 2 } });
  assert.deepEqual(third?.buried, [buried], "what has not died often enough is not kept");
  const back = attemptsAtClaim(next, 10, { epoch: 10, place });
  assert.deepEqual(back, { place, attempts: 6, epoch: 10, isOpen: false });
});

Deno.test("isPast() goes by the topic of the place", () => {
  const records = { ...place, topic: "readings" };
  assert.equal(isPast(records, { [MAILBOX]: { offset: 9, index: 0 } }), false);
  assert.equal(isPast(records, { readings: { offset: 9, index: 0 } }), true);
  assert.equal(isPast(place, { readings: { offset: 9, index: 0 } }), false);
});

Deno.test("isPast() says whether the entry is folded at a position", () => {
  assert.equal(isPast(place, { [MAILBOX]: { offset: 6, index: 0 } }), false);
  assert.equal(isPast(place, { [MAILBOX]: { offset: 6, index: 2 } }), false);
  assert.equal(isPast(place, { [MAILBOX]: { offset: 6, index: 3 } }), true);
  assert.equal(isPast(place, { [MAILBOX]: { offset: 7, index: 0 } }), true);
  assert.equal(isPast({ offset: 7, index: -1 }, { [MAILBOX]: { offset: 6, index: 1 } }), true);
});
