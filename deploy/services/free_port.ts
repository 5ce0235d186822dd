/**
 * Ports for servers that bind them a moment later.
 *
 * 1. They lie below those from which systems take ports for outgoing connections (Linux: from 32768 on, others from
 *    49152 on): any connection made in that moment could have one of those.
 * 2. None is given out twice, until all have been.
 */

import process from "node:process";

const firstPort = 10_000;
const ports = 22_000;

/** Processes begin at different places. */
let next = process.pid * 7919 % ports;

/** A TCP port of the loopback address that nobody held a moment ago. */
export function freePort(): number {
  return freePorts(1);
}

/** The first of so many ports in a row that nobody held a moment ago. */
export function freePorts(count: number): number {
  for (let attempt = 0; attempt < ports; attempt++) {
    if (next + count > ports) next = 0;
    const first = firstPort + next;
    next += count;
    if (Array.from({ length: count }, (_, i) => first + i).every(isFree)) return first;
  }
  throw new Error(`There are no ${count} free ports in a row`);
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.AddrInUse)) throw thrown;
    return false;
  }
}
