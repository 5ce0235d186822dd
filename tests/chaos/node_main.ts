/** The product's node, with sensors that can be told to kill their host: see `saboteurs.ts`. */

import { runProgram } from "../../actors/main.ts";

await runProgram(Deno.args, {
  definitionsUrl: import.meta.resolve("./saboteurs.ts"),
  // A larger heap takes longer to fill than the watchdog waits; and what has died keeps its heap for seconds.
  hostHeapMiB: 192,
});
