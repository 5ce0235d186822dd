/** Which files are imported: what is hidden or cannot be read beside them ends nothing. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { findFiles } from "../../actors/transfer/import_files.ts";
import { withFolder } from "../services/folder.ts";

const naming = { name: null, labels: {} };

Deno.test("findFiles() leaves hidden files and folders out, also such that lead nowhere", () =>
  withFolder((folder) => {
    Deno.writeTextFileSync(join(folder, "a.csv"), "");
    Deno.writeTextFileSync(join(folder, ".b.csv"), "");
    // Emacs' lock of a file that is being edited.
    Deno.symlinkSync("me@host.4711:1", join(folder, ".#a.csv"));
    Deno.mkdirSync(join(folder, ".git"));
    Deno.writeTextFileSync(join(folder, ".git", "c.csv"), "");
    const { files, bad } = findFiles([folder], naming);
    assert.deepEqual([files.map(({ series }) => series), bad], [["a"], []]);
    return Promise.resolve();
  }));

Deno.test("findFiles() names what cannot be looked at, and finds the rest", () =>
  withFolder((folder) => {
    Deno.mkdirSync(join(folder, "site"));
    for (const name of ["a.csv", "z.csv", "site/b.csv"]) Deno.writeTextFileSync(join(folder, name), "");
    Deno.symlinkSync("nowhere", join(folder, "dangling.csv"));
    // A folder that nobody can go through to its end, whoever runs this.
    Deno.symlinkSync("round", join(folder, "site", "round"));
    const { files, bad } = findFiles([folder], naming);
    assert.deepEqual(files.map(({ series }) => series), ["a", "site/b", "z"]);
    assert.deepEqual(bad.map(({ shown }) => shown), [
      join(folder, "dangling.csv"),
      join(folder, "site", "round"),
    ]);
    for (const { sentence } of bad) assert.match(sentence, /^It cannot be read: .*[^.]$/);
    return Promise.resolve();
  }));

Deno.test("findFiles() throws for what was named and is not there", () =>
  withFolder((folder) => {
    assert.throws(() => findFiles([join(folder, "none")], naming), Deno.errors.NotFound);
    return Promise.resolve();
  }));
