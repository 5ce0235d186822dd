/**
 * To be imported before `arima`, whose compiled code takes the console's functions when it is loaded, and prints with them
 * whatever it thinks of a series ("The Matrix system does not have a unique solution", hundreds of times): it is given
 * functions that print nothing. Who imports it restores the console as soon as that is loaded.
 */

// deno-lint-ignore sensorium/no-ambient -- nothing is printed here; see above
const target = console;
const { log, error } = target;
target.log = target.error = () => {};

export function restoreConsole(): void {
  Object.assign(target, { log, error });
}
