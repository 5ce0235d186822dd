/** How figures are written on the page: with their unit, and with as many digits at each moment, so that nothing jumps. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
const tiny = new Intl.NumberFormat("en", { notation: "scientific", maximumSignificantDigits: 3 });
const fixed = [0, 1, 2, 3].map((digits) =>
  new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
);

/** From here on a figure is written with K, M, B: a table of long numbers cannot be compared at a glance. */
const compactFrom = 1_000_000;
const nothing = "–";
const noBreak = "\u00a0";
const binaryPrefixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];

/** What the end of a name says of the unit: https://prometheus.io/docs/practices/naming/#base-units */
const units = [
  { ending: "_percent", write: (value) => `${fixed[1].format(value)}${noBreak}%` },
  { ending: "_bytes", write: (value) => bytes(value, "B") },
  { ending: "_bytes_per_second", write: (value) => bytes(value, "B/s") },
  { ending: "_seconds", write: (value) => `${number(value)}${noBreak}s` },
  { ending: "_celsius", write: (value) => `${number(value)}${noBreak}°C` },
];

export function formatCount(count) {
  return whole.format(count);
}

/** The largest first: what is shorter than two of one is written in the next, so that it never stands still for long. */
const timeUnits = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000]];

export function formatDuration(ms) {
  for (const [unit, unitMs] of timeUnits) {
    if (ms >= 2 * unitMs) return `${whole.format(Math.floor(ms / unitMs))}${noBreak}${unit}`;
  }
  return `${fixed[ms < 10_000 ? 1 : 0].format(ms / 1000)}${noBreak}s`;
}

/**
 * Writers for the figures of one channel.
 *
 * @param {string} name of a series without its labels, or of a sensor's channel
 * @param {unknown[]} values that it has had: they tell whether it is a switch, or has whole numbers only
 * @returns {{value: (value: unknown) => string, mean: (mean: number | null) => string}} `value` writes what was
 *   measured, the least and the greatest too; `mean` what was computed
 */
export function writersFor(name, values) {
  if (values.some((value) => typeof value === "boolean")) {
    return {
      value: orNothing((value) => Number(value) === 0 ? "false" : "true"),
      mean: orNothing((mean) => `${whole.format(100 * mean)}${noBreak}% true`),
    };
  }
  const write = units.find(({ ending }) => name.endsWith(ending))?.write;
  const mean = orNothing(write ?? number);
  const isWhole = write === undefined && values.every((value) => value === null || Number.isInteger(value));
  return { mean, value: isWhole ? orNothing(wholeNumber) : mean };
}

function orNothing(write) {
  return (value) => value === null || value === undefined ? nothing : write(value);
}

function number(value) {
  const size = Math.abs(value);
  if (size >= compactFrom) return compact.format(value);
  if (size > 0 && size < 0.001) return tiny.format(value);
  return fixed[size >= 1000 ? 1 : size >= 1 || size === 0 ? 2 : 3].format(value);
}

function wholeNumber(value) {
  return (Math.abs(value) >= compactFrom ? compact : whole).format(value);
}

/** Three digits and a binary prefix: 84.6 GiB. */
function bytes(value, unit) {
  let scaled = value;
  let prefix = 0;
  // 999.5 would be written with four digits.
  while (Math.abs(scaled) >= 999.5 && prefix < binaryPrefixes.length - 1) {
    scaled /= 1024;
    prefix++;
  }
  const size = Math.abs(scaled);
  const digits = prefix === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return `${fixed[digits].format(scaled)}${noBreak}${binaryPrefixes[prefix]}${unit}`;
}
