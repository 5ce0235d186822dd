/** The API about itself: the OpenAPI document, and the same for people. */

import { renderDocs } from "./docs_page.ts";
import { jsonResponse } from "./json_response.ts";
import type { OpenApiDocument } from "./openapi.ts";
import { noQuery, type Route, route } from "./route.ts";
import { Document } from "./schemas.ts";

/** `document` is called with the first request, when all routes are known. */
export function documentRoutes(document: () => OpenApiDocument): Route[] {
  return [
    route({
      method: "get",
      path: "/openapi.json",
      operationId: "get-openapi",
      tag: "documentation",
      summary: "This API as an OpenAPI 3.1 document.",
      access: "token",
      segments: {},
      query: noQuery,
      success: { status: 200, description: "OpenAPI 3.1.", mediaType: "application/json", schema: Document },
      problems: [],
      answer: () => jsonResponse(document()),
    }),
    route({
      method: "get",
      path: "/docs",
      operationId: "get-docs",
      tag: "documentation",
      summary: "This API for people, readable without a network.",
      access: "token-or-link",
      segments: {},
      query: noQuery,
      success: { status: 200, description: "A page.", mediaType: "text/html", schema: null },
      problems: [],
      answer: () => renderDocs(document()),
    }),
  ];
}
