const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** What would be rounded to four digits. */
const tooLarge = 999.5;

/** A size as a person reads it, in three digits: "48.0 MiB". */
export function sizeText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  for (; size >= tooLarge && unit < units.length - 1; unit++) size /= 1024;
  const digits = unit === 0 || size >= tooLarge ? size.toFixed(0) : size.toPrecision(3);
  return `${digits} ${units[unit]}`;
}
