/** Pages of what is selected: full where there is enough, and bounded where there is not. */

import assert from "node:assert/strict";
import { scannedRows } from "../../actors/results/limits.ts";
import { mergedSeries, type Selected, selectPage, seriesList } from "../../actors/results/selecting.ts";

const all = Array.from({ length: 2.5 * scannedRows }, (_, i) => String(i).padStart(8, "0"));

/** A list of `names`, and how many of it were read. */
function listOf(names: readonly string[]) {
  const read = { rows: 0 };
  const list = seriesList((after, count) => {
    const begin = after === null ? 0 : names.findIndex((name) => name > after);
    const some = begin === -1 ? [] : names.slice(begin, begin + count);
    read.rows += some.length;
    return Promise.resolve(some);
  });
  return { list, read };
}

Deno.test("selectPage() looks for what is wanted, and no further than its bound", async () => {
  const { list, read } = listOf(all);
  const last = all.at(-1)!;
  const pages = [];
  for (let after: string | null = null;;) {
    read.rows = 0;
    const page: Selected<string> = await selectPage(list, (name) => name === last, after, 10);
    assert.ok(read.rows <= scannedRows, `${read.rows} were read`);
    pages.push(page.rows);
    if (page.next === null) break;
    after = page.next;
  }
  assert.deepEqual(pages, [[], [], [last]]);
});

Deno.test("selectPage() goes on behind the last that is on the page", async () => {
  const { list } = listOf(all.slice(0, scannedRows - 5));
  const wanted = [all[399], all[scannedRows - 8]];
  const isWanted = (name: string) => wanted.includes(name);
  const first = await selectPage(list, isWanted, null, 2);
  assert.deepEqual(first, { rows: wanted, next: wanted[1] });
  assert.deepEqual(await selectPage(list, isWanted, first.next, 2), { rows: [], next: null });
});

Deno.test("selectPage() reads what the page holds when all are wanted", async () => {
  const { list, read } = listOf(all);
  assert.deepEqual(await selectPage(list, null, null, 3), { rows: all.slice(0, 3), next: all[2] });
  assert.equal(read.rows, 3);
});

Deno.test("mergedSeries() gives each series once, in the order of UTF-8 bytes", () => {
  const lists = [["a", "c", "\uff5e"], ["b", "c", "\u{1f600}"], []];
  assert.deepEqual(mergedSeries(lists, 10), ["a", "b", "c", "\uff5e", "\u{1f600}"]);
  assert.deepEqual(mergedSeries(lists, 2), ["a", "b"]);
});
