/** The image's own lines, run one by one, and a container of it: `tests/services/image.ts` says how far that goes. */

import assert from "node:assert/strict";
import { eventually } from "../services/eventually.ts";
import { buildImage, Container, type Image, imagePrograms } from "../services/image.ts";
import { skipUnlessInstalled } from "../services/required.ts";
import { SmallDisk } from "../services/small_disk.ts";
import { within } from "../services/within.ts";

const ignore = skipUnlessInstalled("The image of the Dockerfile", imagePrograms);
const deadlineMs = 30_000;
/** Deno three times, and the packages. */
const diskMebibytes = 1024;
/** Between two questions, each of which starts a process. */
const pauseMs = 300;
const token = "correct-horse";

Deno.test({
  name:
    "the image starts as its user without a network, is healthy, takes readings, drains, and is refused without a token",
  ignore,
  async fn() {
    await using disk = await SmallDisk.mount("sensorium-image-", diskMebibytes);
    if (disk === null) return console.warn("SKIPPED: building the image needs root.");
    const image = await buildImage(disk.folder);
    await isRefusedWithoutToken(image);
    await runs(image);
  },
});

async function isRefusedWithoutToken(image: Image): Promise<void> {
  await using container = new Container(image);
  const { code, text } = await within("a refusal", container.ended, deadlineMs);
  assert.equal(code, 2, text);
  assert.match(text, /SENSORIUM_TOKEN/);
}

async function runs(image: Image): Promise<void> {
  await using container = new Container(image, { SENSORIUM_TOKEN: token });
  await untilHealthy(container);
  assert.equal((await container.healthCheck({ SENSORIUM_ADMIN_PORT: "1" })).code, 1);
  assert.equal((await container.run(["id", "-u"])).text, "10001\n");
  const reading = { method: "POST", body: '{"id":"s","values":{"t":1}}' };
  await answers(container, "readings", 202, reading);
  assert.equal((await answers(container, "sensors/s/windows", 200)).total.t.count, 1);
  const { code, text } = await container.stop();
  assert.equal(code, 0, text);
  assert.match(text, /^one node, embedded\n[^]*stopped\n$/);
}

const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };

async function untilHealthy(container: Container): Promise<void> {
  await eventually("a healthy container", deadlineMs, async () => {
    const { code } = await container.healthCheck();
    return code === 0 ? true : null;
  }, pauseMs);
}

/** What is answered with `wanted`, which a node that starts does not do yet. Nothing but the container reaches its network. */
async function answers(
  container: Container,
  path: string,
  wanted: number,
  init: RequestInit = {},
): Promise<ReturnType<typeof JSON.parse>> {
  const program = `const answer = await fetch("http://127.0.0.1:5002/${path}", ${
    JSON.stringify({ headers, ...init })
  });
    console.log(JSON.stringify({ status: answer.status, body: await answer.json() }));`;
  return await eventually(`${wanted} of /${path}`, deadlineMs, async () => {
    const { text } = await container.run(["deno", "eval", program]);
    const { status, body } = JSON.parse(text);
    return status === wanted ? body : null;
  }, pauseMs);
}
