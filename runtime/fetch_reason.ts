/** Why `fetch` failed. */

import { errorMessage } from "./core/errors.ts";

/**
 * Without the address, which may have a secret behind its question mark. `fetch` says "fetch failed", and why in the
 * error's cause: "error sending request for url (…): client error (Connect): tcp connect error: Connection refused".
 */
export function fetchReason(thrown: unknown): string {
  const told = thrown instanceof TypeError && thrown.cause instanceof Error ? thrown.cause : thrown;
  return errorMessage(told)
    .replace(/(?:error sending request )?(?:for|from) url \([^)]*\):?\s*/g, "")
    .replace(/^client error \(\w+\): /, "");
}
