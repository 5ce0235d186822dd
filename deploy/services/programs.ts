/** Where the system's programs are. */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Debian's daemons are there, and not on the PATH of an ordinary user. */
const daemonFolders = ["/usr/local/sbin", "/usr/sbin"];

/** Its path; null when there is none. A name with a slash is a path already. */
export function findProgram(name: string): string | null {
  const folders = [...(Deno.env.get("PATH") ?? "").split(delimiter), ...daemonFolders];
  const paths = name.includes("/") ? [name] : folders.map((folder) => join(folder, name));
  return paths.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Missing, or not for this user.
    return false;
  }
}
