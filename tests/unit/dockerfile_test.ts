/** The reader of Dockerfiles that tests of the image use. */

import assert from "node:assert/strict";
import { execForm, ignores, readDockerfile, variablesOf } from "../services/dockerfile.ts";

const text = `# A comment
FROM debian:13-slim AS base
ENV A=1 B=two=2

FROM base
RUN one \\
  && two
CMD ["deno", "run"]
`;

Deno.test("readDockerfile() gives stages with their instructions, without comments and with lines put together", () => {
  assert.deepEqual(readDockerfile(text), [
    { name: "base", from: "debian:13-slim", instructions: [{ name: "ENV", text: "A=1 B=two=2" }] },
    {
      name: null,
      from: "base",
      instructions: [
        { name: "RUN", text: "one   && two" },
        { name: "CMD", text: '["deno", "run"]' },
      ],
    },
  ]);
});

Deno.test("variablesOf() and execForm() give what is set, and the words of a command", () => {
  assert.deepEqual(variablesOf(readDockerfile(text)[0]?.instructions ?? []), { A: "1", B: "two=2" });
  assert.deepEqual(execForm('--interval=10s CMD ["deno", "run"]'), ["deno", "run"]);
});

Deno.test("ignores() lets the last line that fits a path, or a folder above it, decide", () => {
  const isIgnored = ignores(
    "# All but these\n*\n!runtime\n!deploy/health.ts\n\n**/README.md\nruntime/sim*n\n",
  );
  const cases = {
    "secret.txt": true,
    "runtime/core/shard.ts": false,
    "runtime.ts": true,
    "deploy/health.ts": false,
    "deploy/README.md": true,
    "runtime/node/README.md": true,
    "README.md": true,
    "runtime/simulation/main.ts": true,
    "runtime/sim/u/lation.ts": false,
  };
  for (const [path, wanted] of Object.entries(cases)) assert.equal(isIgnored(path), wanted, path);
});
