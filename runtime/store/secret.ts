/** By what the nodes of one cluster know each other. */

import { randomBytes } from "node:crypto";

/** As many as no guess finds, with nothing to escape in a header. */
const secretBytes = 32;

export function newSecret(): string {
  return randomBytes(secretBytes).toString("base64url");
}
