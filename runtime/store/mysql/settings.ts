/** How a MySQL or MariaDB database is reached. */

export interface MySqlSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Null: no TLS. `ca`: PEM text of what is trusted instead of the system's authorities. */
  readonly tls: { readonly ca: string | null } | null;
  /** Of the cluster whose store this is: a database that holds another one's is refused. */
  readonly prefix: string;
}
