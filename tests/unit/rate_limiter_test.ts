import assert from "node:assert/strict";
import fc from "fast-check";
import { RateLimiter } from "../../actors/http/rate_limiter.ts";

Deno.test("take() gives the burst at once and the rate from then on", () => {
  const limiter = new RateLimiter({ perSecond: 3, burst: 30 }, 4);
  let nowMs = 1_000_000;
  const takeAll = () => {
    let taken = 0;
    while (limiter.take(7, nowMs)) taken++;
    return taken;
  };
  assert.equal(takeAll(), 30);
  nowMs += 1000;
  assert.equal(takeAll(), 3);
  nowMs += 100;
  assert.equal(takeAll(), 0);
  nowMs += 3_600_000;
  assert.equal(takeAll(), 30);
});

Deno.test("waitMs() is the time after which take() succeeds", () => {
  const limiter = new RateLimiter({ perSecond: 10, burst: 5 }, 4);
  limiter.charge(7, 25, 0);
  assert.equal(limiter.left(7, 0), -20);
  const waitMs = limiter.waitMs(7, 0);
  assert.equal(waitMs, 2100);
  assert.equal(limiter.take(7, waitMs - 1), false);
  assert.equal(limiter.take(7, waitMs), true);
});

Deno.test("Keys do not share what they may take", () => {
  const limiter = new RateLimiter({ perSecond: 1, burst: 1 }, 4);
  // Both in one set: their upper bits are equal.
  assert.ok(limiter.take(6, 0));
  assert.ok(limiter.take(10, 0));
  assert.ok(!limiter.take(6, 0));
  assert.ok(!limiter.take(10, 0));
});

Deno.test("Made-up keys do not make the limiter forget one that has to wait", () => {
  const limiter = new RateLimiter({ perSecond: 10, burst: 100 }, 2);
  limiter.charge(7, 150, 0);
  for (let made = 0; made < 100_000; made++) limiter.take((made << 3) | 2, 0);
  assert.equal(limiter.take(7, 0), false);
  assert.equal(limiter.waitMs(7, 0), 5100);
});

Deno.test("take() agrees with a bucket that is filled token by token, whatever the pauses", () => {
  fc.assert(fc.property(
    fc.record({ perSecond: fc.integer({ min: 1, max: 5000 }), burst: fc.integer({ min: 1, max: 50 }) }),
    fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 200 }),
    (rate, pausesMs) => {
      const limiter = new RateLimiter(rate, 2);
      let nowMs = 0;
      let [tokens, filled] = [rate.burst, 0];
      for (const pauseMs of pausesMs) {
        nowMs += pauseMs;
        const total = Math.floor(nowMs * rate.perSecond / 1000);
        tokens = Math.min(rate.burst, tokens + total - filled);
        filled = total;
        assert.equal(limiter.left(7, nowMs), tokens);
        assert.equal(limiter.take(7, nowMs), tokens >= 1);
        if (tokens >= 1) tokens -= 1;
      }
    },
  ));
});
