/** Deno makes a span of every request, called by its method alone: here it gets the name that traces are searched by. */

import { trace } from "@opentelemetry/api";

/** To be called while the request is answered; `path` as in the OpenAPI document. */
export function nameRequestSpan({ method }: Request, path: string): void {
  const span = trace.getActiveSpan();
  span?.updateName(`${method} ${path}`);
  span?.setAttribute("http.route", path);
}
