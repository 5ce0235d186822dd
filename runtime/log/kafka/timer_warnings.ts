/** Of this thread: `kafkajs` sets a timer in the past whenever its queue of requests is empty, and the runtime warns of that. */

import process from "node:process";

let isSilenced = false;

export function silenceTimerWarnings(): void {
  if (isSilenced) return;
  isSilenced = true;
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error, ...more: unknown[]) => {
    if (more[0] !== "TimeoutNegativeWarning") emitWarning(warning);
  };
}
