/**
 * The servers that `deno task services up` starts, for tests that need them: Kafka, MariaDB and Redis.
 *
 * A test uses names of its own there (`uniqueName`), and takes away what it made.
 */

/** By kind: the variable that says where it is, as a node reads it. */
const variables = { kafka: "KAFKA_BROKERS", mysql: "MYSQL_URL", redis: "REDIS_URL" } as const;

export type ServerKind = keyof typeof variables;

function addressOf(kind: ServerKind): string | undefined {
  return Deno.env.get(`SENSORIUM_TEST_${variables[kind]}`);
}

/** Where the server is: brokers, or a URL. Throws when nobody said. */
export function serverAddress(kind: ServerKind): string {
  const address = addressOf(kind);
  if (address === undefined) throw new Error(missing("This test", [kind]));
  return address;
}

function missing(test: string, kinds: readonly ServerKind[]): string {
  const names = kinds.map((kind) => `SENSORIUM_TEST_${variables[kind]}`).join(" and ");
  return `${test} needs ${names}: \`deno task services up\` starts the servers and says what to set`;
}

/**
 * To be passed as a test's `ignore`: true when a server is missing and the test may be skipped.
 *
 * @throws where CI=true and one of them is missing.
 */
export function skipUnlessServed(test: string, kinds: readonly ServerKind[]): boolean {
  const absent = kinds.filter((kind) => addressOf(kind) === undefined);
  if (absent.length === 0) return false;
  const sentence = missing(test, absent);
  if (Deno.env.get("CI") === "true") throw new Error(`${sentence}. CI=true forbids skipping it.`);
  console.error(`\nSKIPPED: ${sentence}.\n`);
  return true;
}

/** For a database, or the prefix of topics and keys: of this test alone. */
export function uniqueName(what: string): string {
  return `${what}_${crypto.randomUUID().slice(0, 8)}`;
}
