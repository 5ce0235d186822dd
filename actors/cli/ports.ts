/** Ports that cannot be bound, told in a sentence, and found out before anything else is touched. */

import { bodyText } from "../../runtime/body_chunks.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import { httpUrl, isWildcard } from "./http_url.ts";
import { Refusal } from "./refusal.ts";

/** A port, and the flag that sets it. */
export interface PortSetting {
  readonly flag: string;
  readonly port: number;
  /** Several nodes listen on it (SO_REUSEPORT): the kernel gives each connection to one of them. */
  readonly isShared?: boolean;
}

/** The longest that whoever holds a port may take to say who it is. */
const askTimeoutMs = 1000;

/** The address to reach a listener by: one that listens everywhere is asked on this machine. */
export function reachableUrl(host: string, port: number): string {
  return httpUrl(isWildcard(host) ? "127.0.0.1" : host, port);
}

async function ask(url: string): Promise<Record<string, unknown>> {
  const signal = AbortSignal.timeout(askTimeoutMs);
  return JSON.parse(await bodyText(await fetch(url, { signal }), signal));
}

/** Whether both health checks, which never ask for a token, are answered as ours are. */
async function isSensorium(url: string): Promise<boolean> {
  try {
    const [health, readiness] = [await ask(`${url}/healthz`), await ask(`${url}/readyz`)];
    return health["status"] === "ok" && (readiness["status"] === "ready" || "waitingFor" in readiness);
  } catch {
    // Whatever holds the port does not speak as we do: that is the answer.
    return false;
  }
}

/** The sentence for a failed attempt to listen. */
export async function listenRefusal(
  error: unknown,
  host: string,
  { flag, port }: PortSetting,
): Promise<Refusal> {
  if (error instanceof Deno.errors.AddrInUse) {
    const holder = await isSensorium(reachableUrl(host, port)) ? "another Sensorium" : "another program";
    return new Refusal(
      `Cannot listen on ${host}:${port}: ${holder} holds that port. Stop it, or give another port with ${flag}.`,
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new Refusal(
      `Cannot listen on ${host}:${port}: this user may not bind that port. Give one above 1023 with ${flag}.`,
    );
  }
  if (/too many open files/i.test(errorMessage(error))) {
    return new Refusal(
      `Cannot listen on ${host}:${port}: as many files and connections are open as the system lets a process have. ` +
        "Raise that limit, `ulimit -n`, or let a proxy hold the clients' connections.",
      { cause: error },
    );
  }
  return new Refusal(
    `Cannot listen on ${host}:${port}: that is not an address of this machine. Give one with --host, such as ` +
      `127.0.0.1 or 0.0.0.0.`,
    { cause: error },
  );
}

/** Throws a `Refusal` when one of the ports cannot be bound now. A shared one is busy only for those who do not share. */
export async function checkPorts(host: string, ports: readonly PortSetting[]): Promise<void> {
  for (const setting of ports) (await bind(host, setting)).close();
}

/**
 * As many ports that nobody else holds, by themselves: those of `settings`, and any free ones for 0. They are let go of
 * again. Throws a `Refusal`.
 */
export async function freePorts(host: string, settings: readonly PortSetting[]): Promise<readonly number[]> {
  const listeners: Deno.TcpListener[] = [];
  try {
    for (const setting of settings) listeners.push(await bind(host, setting));
    return listeners.map(({ addr }) => addr.port);
  } finally {
    for (const listener of listeners) listener.close();
  }
}

async function bind(host: string, setting: PortSetting): Promise<Deno.TcpListener> {
  const { port, isShared = false } = setting;
  try {
    return Deno.listen({ hostname: host, port, reusePort: isShared });
  } catch (error) {
    throw await listenRefusal(error, host, setting);
  }
}
