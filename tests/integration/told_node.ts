/** A node without an engine, which a launcher keeps running: it writes what it is given and told, a JSON object a line. */

import { takeLife } from "../../actors/cli/life.ts";
import process from "node:process";
import { untilStopSignal } from "../../actors/cli/stop_signal.ts";
import { linkToLauncher } from "../../runtime/node/process_link.ts";

const encoder = new TextEncoder();

function say(what: Readonly<Record<string, unknown>>): void {
  Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(what)}\n`));
}

const life = takeLife();
if (life === null) throw new Error("Nobody has launched it");
const { name, index } = life;
function stop(): never {
  say({ stopped: name });
  Deno.exit(0);
}

const link = linkToLauncher({
  onStop: stop,
  evict(dead) {
    say({ by: name, evicts: dead });
    return Promise.resolve();
  },
  onOrphaned: () => Deno.exit(1),
});
say({ begins: name, pid: Deno.pid, ...life });
if (Deno.args.includes("--insecure") && index === 1) {
  // As one whose settings do not fit.
  Deno.exit(2);
}
void untilStopSignal().then(stop);
link.ready();
// A launcher has heard that it is ready before it pings it.
process.once("message", () => say({ isUp: name }));
