/**
 * Whether a request that changes something comes from another site's page, which a browser sends on without asking
 * whoever looks at it. Without a token nothing else would keep such a page from posting readings.
 *
 * As Go's `http.CrossOriginProtection`: browsers name the relation in `Sec-Fetch-Site`, older ones their page's
 * `Origin`; programs send neither.
 */

import { ProblemError } from "./problem.ts";

const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Throws a problem when the request must not go on. */
export function checkOrigin({ method, headers }: Request): void {
  if (safeMethods.has(method)) return;
  const site = headers.get("sec-fetch-site");
  if (site === "same-origin" || site === "none") return;
  const origin = headers.get("origin");
  if (site === null && (origin === null || hostOf(origin) === headers.get("host"))) return;
  throw new ProblemError(
    "cross-origin",
    `The request comes from a page of ${origin ?? "another site"}; only this node's own page may send it.`,
  );
}

/** Null for an origin that says nothing, such as that of a file. */
function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
