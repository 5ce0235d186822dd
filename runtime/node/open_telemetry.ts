/**
 * Spans by Deno's own OpenTelemetry, which sends them wherever `OTEL_EXPORTER_OTLP_ENDPOINT` says; it works in every
 * thread. Imported only where `OTEL_DENO=true`: its API is one more package to load.
 */

import { ROOT_CONTEXT, type SpanContext, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import { invariant } from "../core/errors.ts";
import type { Tracing } from "./tracing.ts";

export function openTelemetry(): Tracing {
  const tracer = trace.getTracer("sensorium");
  return {
    begin(name, attributes) {
      const request = trace.getActiveSpan()?.spanContext();
      if (request === undefined || !isSampled(request)) return null;
      const span = tracer.startSpan(name, { attributes });
      return {
        context: textOf(span.spanContext()),
        end(problem) {
          if (problem !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: problem });
          span.end();
        },
      };
    },
    add(parent, name, startMs, endMs, attributes) {
      const context = trace.setSpanContext(ROOT_CONTEXT, contextOf(parent));
      const span = tracer.startSpan(name, { attributes, startTime: epochMs(startMs) }, context);
      span.end(epochMs(endMs));
      return textOf(span.spanContext());
    },
  };
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

function epochMs(ms: number): number {
  return performance.timeOrigin + ms;
}

function textOf({ traceId, spanId }: SpanContext): string {
  return `00-${traceId}-${spanId}-01`;
}

function contextOf(text: string): SpanContext {
  const [, traceId, spanId] = text.split("-");
  invariant(traceId !== undefined && spanId !== undefined, "A trace context is a traceparent");
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
}
