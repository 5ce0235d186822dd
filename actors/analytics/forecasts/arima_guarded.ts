/**
 * ARIMA by the package `arima`, whose fits are not to be trusted: on real series it has answered NaN and numbers that
 * explode. What comes out is looked at by whoever asks (`Workbench.path`); what is thrown is no answer.
 */

import { restoreConsole } from "./quiet_console.ts";
// @ts-types="./arima.d.ts"
import Arima from "arima";

restoreConsole();

/** Orders that a minute's noise can show; more cost seconds. */
const orders = { p: 2, d: 1, q: 2, verbose: false } as const;

/** The next `steps` values, or null. */
export function arimaPath(values: Float64Array, steps: number): Float64Array | null {
  const model = new Arima(orders);
  try {
    const [path] = model.train([...values]).predict(steps);
    return Float64Array.from(path);
  } catch {
    // A fit that fails has lost: its rivals go on, and the competition counts it.
    return null;
  } finally {
    model.destroy();
  }
}
