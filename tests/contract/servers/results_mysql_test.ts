/** The tables of results in MySQL. */

import { MySqlSql } from "../../../actors/results/mysql_sql.ts";
import type { Sql } from "../../../actors/results/sql.ts";
import { skipUnlessServed } from "../../services/servers.ts";
import { resultsContract } from "../results_contract.ts";
import { dropDatabase, newDatabase, withConnection } from "./mysql_databases.ts";

/** In a database of its own, which goes with it. */
async function makeSql(): Promise<Sql> {
  const settings = newDatabase();
  await withConnection(settings, (connection) => connection.run(`CREATE DATABASE ${settings.database}`));
  const sql = new MySqlSql(settings);
  return {
    dialect: sql.dialect,
    rows: (...args) => sql.rows(...args),
    change: (...args) => sql.change(...args),
    transaction: (work) => sql.transaction(work),
    close: async () => {
      await sql.close();
      await dropDatabase(settings);
    },
  };
}

if (!skipUnlessServed("The tables of results in MySQL", ["mysql"])) resultsContract("MySQL", makeSql);
