import assert from "node:assert/strict";
import { AbandonedThreads, type ThreadPort } from "../../runtime/node/abandoned.ts";
import {
  abandonedLingerMs,
  abandonedNoticeMs,
  maxAbandonedBytes,
  maxAbandonedThreads,
} from "../../runtime/node/limits.ts";

/** The end of a port that the main thread has. */
class FakePort implements ThreadPort {
  isClosed = false;
  isHeld = true;
  end = () => {};

  once(event: string, listener: () => void): this {
    assert.equal(event, "close");
    this.end = listener;
    return this;
  }

  unref(): void {
    this.isHeld = false;
  }

  close(): void {
    this.isClosed = true;
  }
}

function rig() {
  const machine = { nowMs: 0, bytes: 0 };
  const worn: string[] = [];
  const notices: string[] = [];
  const threads = new AbandonedThreads({
    clock: { nowMs: () => machine.nowMs },
    residentBytes: () => machine.bytes,
    onWorn: (sentence) => worn.push(sentence),
    report: ({ component, message }) => notices.push(`${component}: ${message}`),
  });
  const add = (name: string, isEnding = false) => {
    const port = new FakePort();
    threads.started(port);
    threads.add(name, port, isEnding);
    return port;
  };
  const check = (nowMs: number) => {
    machine.nowMs = nowMs;
    threads.check();
    return worn.length;
  };
  return { machine, worn, notices, threads, add, check };
}

Deno.test("AbandonedThreads forgets a thread that ends, and keeps no program alive for it", () => {
  const { threads, add, check } = rig();
  const port = add("host-0");
  assert.deepEqual([threads.count, port.isHeld], [1, false]);
  port.end();
  assert.equal(threads.count, 0);
  assert.equal(check(abandonedLingerMs), 0);
});

Deno.test("AbandonedThreads counts a thread that said that it ends only when it is still there some time later", () => {
  const { threads, add, check, notices } = rig();
  const ports = Array.from({ length: maxAbandonedThreads + 1 }, (_, n) => add(`host-${n}`, true));
  assert.deepEqual([threads.count, check(abandonedNoticeMs - 1), notices.length], [0, 0, 0]);
  for (const port of ports.slice(1)) port.end();
  assert.equal(check(abandonedNoticeMs), 0);
  assert.deepEqual([threads.count, notices.length], [1, 1]);
  assert.equal(check(abandonedLingerMs), 1);
});

Deno.test("AbandonedThreads waits no longer for one that loops because others end by themselves", () => {
  const { add, check, machine } = rig();
  add("host-0");
  for (machine.nowMs = 0; machine.nowMs < abandonedLingerMs; machine.nowMs += 1000) add("host-1", true).end();
  assert.equal(check(abandonedLingerMs), 1);
});

Deno.test("AbandonedThreads knows that a thread was gone before it was given up", () => {
  const { threads } = rig();
  const port = new FakePort();
  threads.started(port);
  port.end();
  threads.add("host-0", port);
  assert.equal(threads.count, 0);
});

Deno.test("AbandonedThreads tells once that the process is worn, when nothing was given up for a while", () => {
  const { worn, add, check, machine } = rig();
  add("host-0");
  assert.equal(check(abandonedLingerMs - 1), 0);
  machine.nowMs = abandonedLingerMs - 1;
  add("host-1");
  assert.equal(check(2 * abandonedLingerMs - 2), 0);
  assert.equal(check(2 * abandonedLingerMs - 1), 1);
  assert.equal(check(9 * abandonedLingerMs), 1);
  assert.equal(
    worn[0],
    "host-0, host-1 did not end when told to, and take processors until the process ends",
  );
});

Deno.test("AbandonedThreads tells once of a thread that is still there after a while", () => {
  const { notices, add, check } = rig();
  add("host-0");
  add("host-1").end();
  check(abandonedNoticeMs - 1);
  assert.deepEqual(notices, []);
  check(abandonedNoticeMs);
  check(2 * abandonedNoticeMs);
  assert.deepEqual(notices, [
    "host-0: The thread of host-0 was ended and is still there; another has its place.",
  ]);
});

Deno.test("AbandonedThreads tells at once when they are too many", () => {
  const { add, check } = rig();
  for (let n = 0; n < maxAbandonedThreads; n++) add("host-0");
  assert.equal(check(1), 0);
  add("host-0");
  assert.equal(check(2), 1);
});

Deno.test("AbandonedThreads tells at once when memory has grown too much since the first", () => {
  const { machine, add, check } = rig();
  machine.bytes = 500;
  add("host-0");
  machine.bytes += maxAbandonedBytes;
  assert.equal(check(1), 0);
  machine.bytes += 1;
  assert.equal(check(2), 1);
});

Deno.test("AbandonedThreads.close() closes what is left", () => {
  const { threads, add } = rig();
  const port = add("host-0");
  threads.close();
  assert.deepEqual([port.isClosed, threads.count], [true, 0]);
});
