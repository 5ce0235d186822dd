/**
 * Whether the node of this container lives: the image's health check, as Debian's slim image has no curl. It reads where
 * the node listens from the node's own variables. Exit code 0: it lives.
 */

import { fetchReason } from "../runtime/fetch_reason.ts";
import { reachableUrl } from "../actors/cli/ports.ts";

/** Less than what Docker gives the check, so that the sentence below is what is seen. */
const timeoutMs = 4000;

const host = Deno.env.get("SENSORIUM_HOST") ?? "";
const adminPort = Number(Deno.env.get("SENSORIUM_ADMIN_PORT"));
const url = `${reachableUrl(host, adminPort)}/healthz`;

try {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  console.log(`${url}: ${response.status}`);
  await response.body?.cancel();
  Deno.exitCode = response.ok ? 0 : 1;
} catch (error) {
  console.log(`${url}: ${fetchReason(error)}`);
  Deno.exitCode = 1;
}
