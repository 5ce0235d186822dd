/** The operator's tasks as their user runs them. */

import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url);

export interface TaskEnd {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

export async function runTask(
  task:
    | "backup"
    | "restore"
    | "inspect"
    | "import"
    | "export"
    | "services"
    | "results"
    | "bench:anomaly",
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<TaskEnd> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", task, ...args],
    cwd: root,
    env: { NO_COLOR: "1", ...environment },
    stdin: "null",
  }).output();
  return { code, output: new TextDecoder().decode(stdout), errors: new TextDecoder().decode(stderr) };
}

/** Exit code 2 and one sentence on standard error, no stack. */
export function assertRefused({ code, output, errors }: TaskEnd, sentence: RegExp): void {
  assert.equal(code, 2, errors);
  assert.match(errors, sentence);
  assert.equal(errors.trim().split("\n").length, 1, errors);
  assert.equal(output, "");
}

export function assertDone({ code, output, errors }: TaskEnd): string {
  assert.equal(code, 0, `${output}\n${errors}`);
  assert.equal(errors, "");
  return output;
}
