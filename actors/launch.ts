/**
 * The launcher: what `deno task start` runs. It holds no client of anything; it starts each node (`main.ts`) as a
 * process of its own, starts it again when it dies or hangs, and passes on what it is asked.
 *
 * Several nodes share the public port (SO_REUSEPORT): the kernel gives each connection to one of them. Those that a node
 * has not accepted yet when it dies are reset, and those to one that hangs wait until it is killed: as with any server
 * that dies, the client repeats its request. Such a port never reads as busy to those who share it, so it is bound once
 * by itself before the nodes are started.
 *
 * Exit codes: the nodes' own when they ended as asked (0, also when one had to be killed for it) or one was refused (2);
 * 1 when one died too often; 130 at the second Ctrl-C.
 */

import type { ProcessCommand } from "../runtime/node/node_process.ts";
import { idleNodes } from "./cli/check_nodes.ts";
import { type Command, readCommand } from "./cli/command.ts";
import { askedFormat, lastWord } from "./cli/last_word.ts";
import { exitCodeOf, LaunchedNodes, type Ports } from "./cli/launched_nodes.ts";
import { type Life, writeLife } from "./cli/life.ts";
import { createLogger, type LogFormat, logOf } from "./cli/logger.ts";
import { noView, viewOf } from "./cli/nodes_view.ts";
import { freePorts } from "./cli/ports.ts";
import { redactor } from "./cli/redact.ts";
import { Refusal, refusalExitCode } from "./cli/refusal.ts";
import { untilStopSignal } from "./cli/stop_signal.ts";
import { openTerminal, print } from "./cli/terminal.ts";
import type { Settings } from "./settings.ts";

/**
 * What a node may do; the launcher itself may only start it. `head` and `ls` read what Deno lets no program read; `chrt` is
 * for threads that hang, `setPriority` for those that do long sums.
 */
const nodePermissions = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys=hostname,loadavg,systemMemoryInfo,cpus,statfs,setPriority",
  "--allow-run=chrt,head,ls",
  // A request's signal tells that whoever asked is gone. Without it, also that he was answered, with a warning.
  "--unstable-no-legacy-abort",
];

/** What Deno calls unstable: a shared port; and that a request's signal tells only of a client that is gone. */
function nodeFlags({ nodes }: Life): readonly string[] {
  return ["--unstable-no-legacy-abort", ...nodes > 1 ? ["--unstable-net"] : []];
}

/**
 * How many of its tasks Deno's event loop takes between two looks at its sockets; by itself 61. JavaScript is one of those
 * tasks, and where each of its turns takes a millisecond a request waited for a tenth of a second before anybody had read
 * it (`tests/integration/event_loop_test.ts`). Fewer cost ingestion nothing that can be measured (`deno task bench
 * ingestion`).
 */
const eventLoop = { DENO_TOKIO_EVENT_INTERVAL: "4" };

const component = "launcher";

/**
 * Keeps nodes running until they, or this process, are asked to stop; then ends this process.
 *
 * @param entry the program that is a node
 * @param stopMs the longest that it may take to drain, where it is not the usual
 */
export async function launch(entry: URL, args: readonly string[], stopMs?: number): Promise<never> {
  const format = askedFormat(args, Deno.env.toObject());
  try {
    const command = readCommand(args, Deno.env.toObject());
    if (command.type === "start") {
      const program = (life: Life) => nodeCommand(entry, args, life);
      Deno.exit(await run(command, format, program, stopMs));
    }
    print(command.text);
    Deno.exit(0);
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    const { put } = openTerminal(format, false);
    lastWord({ component, event: "refused", message: thrown.message }, format, redactor([]), put);
    Deno.exit(refusalExitCode);
  }
}

type Start = Extract<Command, { type: "start" }>;

/** Gives the exit code. Throws a `Refusal`. */
async function run(
  command: Start,
  format: LogFormat,
  program: (life: Life) => ProcessCommand,
  stopMs: number | undefined,
): Promise<number> {
  const { settings, redactor } = command;
  const areSeveral = settings.nodes > 1;
  // One node shows by itself how it goes.
  const { screen, put } = openTerminal(format, areSeveral);
  const report = createLogger({ level: settings.logLevel, format, redactor, now: () => new Date(), put });
  const stopSignal = untilStopSignal();
  const ports = await portsOf(settings);
  const view = areSeveral ? await viewOf(command, ports, screen) : noView;
  const nodes = new LaunchedNodes({
    hostname: Deno.hostname(),
    ...ports,
    log: logOf(component, report),
    stopMs,
    command: program,
    onProgress: view.onProgress,
    onEnded: view.onEnded,
  });
  const idle = idleNodes(settings);
  if (idle !== null) logOf(component, report).warn("idle-nodes", idle);

  void stopSignal.then(() => {
    view.stopping();
    return nodes.stop();
  });
  if (await nodes.start()) view.started();
  const ends = await nodes.ended;
  const exitCode = exitCodeOf(ends);
  view.ended(exitCode);
  const given = ends.find(({ type }) => type === "gaveUp");
  if (given?.type === "gaveUp") {
    const message = `Sensorium gives up: ${given.sentence}`;
    lastWord({ component, event: "gave-up", message }, format, redactor, put);
  }
  return exitCode;
}

/** One node binds its ports itself; those that share one must know which. */
async function portsOf({ host, port, adminPort, nodes }: Settings): Promise<Ports> {
  if (nodes === 1) return { port, adminPorts: [adminPort] };
  const admin = Array.from({ length: nodes }, (_, index) => ({
    flag: "--admin-port",
    port: adminPort === 0 ? 0 : adminPort + index,
  }));
  const [shared = 0, ...adminPorts] = await freePorts(host, [{ flag: "--port", port }, ...admin]);
  return { port: shared, adminPorts };
}

function nodeCommand(entry: URL, args: readonly string[], life: Life): ProcessCommand {
  return {
    program: Deno.execPath(),
    args: ["run", "--no-prompt", ...nodeFlags(life), ...nodePermissions, entry.href, ...args],
    finalCodes: [refusalExitCode],
    environment: { ...eventLoop, ...writeLife(life) },
  };
}

if (import.meta.main) await launch(new URL("./main.ts", import.meta.url), Deno.args);
