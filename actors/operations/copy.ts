/** Copying files so that they are on the disk, with their checksums. */

import { createHash } from "node:crypto";

/** Read at once: large enough that calls do not count, small enough to stop soon. */
const chunkBytes = 1024 * 1024;

export interface Copying {
  readonly signal: AbortSignal;
  /** Hears of every piece. */
  readonly onBytes: (bytes: number) => void;
}

export interface Copied {
  readonly bytes: number;
  readonly sha256: string;
}

/** Copies what the file has at the beginning; what is appended meanwhile is left out. The target must be new. */
export async function copyFile(source: string, target: string, copying: Copying): Promise<Copied> {
  using from = await Deno.open(source);
  using to = await Deno.open(target, { write: true, createNew: true });
  const copied = await read(from, copying, (chunk) => writeAll(to, chunk));
  await to.sync();
  return copied;
}

export async function hashFile(path: string, copying: Copying): Promise<Copied> {
  using file = await Deno.open(path);
  return await read(file, copying, () => Promise.resolve());
}

async function read(
  file: Deno.FsFile,
  { signal, onBytes }: Copying,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<Copied> {
  const { size } = await file.stat();
  const hash = createHash("sha256");
  const buffer = new Uint8Array(chunkBytes);
  let bytes = 0;
  while (bytes < size) {
    signal.throwIfAborted();
    const count = await file.read(buffer.subarray(0, Math.min(chunkBytes, size - bytes)));
    if (count === null) break;
    const chunk = buffer.subarray(0, count);
    hash.update(chunk);
    await take(chunk);
    bytes += count;
    onBytes(count);
  }
  return { bytes, sha256: hash.digest("hex") };
}

async function writeAll(file: Deno.FsFile, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
}

/** Makes the names in a folder durable. Windows can sync no folder, and need not. */
export async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(path);
  await folder.sync();
}
