/** The text of `--help`, made from the list of settings. */

import { type Setting, settings } from "../settings.ts";

const introduction = `Sensorium keeps one live, durable actor for everything that streams at it.

  deno task start cluster                        one node, with nothing else installed
  deno task start cluster --port 8080            the API and the page on another port
  deno task start cluster --data /var/lib/s      another data folder
  SENSORIUM_TOKEN=... deno task start cluster --host 0.0.0.0
                                                 reachable from other machines, with a token
  KAFKA_BROKERS=k:9092 MYSQL_URL=mysql://u:p@m/db deno task start cluster
                                                 on Kafka and MySQL instead of a data folder
  ... deno task start cluster --nodes 3          three nodes there, on one port
  ... deno task start cluster --host 0.0.0.0 --advertise 10.0.0.3
                                                 one of several machines: where the others reach it

Then open the page it names, or send a first reading:

  curl localhost:5002/readings --json '{"id": "42", "values": {"temperature": 21.5}}'
  curl localhost:5002/sensors/42/windows

Every setting has a flag and a variable; the flag wins.`;

function spelling({ flag, isSwitch, defaultText, note }: Setting): string {
  if (isSwitch) return defaultText === "true" ? flag.replace("--", "--no-") : flag;
  return note.isSecret ? `${flag} ${note.value}, ${flag}-file PATH` : `${flag} ${note.value}`;
}

function variables({ variable, isSwitch, defaultText, note }: Setting): string {
  if (isSwitch) return `${variable}=${defaultText === "true" ? "false" : "true"}`;
  return note.isSecret ? `${variable}, ${variable}_FILE` : variable;
}

function paragraph(setting: Setting): string {
  const isDefaultShown = setting.defaultText !== null && !setting.isSwitch;
  const byDefault = isDefaultShown ? ` Default: ${setting.defaultText}` : "";
  return `  ${spelling(setting).padEnd(34)} ${variables(setting)}\n      ${setting.note.meaning}${byDefault}`;
}

export function helpText(): string {
  const groups = Map.groupBy(settings, ({ note }) => note.group);
  const sections = [...groups].map(([group, members]) => `${group}\n${members.map(paragraph).join("\n")}`);
  return [introduction, ...sections].join("\n\n") + "\n";
}
