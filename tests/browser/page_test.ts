/** The live page of a real node, in a real browser: what it shows, and that it goes on. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { maxMovingPerKind, movingHoldMs } from "../../actors/http/limits.ts";
import { eventually } from "../services/eventually.ts";
import { post, rowOf, test } from "./stage.ts";

/** From the moment the page is there. */
const firstValueMs = 2000;
/** The rate is that of an interval of a second, so at most two pass; the third is for a busy machine. */
const rateMs = 3000;
/** A start takes a second or two, more on a busy machine, and the page asks again within four. */
const restartMs = 20_000;

/** The rule looks for series, the first forecast begins within ten seconds, and the page asks every 15. */
const forecastMs = 45_000;

const withoutHost = ["--no-host-metrics"];

test("the page shows a first value within 2 s when nothing is configured", [], async (stage) => {
  await stage.node.kill();
  const node = await stage.start({ ...stage.options, dataDir: join(stage.options.dataDir, "empty") });
  const visit = await stage.open(node.url);
  // From here on it is the node's share, on an empty folder: to open a page takes the browser more than a second where the
  // processors are busy. `deno task bench page` measures all of it without one.
  await visit.untilText(".row .last", /\d/, firstValueMs);
  await visit.untilText("#state", /^live$/);
});

test("a series moves: its readings and its trend change by themselves", [], async ({ node, open }) => {
  const visit = await open(node.url);
  const row = rowOf(visit, "host_memory_used_bytes");
  await visit.until("the series of the memory", row);
  await visit.until("it in its unit", row.locator(".last", { hasText: /^[\d.]+.[KMGT]iB$/ }));
  const readings = row.locator("td").last();
  const before = await readings.innerText();
  await visit.until(
    "its readings to change",
    readings.and(visit.page.locator(`:not(:text-is("${before}"))`)),
  );
  // Three of them, of the last three seconds.
  await visit.until("its trend to grow", row.locator(`polyline[points*=" "][points*=" 59,"]`));
});

test("throughput follows what is sent, up and down", withoutHost, async ({ node, open }) => {
  const visit = await open(node.url);
  await visit.untilText("#rate", /^0$/);
  await visit.untilText("#nothing", /Nothing has moved yet/);
  await post(node, Array.from({ length: 2000 }, (_, i) => ({ id: `s${i % 50}`, values: { t: i } })));
  // An interval of a busy machine may be shorter or longer than a second.
  await visit.untilText("#rate", /^[1-4],\d{3}$/, rateMs);
  await visit.untilText("#rate", /^0$/, rateMs);
  assert.equal(await visit.page.innerText("#accepted"), "2,000");
  assert.match(await visit.page.innerText("#peak"), /^[1-4],\d{3}$/);
});

test("a name opens the windows of its channel, which go on", withoutHost, async ({ node, open }) => {
  await post(node, [20, 22].map((temperature) => ({ id: "42", values: { temperature, door: true } })));
  const visit = await open(node.url);
  // The same in 1, 3 and 12 hours, as all of it is of now.
  const windows = (statistics: Readonly<Record<string, string>>) => {
    const text = Object.entries(statistics).map(([name, figure]) => `${name}(${figure}){3}`).join("");
    return visit.untilText("#windows tbody", new RegExp(`^${text}$`));
  };
  await rowOf(visit, "42 temperature").getByRole("button").click();
  await windows({ readings: "2", mean: "21.00", deviation: "1.41", least: "20", greatest: "22" });
  await post(node, { id: "42", values: { temperature: 27 } });
  await windows({ readings: "3", mean: "23.00", deviation: "3.61", least: "20", greatest: "27" });
  assert.equal(await visit.page.innerText("#windows caption"), "temperature of sensor 42");

  const door = rowOf(visit, "42 door").getByRole("button");
  await door.click();
  await windows({ readings: "2", mean: "100.% true", least: "true", greatest: "true" });
  await door.click();
  assert.equal(await visit.page.locator("#windows").count(), 0);
});

test("what is open stays in the table when others move more", withoutHost, async ({ node, open }) => {
  await post(node, { id: "first", values: { t: 1 } });
  const visit = await open(node.url);
  await rowOf(visit, "first t").getByRole("button").click();
  await visit.untilText("#windows caption", /first/);
  const others = Array.from({ length: maxMovingPerKind }, (_, i) => ({ id: `other${i}`, values: { t: i } }));
  await eventually("all the others to be shown besides what is open", 4 * movingHoldMs, async () => {
    for (const other of others) await post(node, other);
    return await visit.page.locator(".row").count() === others.length + 1 ? true : null;
  });
  assert.equal(await rowOf(visit, "first t").getByRole("button", { expanded: true }).count(), 1);
});

test("the page goes on by itself when the node is killed and started again", [], async (stage) => {
  await post(stage.node, { id: "42", values: { temperature: 21.5 } });
  const visit = await stage.open(stage.node.url);
  await visit.until("the first reading", rowOf(visit, "42 temperature"));
  await stage.node.kill();
  await visit.untilText("#state", /^disconnected, trying again$/);
  await visit.until("what is shown to look stale", visit.page.locator("main[data-stale]"));

  const again = await stage.start(stage.options);
  await visit.untilText("#state", /^live$/, restartMs);
  await post(again, { id: "42", values: { temperature: 22.5 } });
  const readings = rowOf(visit, "42 temperature").locator("td").last();
  await visit.until("the second reading after the first", readings.and(visit.page.locator(':text-is("2")')));
  assert.equal(await visit.page.locator("main[data-stale]").count(), 0);
  // Nobody listens for a moment, and then a node that is still starting.
  stage.expect(/^console: Failed to load resource: (net::ERR_|the server responded with a status of 503)/);
});

