/** Whether the Deno that runs us is one we were built for. Versions are `major.minor.patch`. */

import { Refusal } from "./refusal.ts";

function minorOf(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 1000 + minor;
}

/**
 * How the start table names the running version. Throws a `Refusal` when its minor version is older than that of
 * `built`.
 */
export function describeDenoVersion(running: string, built: string): string {
  if (minorOf(running) < minorOf(built)) {
    throw new Refusal(
      `Cannot start on Deno ${running}: Sensorium needs ${built} or newer. ` +
        `Run \`deno upgrade\`, or start it with \`npx -y deno@${built} task start cluster\`.`,
    );
  }
  return minorOf(running) > minorOf(built)
    ? `${running} (newer than ${built}, which it was tested with)`
    : running;
}
