/** The one token that opens the API. */

import { ProblemError } from "./problem.ts";
import { searchParameters } from "./request_url.ts";
import type { Access } from "./route.ts";

/** Throws a problem unless the request may go on. `token` null: everything is open. */
export function checkToken(request: Request, access: Access, token: string | null): void {
  if (token === null || access === "open") return;
  const header = request.headers.get("authorization");
  if (header !== null) {
    const [scheme, given] = header.split(" ", 2);
    if (scheme?.toLowerCase() === "bearer" && isSame(given ?? "", token)) return;
    throw unauthorized("The token is wrong.", 'Bearer realm="sensorium", error="invalid_token"');
  }
  if (access === "token-or-link") {
    const given = searchParameters(request).get("token");
    if (given !== null && isSame(given, token)) return;
  }
  throw unauthorized("Send the header `Authorization: Bearer <token>`.", 'Bearer realm="sensorium"');
}

function unauthorized(detail: string, authenticate: string): ProblemError {
  return new ProblemError("unauthorized", detail, { headers: { "www-authenticate": authenticate } });
}

/** Takes the same time wherever the two differ; only the length may be told from it. */
function isSame(given: string, expected: string): boolean {
  let difference = given.length ^ expected.length;
  for (let at = 0; at < expected.length; at++) difference |= given.charCodeAt(at) ^ expected.charCodeAt(at);
  return difference === 0;
}
