const units = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A size as a person reads it, in three digits: "48.0 MiB". */
export function sizeText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1024;
  return `${unit === 0 ? size : size.toPrecision(3)} ${units[unit]}`;
}
