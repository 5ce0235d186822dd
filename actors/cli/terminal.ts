/**
 * What a process says to whoever started it: the screen on standard output, log lines on standard error.
 *
 * 1. Where the log is for a collector nobody looks at a screen, and nothing is written there.
 * 2. On a terminal a line never ends up behind the status line, whichever process shows that.
 */

import type { LogFormat } from "./logger.ts";
import { eraseLine, openScreen, type Screen } from "./screen.ts";

export interface Terminal {
  readonly screen: Screen;
  /** A line of the log, without its end. */
  put(line: string): void;
}

const encoder = new TextEncoder();

export function print(text: string): void {
  Deno.stdout.writeSync(encoder.encode(text));
}

/** @param isShownHere false: another process shows how it goes, and this one's screen stays empty */
export function openTerminal(format: LogFormat, isShownHere: boolean): Terminal {
  const isTerminal = Deno.stdout.isTerminal();
  const screen = openScreen(isTerminal, format === "json" || !isShownHere ? () => {} : print);
  const isBesideStatus = format === "pretty" && isTerminal && Deno.stderr.isTerminal();
  return {
    screen,
    put(line) {
      if (isBesideStatus && isShownHere) return screen.write(`${line}\n`);
      Deno.stderr.writeSync(encoder.encode(`${isBesideStatus ? eraseLine : ""}${line}\n`));
    },
  };
}
