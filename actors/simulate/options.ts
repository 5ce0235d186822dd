/** The flags of `deno task simulate`: one table, which `--help` prints. */

import { parseArgs } from "node:util";
import { errorMessage } from "../../runtime/core/errors.ts";
import { defaultConnections, maxLanes } from "./limits.ts";
import type { Plan } from "./plan.ts";
import type { Target } from "./courier.ts";

/** What the flags say. */
export interface Settings {
  readonly plan: Plan;
  readonly target: Target;
  readonly forMs: number;
  readonly isPaced: boolean;
  /** Null: the time when the live readings begin. */
  readonly liveOriginMs: number | null;
  /** File that gets the ledgers; null: none. */
  readonly ledgerPath: string | null;
}

/** A flag that makes no sense; its message is one sentence for the user. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

interface Flag {
  readonly form: string;
  readonly fallback: string;
  readonly meaning: string;
}

const flags = {
  url: { form: "URL", fallback: "http://127.0.0.1:5002", meaning: "where Sensorium listens" },
  token: { form: "TEXT", fallback: "", meaning: "its token, if it asks for one" },
  sensors: { form: "N", fallback: "50000", meaning: "how many sensors there are" },
  rate: { form: "N", fallback: "5000", meaning: "readings per second, or `max`: as fast as answers come" },
  for: { form: "TIME", fallback: "60s", meaning: "how long to send live readings; 0s: only history" },
  history: { form: "TIME", fallback: "0s", meaning: "back-fill so far into the past first" },
  seed: { form: "N", fallback: "1", meaning: "the same seed sends the same readings" },
  origin: {
    form: "TIME",
    fallback: "now",
    meaning: "the run's present, epoch milliseconds or RFC 3339",
  },
  body: { form: "N", fallback: "100", meaning: "readings in a live body" },
  connections: { form: "N", fallback: String(defaultConnections), meaning: `1 to ${maxLanes}` },
  panels: { form: "RATIO", fallback: "0.5", meaning: "share of the sensors that are alarm panels" },
  late: { form: "RATIO", fallback: "0", meaning: "share of readings that are minutes to hours old" },
  "out-of-order": { form: "RATIO", fallback: "0", meaning: "share of pairs sent in the wrong order" },
  duplicates: { form: "RATIO", fallback: "0", meaning: "share of readings sent twice, with a `seq`" },
  ledger: { form: "FILE", fallback: "", meaning: "write there what `deno task verify` needs" },
} as const satisfies Record<string, Flag>;

type Name = keyof typeof flags;
type Values = Readonly<Record<Name, string>>;

/** Live readings of an unpaced run are so far apart in their own time: near what two processors take. */
const unpacedRatePerSecond = 200_000;

export function helpText(): string {
  const rows = Object.entries(flags).map(([name, { form, fallback, meaning }]) => {
    const shownDefault = fallback === "" ? "" : ` (${fallback})`;
    return `  ${`--${name} ${form}`.padEnd(22)} ${meaning}${shownDefault}`;
  });
  return [
    "Sends readings of alarm panels and sensors to a Sensorium: a load, or something to look at.",
    "",
    "  deno task simulate --sensors 50000 --rate 5000 --for 60s --history 12h",
    "",
    ...rows,
    `  ${"--help".padEnd(22)} print this`,
    "",
    "Times are a number with ms, s, m, h or d. Ratios are 0 to 1.",
  ].join("\n");
}

function whole(values: Values, name: Name, min: number, max: number): number {
  const text = values[name];
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new OptionError(`--${name} ${text}: a whole number from ${min} to ${max} is needed.`);
}

function ratio(values: Values, name: Name): number {
  const value = Number(values[name]);
  if (values[name] !== "" && value >= 0 && value <= 1) return value;
  throw new OptionError(`--${name} ${values[name]}: a number from 0 to 1 is needed.`);
}

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const isUnit = (text: string | undefined): text is keyof typeof unitMs =>
  text !== undefined && text in unitMs;

function durationMs(values: Values, name: Name): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(values[name]) ?? [];
  if (isUnit(unit)) return Number(amount) * unitMs[unit];
  throw new OptionError(`--${name} ${values[name]}: a time such as 90s, 15m or 12h is needed.`);
}

function originMs(values: Values): number | null {
  const text = values.origin;
  if (text === "now") return null;
  const value = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isSafeInteger(value)) return value;
  throw new OptionError(`--origin ${text}: epoch milliseconds or an RFC 3339 time is needed.`);
}

function address(values: Values): URL {
  const url = URL.canParse(values.url) ? new URL(values.url) : null;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new OptionError(`--url ${values.url}: an address such as http://127.0.0.1:5002 is needed.`);
}

function readFlags(args: readonly string[]): Values & { readonly help: boolean } {
  const options = Object.fromEntries(Object.keys(flags).map((name) => [name, { type: "string" as const }]));
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, help: { type: "boolean" } } });
    const fallbacks = Object.entries(flags).map(([name, flag]) => [name, flag.fallback]);
    return { ...Object.fromEntries(fallbacks), help: false, ...values };
  } catch (thrown) {
    throw new OptionError(`${errorMessage(thrown)}. See --help.`);
  }
}

/** What `args` ask for; null: for help. Throws an `OptionError`. */
export function parseSettings(args: readonly string[], nowMs: number): Settings | null {
  const values = readFlags(args);
  if (values.help) return null;
  const isPaced = values.rate !== "max";
  const fixedOriginMs = originMs(values);
  return {
    plan: {
      seed: whole(values, "seed", 0, 0xffff_ffff),
      sensors: whole(values, "sensors", 1, 10_000_000),
      originMs: fixedOriginMs ?? nowMs,
      ratePerSecond: isPaced ? whole(values, "rate", 1, 10_000_000) : unpacedRatePerSecond,
      bodyReadings: whole(values, "body", 1, 10_000),
      historyMs: durationMs(values, "history"),
      panelRatio: ratio(values, "panels"),
      lateRatio: ratio(values, "late"),
      outOfOrderRatio: ratio(values, "out-of-order"),
      duplicateRatio: ratio(values, "duplicates"),
    },
    target: {
      url: address(values),
      token: values.token === "" ? null : values.token,
      connections: whole(values, "connections", 1, maxLanes),
    },
    forMs: durationMs(values, "for"),
    isPaced,
    liveOriginMs: fixedOriginMs,
    ledgerPath: values.ledger === "" ? null : values.ledger,
  };
}
