import assert from "node:assert/strict";
import { isNestedDeeper } from "../../actors/http/nesting.ts";

interface Case {
  readonly text: string;
  readonly isLines?: boolean;
  readonly deeper: boolean;
}

const cases: readonly Case[] = [
  { text: `[{"a":[1]}]`, deeper: false },
  { text: `[{"a":[[1]]}]`, deeper: true },
  { text: `[[1],[2],[3],[4],[5]]`, deeper: false },
  { text: `["[[[[[[","{{{{{"]`, deeper: false },
  { text: String.raw`["\"[[[[[["]`, deeper: false },
  { text: String.raw`["\\",[[[1]]]]`, deeper: true },
  { text: `[\n[\n[\n[1]]]]`, deeper: true },
  { text: `{"a":1}\n{"b":2}\n`, isLines: true, deeper: false },
  { text: `{\n{\n{\n{\n{\n`, isLines: true, deeper: false },
  { text: `{"open\n[[["a"]]]\n`, isLines: true, deeper: false },
  { text: `{"open\n[[[["a"]]]]\n`, isLines: true, deeper: true },
  { text: `"never closed [[[[`, deeper: false },
];

for (const { text, isLines = false, deeper } of cases) {
  Deno.test(`isNestedDeeper() is ${deeper} for ${JSON.stringify(text)}${isLines ? " as lines" : ""}`, () => {
    assert.equal(isNestedDeeper(new TextEncoder().encode(text), 3, isLines), deeper);
  });
}
