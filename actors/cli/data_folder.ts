/**
 * The data folder, held by this process alone.
 *
 * 1. The lock is the operating system's, on the file `lock`: it goes with the process, however that ends, and a
 *    file that a dead process left behind locks nobody out.
 * 2. The file holds the pid of its holder, for whoever is refused, and, once it listens, the address of its admin port,
 *    for tasks that need the node which runs on a folder.
 */

import { join, resolve } from "node:path";
import { errorMessage } from "../../runtime/core/errors.ts";
import { Refusal } from "./refusal.ts";

export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  /** Writes down where the admin port is reached. */
  announce(adminUrl: string): void;
  /** Lets the next process in. */
  release(): void;
}

const lockFile = "lock";

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.AlreadyExists) {
    return "it, or a folder above it, is a file";
  }
  // https://docs.deno.com/runtime/fundamentals/security: writing there could give a program what it was not given.
  if (error instanceof Deno.errors.NotCapable && error.message.startsWith("Requires all access")) {
    return "Deno lets no program write below /dev, /proc, /sys or /etc that has not been given all permissions";
  }
  return errorMessage(error);
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

/** Runs what writes to the folder; throws a `Refusal` that says why it could not. */
function writing<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (isFull(cause)) {
      throw new Refusal(
        `Cannot write to the data folder ${path}: its disk is full. Free some space, or give another folder with ` +
          `--data DIR.`,
        { cause },
      );
    }
    throw new Refusal(
      `Cannot write to the data folder ${path}: ${
        reasonOf(cause)
      }. Give a folder that this user may write to, with ` +
        `--data DIR.`,
      { cause },
    );
  }
}

function openLock(path: string): Deno.FsFile {
  return writing(path, () => {
    Deno.mkdirSync(path, { recursive: true });
    return Deno.openSync(join(path, lockFile), { read: true, write: true, create: true });
  });
}

export interface Holder {
  /** As "process 123". */
  readonly name: string;
  /** Null before it listens. */
  readonly adminUrl: string | null;
}

/** What the last holder wrote into the lock file, however it ended; null where there is no such file. */
export function lastHolder(path: string): Holder | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(join(path, lockFile));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const [pid = "", url = ""] = text.split("\n");
  return {
    name: /^\d+$/.test(pid) ? `process ${pid}` : "another process",
    adminUrl: URL.canParse(url) ? url : null,
  };
}

/** Who holds the folder now; null for nobody. */
export async function currentHolder(path: string): Promise<Holder | null> {
  const holder = lastHolder(path);
  if (holder === null) return null;
  using file = await Deno.open(join(path, lockFile));
  return await file.tryLock(false) ? null : holder;
}

/** Makes the folder if it is missing and takes its lock. Throws a `Refusal`. */
export async function takeDataFolder(dir: string): Promise<DataFolder> {
  const path = resolve(dir);
  const file = openLock(path);
  if (!await file.tryLock(true)) {
    file.close();
    throw new Refusal(
      `Cannot use the data folder ${path}: ${
        lastHolder(path)?.name ?? "another process"
      } is using it. Stop that one, or give another folder with ` +
        `--data DIR.`,
    );
  }
  const write = (text: string) =>
    writing(path, () => {
      file.truncateSync(0);
      file.seekSync(0, Deno.SeekMode.Start);
      file.writeSync(new TextEncoder().encode(text));
    });
  write(`${Deno.pid}\n`);
  return {
    path,
    announce: (adminUrl) => write(`${Deno.pid}\n${adminUrl}\n`),
    release: () => file.close(),
  };
}