test("names with markup are shown as text", withoutHost, async ({ node, open }) => {
  const ids = [
    `<img src=x onerror=alert(1)>`,
    `"><script>alert(2)</script>`,
    `javascript:alert(3)`,
    `../%2e/?#`,
  ];
  await post(node, ids.map((id) => ({ id, values: { t: 1 } })));
  await post(node, ids.map((id) => ({ id, value: 1 })), "series");
  const visit = await open(node.url);
  await visit.until("a row for each", visit.page.locator(".row").nth(2 * ids.length - 1));
  for (const id of ids) {
    for (const [name, caption] of [[`${id} t`, `t of sensor ${id}`], [id, id]] as const) {
      await rowOf(visit, name).getByRole("button").click();
      await visit.until(`the windows of ${name}`, visit.page.getByText("readings111"));
      await visit.until(`their title`, visit.page.getByText(caption, { exact: true }).last());
    }
  }
  assert.equal(await visit.page.locator("main :is(img, script, iframe, a)").count(), 0);
});

test(
  "the page asks for the token, and takes it once from its address",
  ["--token", "correct-horse"],
  async (stage) => {
    const visit = await stage.open(stage.node.url);
    const field = visit.page.getByLabel("This node asks for its token");
    for (const token of ["wrong", "correct-horse"]) {
      await visit.untilText("#state", /^a token is needed$/);
      await field.fill(token);
      await visit.page.keyboard.press("Enter");
    }
    await visit.untilText("#state", /^live$/);
    assert.equal(await field.isVisible(), false);
    await rowOf(visit, "host_memory_used_bytes").getByRole("button").click();
    await visit.untilText("#windows tbody", /^readings\d/);

    const linked = await stage.open(`${stage.node.url}/?token=correct-horse`);
    await linked.untilText("#state", /^live$/);
    assert.equal(linked.page.url(), `${stage.node.url}/`);
    await linked.page.getByRole("link", { name: "API" }).click();
    await linked.untilText("h1", /^Sensorium API/);
    stage.expect(/^console: Failed to load resource: .* status of 401/);
  },
);

/** Three hours of a season of half an hour, a value a minute, up to now. */
function wave(id: string) {
  const minuteMs = 60_000;
  const firstMs = Math.floor(Date.now() / minuteMs) * minuteMs - 179 * minuteMs;
  return Array.from({ length: 180 }, (_, i) => ({
    id,
    ts: firstMs + i * minuteMs,
    value: 100 + 10 * Math.sin(2 * Math.PI * i / 30),
  }));
}

test("a series that is opened shows its forecast, with bands", withoutHost, async (stage) => {
  const { node, open } = stage;
  const send = async (method: string, path: string, body: unknown) => {
    const response = await fetch(node.url + path, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, await response.text());
  };
  await send("PUT", "/rules/waves", {
    match: "wave",
    do: ["rate", "forecast"],
    every: { look: "1s", forecast: "10s" },
  });
  await send("POST", "/series", [{ id: "wave", value: 100 }, { id: "plain", value: 1 }]);
  // What comes before it is told has no rate.
  await eventually("the series to be told of the rule", forecastMs, async () => {
    const { rules } = await (await fetch(`${node.url}/series/wave`)).json();
    return "waves" in rules && "analysis/minutes" in rules ? true : null;
  });
  await send("POST", "/series?import=1", wave("wave"));
  const visit = await open(node.url);
  // Of its two channels: under either stands the forecast of the series.
  const row = rowOf(visit, "wave").first();
  await visit.until("the series", row);
  await row.locator("button").click();
  const figure = visit.page.locator("#windows figure");
  await visit.until("its forecast", figure.locator('.band95[points*=" "]'), forecastMs);
  await visit.until("the path", figure.locator('.ahead[points*=" "]'));
  await visit.until("the past", figure.locator('.past[points*=" "]'));
  await visit.untilText(
    "#forecast-caption",
    /^The last hour of its rate, and the next 10 min by .+, with bands of 80 and 95 %/,
  );
  await rowOf(visit, "plain").locator("button").click();
  await visit.until("the windows of a series without forecasts", visit.page.locator("#windows tbody tr"));
  assert.ok(await figure.isHidden());
  assert.equal(await figure.locator("figcaption").textContent(), "");
  assert.equal(await figure.locator('[points*=" "]').count(), 0);
  const refusal = { title: "Busy", detail: "The store is away." };
  await visit.page.route("**/history?*", (route) => route.fulfill({ status: 503, json: refusal }));
  stage.expect(/^console: Failed to load resource: .* status of 503/);
  await row.locator("button").click();
  await visit.untilText("#forecast-caption", /^The forecast cannot be read: The store is away\.$/);
  assert.equal(await figure.locator('[points*=" "]').count(), 0);
});
