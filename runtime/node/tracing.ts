/**
 * What the engine needs of OpenTelemetry. `open_telemetry.ts` is the one that is used, where the process has it switched
 * on; everywhere else there is none (null), and nothing is done for it.
 *
 * A context is the text of a `traceparent` (https://www.w3.org/TR/trace-context/): it crosses threads, and stands in the
 * header of frames.
 */

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Under way. */
export interface Span {
  readonly context: string;
  /** `problem`: why what it tells of has failed. */
  end(problem?: string): void;
}

export interface Tracing {
  /** Begins a span of the request that this is called for; null when that is not traced, or not sampled. */
  begin(name: string, attributes: SpanAttributes): Span | null;
  /**
   * Makes a span that is over, caused by that of `parent`, and returns its context. The times are this thread's
   * `performance.now()`.
   */
  add(parent: string, name: string, startMs: number, endMs: number, attributes: SpanAttributes): string;
}
