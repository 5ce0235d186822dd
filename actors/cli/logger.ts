/** Log lines for a person: time, level, sentence, on standard error. */

const levels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = typeof levels[number];

export type Logger = Readonly<Record<LogLevel, (sentence: string) => void>>;

/** `put` gets each line, without a newline. Lines above `level` are left out. */
export function createLogger(level: LogLevel, now: () => Date, put: (line: string) => void): Logger {
  const logAt = (lineLevel: LogLevel) => (sentence: string) => {
    if (levels.indexOf(lineLevel) <= levels.indexOf(level)) {
      put(`${now().toISOString()} ${lineLevel.padEnd(5)} ${sentence}`);
    }
  };
  return { error: logAt("error"), warn: logAt("warn"), info: logAt("info"), debug: logAt("debug") };
}
