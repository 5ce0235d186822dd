/**
 * What is said before the settings are read, after everything has failed, and by the launcher, which reads none: for a
 * person the bare sentence, for a collector a line like all others.
 */

import { createLogger, type LogFormat, logOf } from "./logger.ts";
import type { NoticeFields } from "../../runtime/node/notice.ts";
import type { Redactor } from "./redact.ts";

const flag = "--log-format";

/** The format that flags or variables ask for; what makes no sense is for the node to refuse. */
export function askedFormat(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): LogFormat {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const given = args[at];
  const text = given === undefined
    ? environment.SENSORIUM_LOG_FORMAT
    : given === flag
    ? args[at + 1]
    : given.slice(flag.length + 1);
  return text === "json" ? "json" : "pretty";
}

export interface LastWord {
  readonly component: string;
  readonly event: string;
  readonly message: string;
  readonly fields?: NoticeFields;
}

/** As one line, or for a person with the stack in `fields` below it. */
export function lastWord(
  { component, event, message, fields = {} }: LastWord,
  format: LogFormat,
  redactor: Redactor,
  put: (line: string) => void,
): void {
  if (format === "json") {
    const report = createLogger({ level: "error", format, redactor, now: () => new Date(), put });
    return logOf(component, report).error(event, message, { fields });
  }
  put(redactor.text(typeof fields.stack === "string" ? `${message}\n${fields.stack}` : message));
}
