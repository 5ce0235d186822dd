import assert from "node:assert/strict";
import {
  dataFolder,
  readArguments,
  taskHelp,
  type TaskSpec,
  token,
} from "../../actors/cli/read_arguments.ts";
import { sizeText } from "../../actors/cli/size_text.ts";
import { Refusal } from "../../actors/cli/refusal.ts";

const spec: TaskSpec = {
  task: "backup",
  doing: "Cannot back up",
  introduction: "Makes a backup.",
  operand: "the folder to make",
  flags: {
    "--data": { form: "FOLDER", meaning: "the data folder" },
    "--token": { form: "TEXT", meaning: "the token" },
    "--token-file": { form: "PATH", meaning: "its file" },
    "--json": { form: null, meaning: "for programs" },
  },
};

function given(...args: readonly string[]) {
  const found = readArguments(spec, args);
  assert.ok(found !== null);
  return found;
}

Deno.test("readArguments() reads the folder and the flags in any order", () => {
  const flags = [["--data", "d"], ["--json", ""]] as const;
  for (
    const args of [["b", "--data", "d", "--json"], ["--json", "--data=d", "b"], [
      "--data",
      "d",
      "b",
      "--json",
    ]]
  ) {
    const { operand, flags: found } = given(...args);
    assert.equal(operand, "b");
    assert.deepEqual(new Map(found), new Map(flags));
  }
});

const refused = [
  [[], "Cannot back up: name the folder to make. See: deno task backup --help"],
  [[""], "Cannot back up: name the folder to make. See: deno task backup --help"],
  [["a", "b"], 'Cannot back up: "b" is one word too many. See: deno task backup --help'],
  [["a", "--date", "d"], "Cannot back up: there is no flag --date. Did you mean --data?"],
  [["a", "--x"], "Cannot back up: there is no flag --x. See: deno task backup --help"],
  [["a", "--toString"], "Cannot back up: there is no flag --toString. See: deno task backup --help"],
  [["a", "--data"], "Cannot back up: --data needs a value. See: deno task backup --help"],
  [["a", "--data="], "Cannot back up: --data needs a value. See: deno task backup --help"],
  [["a", "--data", "--json"], "Cannot back up: --data needs a value. See: deno task backup --help"],
  [["a", "--json=1"], "Cannot back up: --json takes no value."],
  [["a", "--data", "d", "--data", "e"], "Cannot back up: --data is given twice; give it once."],
] as const;

for (const [args, sentence] of refused) {
  Deno.test(`readArguments() refuses ${JSON.stringify(args)}`, () => {
    assert.throws(() => readArguments(spec, args), { name: "Refusal", message: sentence });
  });
}

Deno.test("readArguments() is null when help is asked for, whatever else there is", () => {
  assert.equal(readArguments(spec, ["--x", "--help"]), null);
  assert.equal(readArguments(spec, ["-h"]), null);
});

Deno.test("taskHelp() fits a terminal and names every flag", () => {
  const help = taskHelp(spec);
  for (const flag of [...Object.keys(spec.flags), "--help"]) {
    assert.match(help, new RegExp(`^  ${flag} `, "m"));
  }
  for (const line of help.split("\n")) assert.ok(line.length <= 80, line);
});

Deno.test("dataFolder() is the flag's, else the variable's, else the default", () => {
  assert.equal(dataFolder(given("b", "--data", "d"), { SENSORIUM_DATA: "v" }), "d");
  assert.equal(dataFolder(given("b"), { SENSORIUM_DATA: "v" }), "v");
  assert.equal(dataFolder(given("b"), { SENSORIUM_DATA: "" }), "./data");
});

Deno.test("token() is the flag's, else the variable's, itself or from a file", () => {
  const read = (path: string) => {
    if (path !== "f") throw new Error("no such file");
    return "of-file\n";
  };
  const both = { SENSORIUM_TOKEN: "of-variable" };
  assert.equal(token(spec, given("b"), {}, read), null);
  assert.equal(token(spec, given("b"), both, read), "of-variable");
  assert.equal(token(spec, given("b"), { SENSORIUM_TOKEN_FILE: "f" }, read), "of-file");
  assert.equal(token(spec, given("b", "--token", "of-flag"), both, read), "of-flag");
  assert.equal(token(spec, given("b", "--token-file", "f"), both, read), "of-file");
  assert.throws(() => token(spec, given("b", "--token-file", "g"), {}, read), /g cannot be read/);
  assert.throws(() => token(spec, given("b", "--token", "t", "--token-file", "f"), {}, read), Refusal);
});

Deno.test("sizeText() has three digits and a unit", () => {
  const cases = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.977 KiB"],
    [1023.9 * 2 ** 10, "1.00 MiB"],
    [2 ** 50, "1024 TiB"],
  ];
  for (const [bytes, text] of cases) assert.equal(sizeText(Number(bytes)), text);
});
