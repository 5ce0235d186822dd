/** What `actors/results/README.md` tells other programs to write can be stored, and its tables are those there are. */

import assert from "node:assert/strict";
import { parseResult, Result } from "../../actors/results/result.ts";
import { SqliteSql } from "../../actors/results/sqlite_sql.ts";
import { ResultTables } from "../../actors/results/tables.ts";

const readme = await Deno.readTextFile(new URL("../../actors/results/README.md", import.meta.url));

Deno.test("each kind's example in the README is a result", () => {
  const examples = [...readme.matchAll(/^ {4}\{"v": 1[^]*?(?=\n\n)/gm)].map(([text]) => parseResult(text));
  const kinds = examples.map((parsed) => parsed.ok ? parsed.result.kind : parsed.reason);
  assert.deepEqual(kinds, Result.options.map(({ shape }) => shape.kind.value));
});

Deno.test("the README names every table and its columns", async () => {
  const sql = new SqliteSql(":memory:");
  const tables = await ResultTables.open(sql);
  try {
    const names = await sql.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    assert.equal(names.length, 5);
    for (const { name } of names) {
      const line = readme.split("\n").find((line) => line.startsWith(`| \`${name}\``)) ?? "";
      const named = new Set([...line.matchAll(/`(\w+)`/g)].map(([, word]) => word).slice(1));
      const columns = (await sql.rows(`PRAGMA table_info(${name})`)).map(({ name }) => String(name));
      const missing = columns.filter((column) => !named.has(column) && !/^(max|min|avg)_/.test(column));
      assert.deepEqual(missing, [], `columns of ${name}`);
    }
  } finally {
    await tables.close();
  }
});
