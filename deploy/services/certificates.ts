/** Certificates for tests of TLS: an authority of its own, and a server's for the loopback address. */

import { join } from "node:path";
import { certificateDays, preparationDeadlineMs } from "./limits.ts";
import { run } from "./processes.ts";

/** Paths of PEM files. */
export interface Certificates {
  /** What clients trust. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** Key and certificate in one file, as Kafka wants them. */
  readonly keyAndCertificate: string;
}

/** Makes them in `folder` with openssl, for localhost and 127.0.0.1; takes those that are there. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  await Deno.mkdir(folder, { recursive: true });
  const file = (name: string) => join(folder, name);
  const [ca, certificate, key] = [file("ca.pem"), file("server.pem"), file("server-key.pem")];
  const keyAndCertificate = file("server-all.pem");
  const made = { ca, certificate, key, keyAndCertificate };
  // The last that is written: with it, all are there.
  if (await Deno.stat(keyAndCertificate).then(() => true, () => false)) return made;

  const openssl = (...args: readonly string[]) => run("openssl", args, preparationDeadlineMs);
  const fresh = ["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const days = ["-days", `${certificateDays}`];
  const caKey = file("ca-key.pem");
  await openssl(...fresh, ...days, "-subj", "/CN=Sensorium test authority", "-keyout", caKey, "-out", ca);
  const server = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const notCa = ["-addext", "basicConstraints=critical,CA:FALSE"];
  const signed = ["-CA", ca, "-CAkey", caKey, "-keyout", key, "-out", certificate];
  await openssl(...fresh, ...days, ...server, ...notCa, ...signed);
  const texts = await Promise.all([key, certificate].map((path) => Deno.readTextFile(path)));
  await Deno.writeTextFile(keyAndCertificate, texts.join(""), { mode: 0o600 });
  return made;
}
