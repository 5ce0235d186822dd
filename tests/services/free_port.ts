/** The system may name a port again that was let go a moment ago, and whoever asked for it has yet to bind it. */
const given = new Set<number>();

/** A TCP port of the loopback address that nobody held a moment ago, and that was not given out before. */
export function freePort(): number {
  for (;;) {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

/** The first of so many ports in a row that nobody held a moment ago. */
export function freePorts(count: number): number {
  for (let attempt = 0; attempt < 100; attempt++) {
    const first = freePort();
    const others = Array.from({ length: count - 1 }, (_, i) => first + 1 + i);
    if (others.every(isFree)) return first;
  }
  throw new Error(`There are no ${count} free ports in a row`);
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch {
    // Taken, or above the last.
    return false;
  }
}
