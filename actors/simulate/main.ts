/** `deno task simulate`: see `--help`. Exit codes: 0 done, 1 the server failed, 2 the flags make no sense. */

import { errorMessage } from "../../runtime/core/errors.ts";
import { HttpConnection } from "./http_connection.ts";
import { drainMs } from "./limits.ts";
import { helpText, OptionError, parseSettings, type Settings } from "./options.ts";
import { showProgress } from "./progress.ts";
import { closingReport } from "./report.ts";
import { type Phase, run } from "./run.ts";

function exitWith(code: number, sentence: string): never {
  console.error(sentence);
  Deno.exit(code);
}

function settingsOrExit(): Settings {
  try {
    const settings = parseSettings(Deno.args, Date.now());
    if (settings !== null) return settings;
  } catch (thrown) {
    if (thrown instanceof OptionError) exitWith(2, thrown.message);
    throw thrown;
  }
  console.log(helpText());
  Deno.exit(0);
}

/** A typing error in the address should not look like a server that is restarting. */
async function checkReachable(url: URL): Promise<void> {
  const connection = new HttpConnection(url);
  try {
    const request = { method: "GET", target: "/healthz", headers: {}, body: "", timeoutMs: drainMs } as const;
    await connection.request(request);
  } catch (thrown) {
    exitWith(
      1,
      `Nothing answers at ${url.origin} (${
        errorMessage(thrown)
      }): start it with \`deno task start cluster\`, ` +
        "or name another with --url.",
    );
  } finally {
    connection.close();
  }
}

async function main(): Promise<void> {
  const settings = settingsOrExit();
  await checkReachable(settings.target.url);
  const stop = new AbortController();
  const abandon = new AbortController();
  let phase: Phase | null = null;
  const onInterrupt = () => {
    if (stop.signal.aborted) abandon.abort();
    stop.abort();
    Deno.unrefTimer(setTimeout(() => abandon.abort(), drainMs));
  };
  Deno.addSignalListener("SIGINT", onInterrupt);
  const endProgress = showProgress(() => phase);
  try {
    const phases = await run({
      ...settings,
      liveOriginMs: () => settings.liveOriginMs ?? Date.now(),
      stop: stop.signal,
      abandon: abandon.signal,
      onPhase: (begun) => phase = begun,
    });
    endProgress();
    console.log(closingReport(phases));
    if (settings.ledgerPath !== null) {
      Deno.writeTextFileSync(settings.ledgerPath, JSON.stringify(phases.map(({ ledger }) => ledger)));
    }
  } catch (thrown) {
    endProgress();
    exitWith(1, errorMessage(thrown));
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
  }
}

await main();
