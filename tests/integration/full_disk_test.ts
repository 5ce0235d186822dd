/** A node on a disk that fills up: a small file system of its own, which needs root to be mounted. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../services/eventually.ts";
import { Node } from "../services/node.ts";
import { SmallDisk } from "../services/small_disk.ts";

const deadlineMs = 30_000;

/** Sends `readings` readings of one sensor; the answer's status. */
async function post(node: Node, readings: number): Promise<number> {
  const body = Array.from({ length: readings }, () => ({ id: "s", values: { t: 1 } }));
  const response = await fetch(`${node.url}/readings`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (response.status === 202) assert.equal(answer.accepted, readings);
  else {
    assert.equal(response.status, 507, JSON.stringify(answer));
    assert.equal(answer.type, "/docs#problem-disk-full");
    assert.match(answer.detail, /free some space/);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
  }
  return response.status;
}

const name =
  "A node on a full disk refuses with 507, lives, says so once, and accepts when there is space again";

Deno.test(name, async () => {
  await using disk = await SmallDisk.mount("sensorium-disk-", 32);
  if (disk === null) return console.error(`\nSKIPPED: ${name}: mounting a small disk needs root.\n`);
  // One sensor fills the disk.
  const flags = ["--no-host-metrics", "--shards", "2", "--max-rate-per-id", "off"];
  await using node = await Node.start({ dataDir: join(disk.folder, "data"), flags });
  const bodyReadings = 5000;
  let accepted = 0;
  const send = async (readings: number) => {
    const status = await post(node, readings);
    if (status === 202) accepted += readings;
    return status;
  };
  assert.equal(await send(1), 202);

  await disk.fill(500_000);
  await eventually(
    "a body that is refused",
    deadlineMs,
    async () => await send(bodyReadings) === 507 ? true : null,
  );
  for (let n = 0; n < 3; n++) {
    await send(bodyReadings);
  }

  assert.equal((await (await fetch(`${node.url}/healthz`)).json()).status, "ok");
  const reports = (pattern: RegExp) => node.errors.split("\n").filter((line) => pattern.test(line));
  const full = /Cannot append .*free some space and append again\. Messages are refused meanwhile\.$/;
  assert.equal(reports(full).length, 1, node.errors);

  await disk.empty();
  await eventually(
    "a body that is accepted",
    deadlineMs,
    async () => await send(bodyReadings) === 202 ? true : null,
  );
  await eventually("the sentence that it goes on", deadlineMs, async () => {
    assert.equal(await send(1), 202);
    return reports(/The log takes messages again\.$/).length > 0 ? true : null;
  });
  assert.equal(reports(/The log takes messages again\.$/).length, 1);

  const { total } = await (await fetch(`${node.url}/sensors/s/windows`)).json();
  assert.equal(total.t.count, accepted, "everything accepted counts, once");
  const { code, errors } = await node.stop();
  assert.equal(code, 0, errors);
});
