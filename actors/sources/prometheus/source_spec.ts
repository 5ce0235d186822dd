/**
 * What a person writes of a source: a target whose page is scraped, a Prometheus server that is read, or what is taken of
 * remote write.
 */

import { z } from "zod";
import { duration, durationMs } from "../../config/duration.ts";
import { withoutProto } from "../../sensors/message_parts.ts";
import { selector } from "../../series/selector.ts";
import {
  defaultSourceSeries,
  defaultTimeoutMs,
  maxLabelUnits,
  maxRenames,
  maxSelectors,
  maxSourceLabels,
  maxSourceSeries,
  maxUrlUnits,
} from "./limits.ts";

const urlError = "an address such as http://host:9100/metrics is needed, without a name, password or #";

/** Credentials in it would be in every answer and log that shows it. */
function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" &&
    url.hash === "";
}

const url = z.string({ error: urlError }).max(maxUrlUnits, { error: urlError }).refine(isPlainUrl, {
  error: urlError,
});

const selectorsError = `a selector as PromQL writes them is needed, or a list of 1 to ${maxSelectors}`;
const selectors = z.union([
  selector,
  z.array(selector).min(1, { error: selectorsError }).max(maxSelectors, { error: selectorsError }),
], {
  error: (issue) => {
    // Of a text or a list, what is wrong with it says more than that it is neither.
    const [reason] = issue.code === "invalid_union"
      ? issue.errors.flat().filter(({ code }) => code === "custom")
      : [];
    return reason?.message ?? selectorsError;
  },
});

const labelError =
  `at most ${maxSourceLabels} labels are needed: names of A-Z a-z 0-9 _, texts of at most ${maxLabelUnits} characters`;
const labelName = /^(?!__)[A-Za-z_][A-Za-z0-9_]*$/;
// deno-lint-ignore no-control-regex -- a series' id has none
const labelValue = /^[^\u0000-\u001f\u007f]+$/;
const labels = z.preprocess(
  withoutProto,
  z.record(z.string(), z.string(), { error: labelError }).refine((all) => {
    const pairs = Object.entries(all);
    return pairs.length <= maxSourceLabels && pairs.every(([name, text]) => {
      return labelName.test(name) && text.length <= maxLabelUnits && labelValue.test(text);
    });
  }, { error: labelError }),
);

const renameError = `at most ${maxRenames} names of metrics, each with its new one, are needed`;
const metricName = /^[A-Za-z_:][A-Za-z0-9_:.]{0,199}$/;
const rename = z.preprocess(
  withoutProto,
  z.record(z.string(), z.string(), { error: renameError }).refine((all) => {
    const pairs = Object.entries(all);
    return pairs.length <= maxRenames && pairs.flat().every((name) => metricName.test(name));
  }, { error: renameError }),
);

const maxError = `a whole number from 1 to ${maxSourceSeries} is needed`;
const tokenError = "the path of a file is needed";

const taking = {
  labels: labels.exactOptional().meta({
    description: "Labels that each series gets; one of its own that is called the same becomes exported_….",
  }),
  rename: rename.exactOptional().meta({ description: "New names of metrics, by those that are read." }),
};
const match = selectors.exactOptional().meta({ description: "Which series are taken: all, unless told." });
const max = z.int({ error: maxError }).min(1, { error: maxError }).max(maxSourceSeries, { error: maxError });

const common = {
  every: duration("1s", "24h").prefault("15s").meta({ description: "How often it is read." }),
  timeout: duration("1s", "5m").exactOptional().meta({
    description: "How long an answer may take: 10s, or every where that is shorter.",
  }),
  ...taking,
  max: max.prefault(defaultSourceSeries).meta({
    description: "Series at most; those beyond are refused and counted.",
  }),
  bearer_token_file: z.string({ error: tokenError }).min(1, { error: tokenError }).max(1000, {
    error: tokenError,
  })
    .exactOptional()
    .meta({ description: "File of a token that is sent along. In the configuration file only." }),
};

