import assert from "node:assert/strict";
import { StoreError } from "../../runtime/store/port.ts";
import { sqliteError } from "../../runtime/store/sqlite_errors.ts";

Deno.test("sqliteError() is one line of bounded length, whatever SQLite quotes of a damaged schema", () => {
  const quoted = `malformed database schema (t) - unrecognized token: ""\n  a TEXT,\n${
    "  b TEXT,\n".repeat(1000)
  }`;
  const thrown = Object.assign(new Error(quoted), { code: "ERR_SQLITE_ERROR", errcode: 11 });
  const error = sqliteError(thrown, "open the store s.db");
  assert.ok(error instanceof StoreError);
  assert.equal(error.code, "corrupt");
  assert.match(error.message, /^Cannot open the store s\.db: malformed .* a TEXT, .*…; restore [^\n]*$/);
  assert.ok(error.message.length < 400);
});
