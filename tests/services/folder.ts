/** A folder for one test, which goes with it. */

interface TempFolder extends AsyncDisposable {
  readonly path: string;
}

export async function tempFolder(): Promise<TempFolder> {
  const path = await Deno.makeTempDir({ prefix: "sensorium-test-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Runs `test` on a new folder, and removes it. */
export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  await using folder = await tempFolder();
  await test(folder.path);
}
