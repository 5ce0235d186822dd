import assert from "node:assert/strict";
import { accepts } from "../../actors/http/accept.ts";

const cases: readonly (readonly [header: string | null, mediaType: string, admitted: boolean])[] = [
  [null, "application/json", true],
  ["", "application/json", true],
  ["*/*", "application/json", true],
  ["application/*", "application/json", true],
  ["application/json", "application/json", true],
  ["Application/JSON; q=0.5", "application/json", true],
  ["text/html, */*;q=0.8", "application/json", true],
  ["text/html", "application/json", false],
  ["application/json;q=0, */*", "application/json", false],
  ["application/json;q=0.0", "application/json", false],
  ["application/json;q=0.01", "application/json", true],
  ["text/plain", "text/plain; version=0.0.4; charset=utf-8", true],
  ["application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "text/plain", true],
];

for (const [header, mediaType, admitted] of cases) {
  Deno.test(`accepts() is ${admitted} for ${mediaType} when Accept is ${header}`, () => {
    assert.equal(accepts(header, mediaType), admitted);
  });
}
