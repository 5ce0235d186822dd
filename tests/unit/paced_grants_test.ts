/** Credit that is given out in small parts. */

import assert from "node:assert/strict";
import { PacedGrants } from "../../runtime/node/paced_grants.ts";

/** Notes what it is granted; `reached` resolves once that is so much in all. */
function subscription(wanted: number) {
  const granted: number[] = [];
  const reached = Promise.withResolvers<void>();
  let isClosed = false;
  return {
    granted,
    reached: reached.promise,
    isClosed: () => isClosed,
    grant(bytes: number): void {
      granted.push(bytes);
      if (granted.reduce((sum, each) => sum + each, 0) >= wanted) reached.resolve();
    },
    close: () => void (isClosed = true),
  };
}

Deno.test("PacedGrants gives out all that was granted, and never more than its part of a step at once", async () => {
  const grants = new PacedGrants(100, 1);
  const [a, b] = [subscription(120), subscription(30)];
  const [pacedA, pacedB] = [grants.pace(a), grants.pace(b)];
  pacedA.grant(70);
  pacedA.grant(50);
  pacedB.grant(30);
  assert.deepEqual(a.granted, [], "nothing at once");
  await Promise.all([a.reached, b.reached]);
  grants.close();
  assert.deepEqual([a.granted, b.granted], [[50, 50, 20], [30]]);
});

Deno.test("PacedGrants gives nothing to a subscription that is closed, and its part to the others", async () => {
  const grants = new PacedGrants(100, 1);
  const [a, b] = [subscription(1), subscription(150)];
  const [pacedA, pacedB] = [grants.pace(a), grants.pace(b)];
  pacedA.grant(500);
  pacedA.close();
  pacedB.grant(150);
  await b.reached;
  grants.close();
  assert.ok(a.isClosed() && !b.isClosed());
  assert.deepEqual([a.granted, b.granted], [[], [100, 50]]);
});
