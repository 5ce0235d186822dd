/** Content negotiation, as far as answers of one or two forms need it: RFC 9110, 12.5.1. */

interface Admission {
  /** From 0, not at all, to 1. */
  readonly quality: number;
  /** How exactly the range names it: 0 by its name, 1 by its kind, 2 as anything; 3 no range does. */
  readonly rank: number;
}

/** The most specific range decides; without a header everything is admitted. */
function admission(header: string | null, mediaType: string): Admission {
  if (header === null || header.trim() === "") return { quality: 1, rank: 2 };
  const wanted = essence(mediaType);
  const ranges = [wanted, `${wanted.slice(0, wanted.indexOf("/"))}/*`, "*/*"];
  let decided: Admission = { quality: 0, rank: ranges.length };
  for (const part of header.split(",")) {
    const rank = ranges.indexOf(essence(part));
    if (rank >= 0 && rank < decided.rank) decided = { quality: qualityOf(part), rank };
  }
  return decided;
}

/** `text/csv;q=0.5`; what is no number counts as if it were not there. */
function qualityOf(range: string): number {
  const quality = Number(/;\s*q=([^;]*)/i.exec(range)?.[1] ?? 1);
  return quality >= 0 && quality <= 1 ? quality : 1;
}

/** True when `header` admits `mediaType`. */
export function accepts(header: string | null, mediaType: string): boolean {
  return admission(header, mediaType).quality > 0;
}

/** Whether `header` wants `mediaType` rather than `usual`: by their quality, and of equal ones by what it names. */
export function prefers(header: string | null, mediaType: string, usual: string): boolean {
  const [wanted, other] = [admission(header, mediaType), admission(header, usual)];
  return wanted.quality > other.quality ||
    wanted.quality > 0 && wanted.quality === other.quality && wanted.rank < other.rank;
}

/** `text/plain` of `text/plain; charset=utf-8`, lower-case. */
export function essence(mediaType: string): string {
  const end = mediaType.indexOf(";");
  return (end < 0 ? mediaType : mediaType.slice(0, end)).trim().toLowerCase();
}
