/** The contract of port `Store` on MySQL 8: the server that the other tests are given is mostly a MariaDB. */

import assert from "node:assert/strict";
import { ownMysql8, type OwnServer, skipUnlessServersInstalled } from "../../services/own_server.ts";
import { hasMysql8 } from "../../services/mysql8.ts";
import { storeContract } from "../store_contract.ts";
import { openStore, settingsOf, storeOf } from "./mysql_databases.ts";

if (!hasMysql8) console.error("\nSKIPPED: the store on MySQL 8 needs Linux on x86_64.\n");
else if (!skipUnlessServersInstalled("The store on MySQL 8", ["mysql8"])) {
  let own: OwnServer | null = null;
  const settings = () => {
    assert.ok(own !== null);
    return settingsOf(own.server.address, "sensorium");
  };
  Deno.test.beforeAll(async () => void (own = await ownMysql8()));
  Deno.test.afterAll(async () => await own?.[Symbol.asyncDispose]());

  storeContract("MySqlStore on MySQL 8", () => storeOf(settings()));

  Deno.test("MySqlStore on MySQL 8 refuses TLS that is too old, and a wrong password", async () => {
    await assert.rejects(
      openStore({ ...settings(), tls: { ca: null } }),
      { code: "refused", message: /HandshakeFailure; let the server speak TLS 1.2 or later/ },
    );
    await assert.rejects(
      openStore({ ...settings(), password: "a secret" }),
      { code: "refused", message: /Access denied .*; correct the user or the password/ },
    );
  });
}
