/** How figures are written on the page. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });

/** From here on a figure is written with K, M, G: a table of long numbers cannot be compared at a glance. */
const compactFrom = 1_000_000;

export function formatCount(count) {
  return whole.format(count);
}

/** A value of a channel: a number, true, false, or nothing. */
export function formatValue(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "true" : "false";
  return Math.abs(value) >= compactFrom ? compact.format(value) : plain.format(value);
}
