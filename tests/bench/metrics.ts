/** What a server's `/metrics` tells, summed over labels: threads, mostly. */

/** Counters and gauges by name. */
export async function readMetrics(url: URL): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(new URL("/metrics", url));
  const sums = new Map<string, number>();
  for (const line of (await response.text()).split("\n")) {
    const [, name, value] = /^(\w+)(?:\{[^}]*\})? (\S+)$/.exec(line) ?? [];
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

/** One of them; throws where there is none. */
export async function readMetric(url: URL, name: string): Promise<number> {
  const value = (await readMetrics(url)).get(name);
  if (value === undefined) throw new Error(`/metrics does not tell of ${name}`);
  return value;
}
