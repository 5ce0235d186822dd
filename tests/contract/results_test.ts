/** The tables of results in SQLite. */

import { SqliteSql } from "../../actors/results/sqlite_sql.ts";
import { resultsContract } from "./results_contract.ts";

resultsContract("SQLite", () => Promise.resolve(new SqliteSql(":memory:")));
