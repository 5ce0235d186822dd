/**
 * Whether a test that needs something installed runs, is skipped, or fails.
 *
 * In CI (`CI=true`) what is missing fails: a skipped test there would prove nothing and look green. Elsewhere it is
 * skipped, and says so loudly.
 */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where an executable of that name is on the PATH; undefined when it is nowhere. */
function findProgram(program: string): string | undefined {
  const paths = (Deno.env.get("PATH") ?? "").split(delimiter).map((folder) => join(folder, program));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @throws when no executable of that name is on the PATH. */
export function programPath(program: string): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`Cannot start ${program}: it is not on the PATH. Install it.`);
  return path;
}

/**
 * To be passed as a test's `ignore`: true when `programs` are missing and the test may be skipped.
 *
 * @throws where CI=true and one of them is missing.
 */
export function skipUnlessInstalled(test: string, programs: readonly string[]): boolean {
  const missing = programs.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return false;
  const sentence = `${test} needs ${missing.join(" and ")} on the PATH`;
  if (Deno.env.get("CI") === "true") throw new Error(`${sentence}, and CI=true forbids skipping it.`);
  console.error(`\nSKIPPED: ${sentence}.\n`);
  return true;
}
