/** Asks a Prometheus server for a range of the series that a source selects. */

import { durationMs } from "../../config/duration.ts";
import { askForText } from "./answer_text.ts";
import { maxQueryBytes } from "./limits.ts";
import { type MatrixSeries, parseMatrix } from "./matrix.ts";
import type { Range } from "./scrape_messages.ts";
import { selectorsOf, type ServerSpec, timeoutMs } from "./source_spec.ts";
import type { Fetching } from "./target_page.ts";

export interface ServerAnswer {
  /** Of all selectors; a series that two of them take is there twice. */
  readonly series: readonly MatrixSeries[];
  readonly bytes: number;
}

/** Throws an `AnswerError`. */
export async function askServer(
  spec: ServerSpec,
  { fromMs, toMs }: Range,
  { headers, budget, signal }: Fetching,
): Promise<ServerAnswer> {
  const series: MatrixSeries[] = [];
  let bytes = 0;
  for (const query of selectorsOf(spec)) {
    const limitMs = timeoutMs(spec);
    const answer = await askForText({
      url: `${spec.url.replace(/\/+$/, "")}/api/v1/query_range`,
      headers: { ...headers, accept: "application/json" },
      form: new URLSearchParams({
        query,
        start: `${fromMs / 1000}`,
        end: `${toMs / 1000}`,
        step: `${durationMs(spec.step) / 1000}`,
        timeout: `${limitMs}ms`,
      }),
      timeoutMs: limitMs,
      maxBytes: maxQueryBytes,
      budget,
      signal,
    });
    series.push(...parseMatrix(answer.text, answer.status));
    bytes += answer.bytes;
  }
  return { series, bytes };
}