const TargetSpec = z.strictObject({
  type: z.literal("target"),
  url: url.meta({ description: "Of a page of metrics.", examples: ["http://127.0.0.1:9100/metrics"] }),
  match,
  ...common,
});
export type TargetSpec = z.output<typeof TargetSpec>;

const ServerSpec = z.strictObject({
  type: z.literal("prometheus"),
  url: url.meta({ description: "Of a Prometheus server.", examples: ["http://127.0.0.1:9090"] }),
  match: selectors.meta({ description: "Which series are read." }),
  backfill: duration("0s", "90d").prefault("24h").meta({
    description: "How far back it is read when it is new.",
  }),
  // Prometheus' own default for how often it scrapes.
  step: duration("1s", "1h").prefault("1m").meta({
    description:
      "Between two values of a series. No shorter than the server scrapes: it answers with the last value again " +
      "and again, and a rate would be 0 between two scrapes and far too high at each.",
  }),
  ...common,
});
export type ServerSpec = z.output<typeof ServerSpec>;

const RemoteWriteSpec = z.strictObject({
  type: z.literal("remote-write").meta({
    description:
      "What is taken of what a Prometheus writes here. Its name is remote-write: there is one at most.",
  }),
  match,
  ...taking,
  max: max.exactOptional().meta({
    description:
      "Series at most, of each node; those beyond are refused and counted. --remote-write-max-series holds, too.",
  }),
});
export type RemoteWriteSpec = z.output<typeof RemoteWriteSpec>;

/** A source that is read: what is written to us is not. */
export type ReadSpec = TargetSpec | ServerSpec;

export function isRead(spec: ReadSpec | RemoteWriteSpec): spec is ReadSpec {
  return spec.type !== "remote-write";
}

const timeoutError = "a time that is no longer than every is needed";

/** How long an answer may take. */
export function timeoutMs({ every, timeout }: Pick<TargetSpec, "every" | "timeout">): number {
  return timeout === undefined ? Math.min(defaultTimeoutMs, durationMs(every)) : durationMs(timeout);
}

function hasTime(spec: ReadSpec): boolean {
  return timeoutMs(spec) <= durationMs(spec.every);
}

/** As the service `scrape` is asked for. */
export const ReadSpec = z.discriminatedUnion("type", [TargetSpec, ServerSpec]).refine(hasTime, {
  error: timeoutError,
  path: ["timeout"],
});

export const SourceSpec = z.discriminatedUnion("type", [TargetSpec, ServerSpec, RemoteWriteSpec], {
  error: 'an object with the type "target", "prometheus" or "remote-write" is needed',
}).refine((spec) => !isRead(spec) || hasTime(spec), { error: timeoutError, path: ["timeout"] })
  .meta({ id: "SourceSpec" });
export type SourceSpec = z.output<typeof SourceSpec>;

/** Whoever may write it over HTTP may not have the node read any file and send it anywhere. */
export function namesFile(spec: SourceSpec): boolean {
  return isRead(spec) && spec.bearer_token_file !== undefined;
}

/** The one name that a source of the type remote-write may have: so there is one at most, and each node knows which. */
export const remoteWriteName = "remote-write";

/** Why a source cannot have its name, as a sentence without a full stop; null when it can. */
export function misnamed(name: string, { type }: SourceSpec): string | null {
  if (type !== "remote-write" || name === remoteWriteName) return null;
  return `a source of the type remote-write is called ${remoteWriteName}, as there is one at most`;
}

/** A source as it may be configured over HTTP. */
export const HttpSourceSpec = SourceSpec.refine((spec) => !namesFile(spec), {
  error: "no file can be named over HTTP; the configuration file may name one",
  path: ["bearer_token_file"],
});

export function selectorsOf({ match }: SourceSpec): readonly string[] {
  return match === undefined ? [] : typeof match === "string" ? [match] : match;
}
