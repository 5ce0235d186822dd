/** Whether everybody can read the page and the documentation: with a keyboard, a screen reader, on a telephone. */

import assert from "node:assert/strict";
import type { Visit } from "../services/chromium.ts";
import { violations } from "./axe.ts";
import { post, rowOf, test } from "./stage.ts";

const desktop = { viewport: { width: 1280, height: 900 } };
const telephone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const themes = [
  { ...desktop, colorScheme: "light" },
  { ...telephone, colorScheme: "dark" },
] as const;

async function assertFits({ page }: Visit): Promise<void> {
  const root = "document.documentElement";
  assert.equal(await page.evaluate(`${root}.scrollWidth - ${root}.clientWidth`), 0, "it scrolls sideways");
}

test(
  "the page has no accessibility violations and fits when it is light, dark, wide and narrow",
  [],
  async (stage) => {
    const { node, open } = stage;
    const id = "a-sensor-with-a-very-long-name-without-a-break".repeat(4);
    await post(node, [{ id, values: { temperature: 21.5, [`${"c".repeat(64)}`]: -1234567.25 } }]);
    const grounds = new Set<unknown>();
    for (const theme of themes) {
      const visit = await open(node.url, theme);
      await rowOf(visit, `${id} temperature`).getByRole("button").click();
      await visit.untilText("#windows tbody", /^readings1/);
      await visit.until("the host's metrics", rowOf(visit, "host_memory_used_bytes"));
      assert.deepEqual(await violations(visit), [], JSON.stringify(theme));
      await assertFits(visit);
      grounds.add(await visit.page.evaluate("getComputedStyle(document.body).backgroundColor"));
    }
    assert.equal(grounds.size, 2);
  },
);

test(
  "the page tells which node has which shard where there are several",
  ["--no-host-metrics"],
  async (stage) => {
    const { node, open } = stage;
    const [self, other] = ["a", "b"].map((host) =>
      `host-${host}/node-0/0b9c6b54-6a43-4ac1-8f29-5ad1a5a0e6f0`
    );
    const event = await firstEvent(node.url);
    const shards = event.shards.map((shard: object, place: number) =>
      place === 0 ? { ...shard, host: null, state: "elsewhere" } : shard
    );
    const cluster = await (await fetch(`${node.url}/cluster`)).json();
    const nodes = [{ name: self, url: "", isSelf: true, shards: 1 }, {
      name: other,
      url: "",
      isSelf: false,
      shards: 1,
    }];
    const owners = [other, self, null];
    const placed = cluster.shards.map((shard: object, place: number) => ({
      ...shard,
      node: owners[place % 3],
      lag: 2,
    }));
    for (const theme of themes) {
      const visit = await open(node.url, theme);
      assert.ok(await visit.page.locator("#cluster").isHidden(), "a node alone has nothing to tell");
      await visit.page.route(
        "**/cluster",
        (route) => route.fulfill({ json: { nodes, shards: placed, missing: ["x"] } }),
      );
      const body = `data: ${JSON.stringify({ ...event, shards })}\n\n`;
      await visit.page.route(
        "**/events",
        (route) => route.fulfill({ body, contentType: "text/event-stream" }),
      );
      await visit.page.reload();
      await visit.untilText("#cluster tbody tr:nth-child(1)", /host-a.* \(this one\)\s*1, 4/);
      await visit.untilText("#cluster tbody tr:nth-child(2)", /host-b\S*\s*0, 3/);
      await visit.untilText("#cluster tbody tr:nth-child(3)", /no node\s*2, 5/);
      assert.deepEqual(await violations(visit), [], JSON.stringify(theme));
      await assertFits(visit);
    }
  },
);

/** What the feed says first. */
async function firstEvent(url: string) {
  const response = await fetch(`${url}/events`);
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    return JSON.parse(text.slice("data: ".length));
  }
}

test("the page can be read when it waits for the token and when it is disconnected", [
  "--token",
  "correct-horse",
], async (stage) => {
  const { node, open } = stage;
  for (const theme of themes) {
    const asking = await open(node.url, theme);
    await asking.untilText("#state", /^a token is needed$/);
    assert.deepEqual(await violations(asking), [], JSON.stringify(theme));
    await assertFits(asking);
  }
  const disconnected = await Promise.all(
    themes.map((theme) => open(`${node.url}/?token=correct-horse`, theme)),
  );
  for (const visit of disconnected) {
    await visit.until("the host's metrics", rowOf(visit, "host_memory_used_bytes"));
  }
  await node.kill();
  for (const [place, visit] of disconnected.entries()) {
    await visit.untilText("#state", /^disconnected/);
    assert.deepEqual(await violations(visit), [], JSON.stringify(themes[place]));
    await assertFits(visit);
  }
  stage.expect(/^console: Failed to load resource: /);
});

test("the page can be used with a keyboard alone", ["--no-host-metrics"], async ({ node, open }) => {
  await post(node, { id: "42", values: { temperature: 21.5 } });
  const visit = await open(node.url, desktop);
  const { page } = visit;
  const row = rowOf(visit, "42 temperature");
  await visit.until("the first reading", row);
  assert.equal(await page.title(), "Sensorium");
  assert.equal(await page.getAttribute("html", "lang"), "en");
  for (const landmark of ["banner", "main", "navigation"] as const) {
    assert.equal(await page.getByRole(landmark).count(), 1, landmark);
  }
  const focused = async () => (await page.locator(":focus-visible").innerText()).trim();
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to what moves");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "API");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "42 temperature");
  await page.keyboard.press("Enter");
  await visit.untilText("#windows tbody", /^readings1/);
  await post(node, { id: "41", values: { temperature: 1 } });
  await visit.until("the row of another sensor before it", rowOf(visit, "41 temperature"));
  assert.equal(await focused(), "42 temperature");
  await page.keyboard.press("Space");
  await visit.until("the windows to be closed", row.getByRole("button", { expanded: false }));
});

test(
  "/docs opens without the network, can be read by everybody, and fits",
  ["--no-host-metrics"],
  async (stage) => {
    for (const theme of themes) {
      const visit = await stage.open(`${stage.node.url}/docs`, theme);
      await visit.untilText("h1", /^Sensorium API/);
      await visit.page.getByRole("link", { name: "POST /readings" }).click();
      await visit.until("what it takes", visit.page.getByText("Idempotency-Key").first());
      assert.deepEqual(await violations(visit), [], JSON.stringify(theme));
      await assertFits(visit);
    }
  },
);
