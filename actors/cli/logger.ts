/**
 * Log lines, on standard error: for a person, or one JSON object a line for a collector.
 *
 * 1. A line is one line: what would begin another is escaped, the stack of an error excepted, which only a person gets.
 * 2. A JSON line has `time` (ISO 8601, UTC), `level`, `component`, `event`, `message`, and the notice's fields; `node`
 *    where there are several.
 * 3. No line holds a secret: `redact.ts`.
 * 4. Steps of an orderly start and stop are for collectors: a person, whose screen shows them, gets them at debug.
 */

import type { Notice, NoticeLevel, Report } from "../../runtime/node/notice.ts";
import type { Redactor } from "./redact.ts";

export type LogFormat = "pretty" | "json";

const levels: readonly NoticeLevel[] = ["error", "warn", "info", "debug"];

export interface LoggerOptions {
  /** What is less important is left out. */
  readonly level: NoticeLevel;
  readonly format: LogFormat;
  readonly redactor: Redactor;
  /** Which of several nodes says it; null where there is one. */
  readonly node?: string | null;
  now(): Date;
  /** Gets each line, without its end. */
  put(line: string): void;
}

export function createLogger(
  { level: least, format, redactor, node = null, now, put }: LoggerOptions,
): Report {
  const isWanted = (level: NoticeLevel) => levels.indexOf(level) <= levels.indexOf(least);
  return (notice) => {
    const level = notice.isStep && format === "pretty" ? "debug" : notice.level;
    if (!isWanted(level)) return;
    const clean = {
      ...notice,
      level,
      message: redactor.text(notice.message),
      fields: redactor.fields(notice.fields ?? {}),
    };
    const time = now().toISOString();
    put(format === "json" ? jsonLine(time, node, clean) : prettyLine(time, node, clean));
  };
}

type CleanNotice = Notice & Required<Pick<Notice, "fields">>;

function jsonLine(time: string, node: string | null, notice: CleanNotice): string {
  const { level, component, event, message, fields } = notice;
  const from = node === null ? {} : { node };
  return JSON.stringify({ time, level, ...from, component, event, message, ...renamed(fields) });
}

const ownNames = new Set(["time", "level", "component", "event", "message"]);

/** Fields never take the place of what every line has. */
function renamed(fields: CleanNotice["fields"]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [ownNames.has(name) ? `${name}_` : name, value]),
  );
}

/** The facts stand in the sentence. */
function prettyLine(time: string, node: string | null, notice: CleanNotice): string {
  const { level, component, message, fields } = notice;
  const from = node === null ? component : `${node} ${component}`;
  const stack = typeof fields.stack === "string" ? `\n${escaped(fields.stack, /[^\P{Cc}\n]/gu)}` : "";
  return `${time} ${level.padEnd(5)} ${from}: ${escaped(message, /\p{Cc}/gu)}${stack}`;
}

function escaped(text: string, control: RegExp): string {
  return text.replaceAll(control, (character) => JSON.stringify(character).slice(1, -1));
}

/** What a part of the program says by. */
export type ComponentLog = Readonly<
  Record<NoticeLevel, (event: string, message: string, more?: NoticeDetails) => void>
>;

type NoticeDetails = Pick<Notice, "fields" | "like" | "ends" | "isStep">;

export function logOf(component: string, report: Report): ComponentLog {
  const at = (level: NoticeLevel) => (event: string, message: string, more: NoticeDetails = {}) =>
    report({ level, component, event, message, ...more });
  return { error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") };
}
