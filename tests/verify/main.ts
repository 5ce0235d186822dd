/**
 * `deno task verify LEDGER [URL] [TOKEN]`: compares a server with what `deno task simulate --ledger LEDGER` sent it.
 *
 * The server must have been sent nothing else for these sensors. Exit codes: 0 equal, 1 not, 2 wrong usage.
 */

import type { StreamLedger } from "../../actors/simulate/ledger.ts";
import { isRight, verificationText, verify } from "./verifier.ts";

const [ledgerPath, url = "http://127.0.0.1:5002", token = null] = Deno.args;
if (ledgerPath === undefined) {
  console.error("Which run? Name the file that `deno task simulate --ledger FILE` wrote.");
  Deno.exit(2);
}
const ledgers: readonly StreamLedger[] = JSON.parse(Deno.readTextFileSync(ledgerPath));
const verification = await verify({ url: new URL(url), token }, ledgers);
console.log(verificationText(verification));
Deno.exit(isRight(verification) ? 0 : 1);
