/**
 * Whether a test that needs something installed runs, is skipped, or fails.
 *
 * In CI (`CI=true`) what is missing fails: a skipped test there would prove nothing and look green. Elsewhere it is
 * skipped, and says so loudly.
 */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** True when an executable of that name is on the PATH. */
function isInstalled(program: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * To be passed as a test's `ignore`: true when `programs` are missing and the test may be skipped.
 *
 * @throws where CI=true and one of them is missing.
 */
export function skipUnlessInstalled(test: string, programs: readonly string[]): boolean {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return false;
  const sentence = `${test} needs ${missing.join(" and ")} on the PATH`;
  if (Deno.env.get("CI") === "true") throw new Error(`${sentence}, and CI=true forbids skipping it.`);
  console.error(`\nSKIPPED: ${sentence}.\n`);
  return true;
}
