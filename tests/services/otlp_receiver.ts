/** Where OpenTelemetry sends its spans in a test: OTLP over HTTP, as JSON. */

import { z } from "zod";
import { eventually } from "./eventually.ts";

const Value = z.object({
  stringValue: z.string().optional(),
  doubleValue: z.number().optional(),
  intValue: z.union([z.number(), z.string()]).optional(),
  boolValue: z.boolean().optional(),
}).transform(({ stringValue, doubleValue, intValue, boolValue }) =>
  stringValue ?? doubleValue ?? boolValue ?? Number(intValue)
);

const Span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string(),
  name: z.string(),
  startTimeUnixNano: z.string().transform(BigInt),
  endTimeUnixNano: z.string().transform(BigInt),
  attributes: z.array(z.object({ key: z.string(), value: Value })).transform((all) =>
    Object.fromEntries(all.map(({ key, value }) => [key, value]))
  ),
});

const Traces = z.object({
  resourceSpans: z.array(z.object({ scopeSpans: z.array(z.object({ spans: z.array(Span) })) })),
});

export type ReceivedSpan = z.infer<typeof Span>;

export class OtlpReceiver implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly spans: ReceivedSpan[] = [];
  /** Of any kind. */
  requests = 0;

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      this.requests += 1;
      const body = await request.json();
      if (new URL(request.url).pathname === "/v1/traces") {
        const { resourceSpans } = Traces.parse(body);
        this.spans.push(
          ...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
        );
      }
      return Response.json({});
    });
  }

  /** What switches OpenTelemetry on in a process and lets it send here. */
  get environment(): Readonly<Record<string, string>> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_METRICS_EXPORTER: "none",
      OTEL_LOGS_EXPORTER: "none",
    };
  }

  /** The spans of a trace, once one of them is called `last`; in the order of their starts. */
  trace(traceId: string, last: string): Promise<ReceivedSpan[]> {
    return eventually(`a span "${last}" of the trace ${traceId}`, 15_000, () => {
      const spans = this.spans.filter((span) => span.traceId === traceId);
      if (!spans.some(({ name }) => name === last)) return Promise.resolve(null);
      return Promise.resolve(
        spans.toSorted((a, b) => a.startTimeUnixNano < b.startTimeUnixNano ? -1 : 1),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
