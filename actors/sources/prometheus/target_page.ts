/** Fetches a target's page of metrics. */

import { maxPageBytes } from "./limits.ts";
import { type AnswerBudget, AnswerError, askForText } from "./answer_text.ts";
import type { ExpositionFormat } from "./exposition.ts";
import { type TargetSpec, timeoutMs } from "./source_spec.ts";

/** As Prometheus asks: the newer format where there is one. */
const accept = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

export interface TargetPage {
  readonly text: string;
  readonly format: ExpositionFormat;
  readonly bytes: number;
}

export interface Fetching {
  readonly headers: Readonly<Record<string, string>>;
  readonly budget: AnswerBudget;
  readonly signal: AbortSignal;
}

const formats: Readonly<Record<string, ExpositionFormat>> = {
  "application/openmetrics-text": "openmetrics",
  "text/plain": "text",
  // Files, and what says nothing of itself.
  "application/octet-stream": "text",
  "": "text",
};

/** Throws an `AnswerError`. */
export async function fetchPage(
  spec: TargetSpec,
  { headers, budget, signal }: Fetching,
): Promise<TargetPage> {
  const limitMs = timeoutMs(spec);
  const { status, mediaType, text, bytes } = await askForText({
    url: spec.url,
    headers: { ...headers, accept, "x-prometheus-scrape-timeout-seconds": `${limitMs / 1000}` },
    form: null,
    timeoutMs: limitMs,
    maxBytes: maxPageBytes,
    budget,
    signal,
  });
  if (status !== 200) throw new AnswerError("status", `It answers with ${status}, and 200 is needed`);
  if (mediaType === "text/html" || /^\s*<(?:!doctype|html)/i.test(text.slice(0, 200))) {
    throw new AnswerError(
      "not-metrics",
      "Its page is HTML, and no metrics; most targets have theirs at /metrics",
    );
  }
  const format = Object.hasOwn(formats, mediaType) ? formats[mediaType] : undefined;
  if (format === undefined) {
    throw new AnswerError(
      "not-metrics",
      `Its page is ${mediaType}; the text format or OpenMetrics is needed`,
    );
  }
  return { text, format, bytes };
}
