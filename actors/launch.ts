/**
 * The launcher: what `deno task start` runs. It holds no client of anything; it starts the node (`main.ts`) as a process
 * of its own, starts it again when it dies or hangs, and passes on what it is asked.
 *
 * Exit codes: the node's own when it ended as asked (0) or was refused (2); 1 when it died too often; 130 at the second
 * Ctrl-C.
 */

import { NodeProcess } from "../runtime/node/node_process.ts";
import { nodeBackoff, nodeIntensity, nodeStopMs } from "../runtime/node/limits.ts";
import { type Child, type SupervisionNotice, Supervisor } from "../runtime/node/supervisor.ts";
import { machineTimerClock } from "../runtime/node/timer_clock.ts";
import { askedFormat, lastWord } from "./cli/last_word.ts";
import { createLogger, logOf } from "./cli/logger.ts";
import { redactor } from "./cli/redact.ts";
import { failureExitCode, refusalExitCode } from "./cli/refusal.ts";
import { untilStopSignal } from "./cli/stop_signal.ts";

/** What a node may do; the launcher itself may only start it. `head` reads what Deno lets no program read. */
const nodePermissions = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys=loadavg,systemMemoryInfo,cpus,statfs",
  "--allow-run=head",
  // A request's signal tells that whoever asked is gone. Without it, also that he was answered, with a warning.
  "--unstable-no-legacy-abort",
];

const encoder = new TextEncoder();

function put(line: string): void {
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}

/**
 * Keeps a node running until it, or this process, is asked to stop; then ends this process.
 *
 * @param entry the program that is the node
 */
export async function launch(entry: URL, args: readonly string[]): Promise<never> {
  const format = askedFormat(args, Deno.env.toObject());
  // It is given no secrets to say; the node reads them.
  const nothingElse = redactor([]);
  const report = createLogger({
    level: "info",
    format,
    redactor: nothingElse,
    now: () => new Date(),
    put,
  });
  const log = logOf("launcher", report);
  const nodes: NodeProcess[] = [];
  let hasBeenUp = false;

  const node: Child = {
    id: "node",
    restart: "transient",
    startMs: Infinity,
    stopMs: nodeStopMs,
    async start(signal) {
      const process = new NodeProcess({
        program: Deno.execPath(),
        args: ["run", "--no-prompt", ...nodePermissions, entry.href, ...args],
        finalCodes: [refusalExitCode],
      });
      nodes.splice(0, nodes.length, process);
      signal.addEventListener("abort", () => process.stop(), { once: true });
      const running = await process.up;
      hasBeenUp = true;
      return running;
    },
  };

  const hear = (notice: SupervisionNotice) => {
    if (notice.type === "childFailed") {
      const { end: { sentence: reason } } = notice;
      const pauseMs = Math.ceil(notice.pauseMs);
      log.error("node-died", `The node died and starts again in ${pauseMs} ms: ${reason}.`, {
        fields: { pauseMs, reason },
      });
    }
    if (notice.type === "childFinished") Deno.exit(nodes[0]?.exitCode ?? 0);
  };

  const supervisor = new Supervisor(
    {
      id: "launcher",
      strategy: "one_for_one",
      intensity: nodeIntensity,
      backoff: nodeBackoff,
      children: [node],
    },
    { clock: machineTimerClock, random: Math.random, onNotice: hear },
  );

  void untilStopSignal().then(() => supervisor.stop());
  supervisor.start().catch(() => {});
  const { reason, sentence } = await supervisor.ended;
  if (reason === "normal") Deno.exit(nodes[0]?.exitCode ?? 0);
  // A node that could not start has said why, and starting it again would end alike.
  if (!hasBeenUp) Deno.exit(nodes[0]?.exitCode ?? failureExitCode);
  const message = `Sensorium gives up: ${sentence}`;
  lastWord({ component: "launcher", event: "gave-up", message }, format, nothingElse, put);
  Deno.exit(failureExitCode);
}

if (import.meta.main) await launch(new URL("./main.ts", import.meta.url), Deno.args);
