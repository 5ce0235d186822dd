/** Answers as CSV. */

import assert from "node:assert/strict";
import { csvText, wantsCsv } from "../../actors/http/csv.ts";
import { withApp } from "./http_app_under_test.ts";
import { answered } from "./http_fake_engine.ts";

Deno.test("csvText() quotes what needs it, and takes the sting out of formulas", () => {
  const rows = [
    { a: 'x{b="c"}', b: 1.5 },
    { a: "two\r\nlines, and a comma", b: null },
    { a: "=1+1", b: -3 },
    { a: "-1", b: 0 },
  ];
  assert.equal(
    csvText(["a", "b"], rows),
    'a,b\r\n"x{b=""c""}",1.5\r\n"two\r\nlines, and a comma",\r\n\'=1+1,-3\r\n-1,0\r\n',
  );
  assert.equal(csvText(["a"], []), "a\r\n");
});

Deno.test("wantsCsv() is true for those who want it more than JSON, or name it where they would take anything", () => {
  const asks = (accept: string | null) =>
    wantsCsv(new Request("http://a/", { headers: accept === null ? {} : { accept } }));
  const csv = [
    "text/csv",
    "text/csv;q=0.5, text/html",
    "text/*",
    "text/csv, */*",
    "*/*;q=0.1, text/csv",
    "application/json;q=0.5, text/csv",
  ];
  const json = [
    null,
    "*/*",
    "application/json",
    "text/csv, application/json",
    "image/png",
    "text/csv;q=0.5, */*",
    "text/csv;q=0, */*;q=0",
  ];
  assert.deepEqual(csv.filter((accept) => !asks(accept)), []);
  assert.deepEqual(json.filter(asks), []);
});

Deno.test("GET /sensors/{id}/windows answers CSV, a line for each channel and window", () =>
  withApp({}, async ({ ask, engine }) => {
    const window = {
      from: 1,
      to: 2,
      count: 3,
      min: 0,
      max: 1,
      mean: 0.5,
      stdSample: null,
      stdPopulation: 0.4,
    };
    engine.answer = () => answered({ total: {}, channels: { t: { "1h": { ...window, last: null } } } });
    const response = await ask("/sensors/a/windows", { headers: { accept: "text/csv" } });
    assert.equal(response.headers.get("content-type"), "text/csv; charset=utf-8");
    assert.equal(
      await response.text(),
      "channel,window,from,to,count,min,max,mean,stdSample,stdPopulation\r\nt,1h,1,2,3,0,1,0.5,,0.4\r\n",
    );
  }));
