/** How far a long piece of work is: one line on a terminal, nothing elsewhere. */

import { openScreen } from "../cli/screen.ts";
import { sizeText } from "../cli/size_text.ts";

/** A line that changes more often cannot be read. */
const intervalMs = 200;

export interface Progress {
  /** Begins a step; `totalBytes` null: nobody knows. */
  step(name: string, totalBytes: number | null): void;
  readonly onBytes: (bytes: number) => void;
  end(): void;
}

export function showProgress(): Progress {
  const encoder = new TextEncoder();
  const isTerminal = Deno.stderr.isTerminal();
  const screen = openScreen(isTerminal, (text) => void Deno.stderr.writeSync(encoder.encode(text)));
  let [name, total, done, shownMs] = ["", null as number | null, 0, -Infinity];
  const show = () => {
    const nowMs = performance.now();
    if (!isTerminal || nowMs - shownMs < intervalMs) return;
    shownMs = nowMs;
    screen.status(`${name}: ${sizeText(done)}${total === null ? "" : ` of ${sizeText(total)}`}`);
  };
  return {
    step(next, totalBytes) {
      [name, total, done, shownMs] = [next, totalBytes, 0, -Infinity];
      show();
    },
    onBytes(bytes) {
      done += bytes;
      show();
    },
    end: () => isTerminal && screen.write(""),
  };
}
