/** A node and a browser for one test, and what must hold of every page in it. */

import assert from "node:assert/strict";
import type { BrowserContextOptions, Locator } from "playwright-core";
import { Chromium, skipUnlessChromium, type Visit } from "../services/chromium.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { Node, type NodeOptions } from "../services/node.ts";

const ignore = skipUnlessChromium("The live page");

export interface Stage {
  readonly node: Node;
  readonly options: NodeOptions;
  /** Starts a node in the place of one that was killed. */
  start(options: NodeOptions): Promise<Node>;
  open(url: string, options?: BrowserContextOptions): Promise<Visit>;
  /** Names complaints of the browser that belong to the test. */
  expect(complaints: RegExp): void;
}

/**
 * A test with a node that has these flags. Afterwards no page may have complained, failed, or asked another host for
 * anything.
 */
export function test(name: string, flags: readonly string[], fn: (stage: Stage) => Promise<void>): void {
  Deno.test({ name, ignore, fn: () => withStage(flags, fn) });
}

async function withStage(
  flags: readonly string[],
  test: (stage: Stage) => Promise<void>,
): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "sensorium-browser-" });
  try {
    const options = { dataDir, flags, port: freePort(), adminPort: freePort() };
    await using started = new AsyncDisposableStack();
    const { node, chromium } = await startBoth(options, started);
    const visits: Visit[] = [];
    let expected: RegExp | undefined;
    await test({
      node,
      options,
      start: async (options) => started.use(await Node.start(options)),
      open: async (url, options) => {
        const visit = await chromium.open(url, options);
        visits.push(visit);
        return visit;
      },
      expect: (complaints) => expected = complaints,
    });
    for (const visit of visits) assert.deepEqual(visit.problems(expected), []);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** At the same time, as each takes a second; both are ended by `started`, also where only one of them started. */
async function startBoth(options: NodeOptions, started: AsyncDisposableStack) {
  const [node, chromium] = await Promise.allSettled([Node.start(options), Chromium.start()]);
  if (node.status === "fulfilled") started.use(node.value);
  if (chromium.status === "fulfilled") started.use(chromium.value);
  if (node.status === "rejected") throw node.reason;
  if (chromium.status === "rejected") throw chromium.reason;
  return { node: node.value, chromium: chromium.value };
}

export async function post(
  node: Node,
  items: unknown,
  path: "readings" | "series" = "readings",
): Promise<void> {
  const response = await fetch(`${node.url}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(items),
  });
  assert.equal(response.status, 202, await response.text());
}

/** The row of the table whose name is exactly that. */
export function rowOf({ page }: Visit, name: string): Locator {
  return page.locator(".row").filter({ has: page.getByRole("button", { name, exact: true }) });
}
