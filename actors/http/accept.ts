/** Content negotiation, as far as answers of one form each need it: RFC 9110, 12.5.1. */

/** True when `header` admits `mediaType`. The most specific range decides; without a header everything is. */
export function accepts(header: string | null, mediaType: string): boolean {
  if (header === null || header.trim() === "") return true;
  const wanted = essence(mediaType);
  const ranges = [wanted, `${wanted.slice(0, wanted.indexOf("/"))}/*`, "*/*"];
  let decided = { rank: ranges.length, admitted: false };
  for (const part of header.split(",")) {
    const rank = ranges.indexOf(essence(part));
    if (rank < 0 || rank >= decided.rank) continue;
    decided = { rank, admitted: !/;\s*q=0(\.0*)?\s*(;|$)/i.test(part) };
  }
  return decided.admitted;
}

/** `text/plain` of `text/plain; charset=utf-8`, lower-case. */
export function essence(mediaType: string): string {
  const end = mediaType.indexOf(";");
  return (end < 0 ? mediaType : mediaType.slice(0, end)).trim().toLowerCase();
}
