/**
 * What a series remembers: its windows, and what rules want of it besides.
 *
 * 1. It does what any of the rules that selected it wants; a rule that wants nothing any more is forgotten.
 * 2. What rules want comes by messages and is part of the state, so that a refold decides as the first fold did.
 * 3. The growth of a counter is told at each value that is newer than the last: (value − last) / seconds between them,
 *    or value / seconds after a reset, which a value below the last one shows. That is how Prometheus reads a counter's
 *    samples (https://prometheus.io/docs/prometheus/latest/querying/functions/#rate), without its extrapolation.
 *
 * 4. A value is scored once, unless it is older than the last one that was, and there were enough: what comes late, or is
 *    imported after what happened since, says nothing of how the series behaves now.
 * 5. A detector knows one channel: when another is analysed, it starts anew, and what it found is forgotten with it.
 *
 * The hot row: version 4 begins with what rules want, as JSON, empty for the many series that no rule wants anything of,
 * and the anomaly detector's bytes; the windows' own row follows. Older versions are the windows' row alone.
 */

import { z } from "zod";
import type { ByteReader, ByteWriter } from "../../runtime/core/bytes.ts";
import { FormatError } from "../../runtime/core/errors.ts";
import type { HistorySink, StateType } from "../../runtime/core/state.ts";
import { AnomalyDetector } from "../analytics/anomalies/anomaly_detector.ts";
import type { Score } from "../analytics/anomalies/score.ts";
import type { SlabPool } from "../analytics/slab.ts";
import { decodeState, encodeHot, stateVersion as windowsVersion } from "../analytics/snapshot.ts";
import { WindowState } from "../analytics/window_state.ts";
import { windowRows } from "../sensors/windowed_actor.ts";
import { analysedChannel, type SeriesChannel } from "./channels.ts";
import { keptDetections, maxRulesPerSeries } from "./limits.ts";
import { keepsMinutes } from "./selection.ts";

/** What a rule wants of a series. */
export const selection = z.strictObject({
  /** A channel `rate`: growth per second of a counter. */
  rate: z.literal(true).exactOptional(),
  /** One-minute history. */
  minutes: z.literal(true).exactOptional(),
  /** An anomaly score with every value. */
  anomalies: z.literal(true).exactOptional(),
});
export type Selection = z.infer<typeof selection>;

interface CounterValue {
  readonly ts: number;
  readonly value: number;
}

const detection = z.strictObject({
  ts: z.number(),
  value: z.number(),
  score: z.number(),
  why: z.string(),
  expected: z.number(),
});
export type Detection = z.infer<typeof detection>;

const watchRow = z.strictObject({
  rules: z.record(z.string(), selection),
  counter: z.strictObject({ ts: z.number(), value: z.number() }).nullable(),
  detections: z.array(detection),
});

type Wants = Readonly<Record<keyof Selection, boolean>>;

function wantsOf(rules: ReadonlyMap<string, Selection>): Wants {
  const all = [...rules.values()];
  return {
    rate: all.some(({ rate }) => rate),
    minutes: all.some(({ minutes }) => minutes),
    anomalies: all.some(({ anomalies }) => anomalies),
  };
}

/** Of a series that some rule wants something of. */
interface Watch {
  readonly rules: ReadonlyMap<string, Selection>;
  /** By any of the rules: every value asks for it. */
  readonly wants: Wants;
  counter: CounterValue | null;
  detector: AnomalyDetector | null;
  /** Of the last value; null before the first one, and after a restart until the next. */
  score: Score | null;
  /** The last ones, oldest first. */
  detections: readonly Detection[];
}

const unscored = { detector: null, score: null, detections: [] };

/** Measured like `stateHeapBytes`: a map with an entry or two, and the objects in it. */
const watchBytes = 400;
/** A detector in memory holds what it encodes as arrays of doubles. */
const detectorRatio = 2;

export class SeriesState extends WindowState {
  #watch: Watch | null = null;

  constructor(id: string, pool: SlabPool) {
    super(id, pool, keepsMinutes(id));
  }

  /** By rule. */
  get rules(): Readonly<Record<string, Selection>> {
    return Object.fromEntries(this.#watch?.rules ?? []);
  }

  wants(what: keyof Selection): boolean {
    return this.#watch !== null && this.#watch.wants[what];
  }

  /** The channel that analyses read, and whose values have a score. */
  get analysed(): SeriesChannel {
    return analysedChannel(this.wants("rate"));
  }

  /** False: as many rules as a series may have want something of it already. */
  select(rule: string, wanted: Selection): boolean {
    const rules = new Map(this.#watch?.rules);
    if (Object.keys(wanted).length === 0) rules.delete(rule);
    else if (!rules.has(rule) && rules.size >= maxRulesPerSeries) return false;
    else rules.set(rule, wanted);
    const before = this.analysed;
    const { counter = null, detector = null, score = null, detections = [] } = this.#watch ?? {};
    this.#setWatch({ rules, counter, detector, score, detections });
    if (this.analysed !== before && this.#watch !== null) Object.assign(this.#watch, unscored);
    return true;
  }

  #setWatch(given: Omit<Watch, "wants">): void {
    const { rules } = given;
    const wants = wantsOf(rules);
    const counter = wants.rate ? given.counter : null;
    const { detector, score, detections } = wants.anomalies ? given : unscored;
    this.#watch = rules.size === 0 ? null : { rules, wants, counter, detector, score, detections };
    this.keepMinutes(keepsMinutes(this.id) || wants.minutes);
  }

  /** Whether the growth up to a value of this time is asked for and cannot be told: a newer one has been. */
  isUnrated(ts: number): boolean {
    const watch = this.#watch;
    return watch !== null && watch.wants.rate && watch.counter !== null && ts <= watch.counter.ts;
  }

  /** Growth per second up to this value of a counter; null when it tells of none. */
  growth(ts: number, value: number): number | null {
    const watch = this.#watch;
    if (watch === null || !watch.wants.rate || this.isUnrated(ts)) return null;
    const last = watch.counter;
    watch.counter = { ts, value };
    if (last === null) return null;
    const grown = value < last.value ? value : value - last.value;
    const perSecond = grown * 1000 / (ts - last.ts);
    return Number.isFinite(perSecond) ? perSecond : null;
  }

  /** Scores a value; null when no rule asks for that. */
  score(ts: number, value: number): Score | null {
    const watch = this.#watch;
    if (watch === null || !watch.wants.anomalies) return null;
    watch.detector ??= AnomalyDetector.create();
    if (!watch.detector.wants(ts)) return null;
    const found = watch.detector.update(ts, value);
    watch.score = found;
    if (!found.isAnomaly) return found;
    const { score, why, expected } = found;
    watch.detections = [...watch.detections, { ts, value, score, why, expected }].slice(-keptDetections);
    return found;
  }

  /** What is known of its anomalies; null when no rule asks for that. */
  get anomalies(): { readonly last: Score | null; readonly detections: readonly Detection[] } | null {
    const watch = this.#watch;
    if (watch === null || !watch.wants.anomalies) return null;
    return { last: watch.score, detections: watch.detections };
  }

  override get memoryBytes(): number {
    const watch = this.#watch;
    if (watch === null) return super.memoryBytes;
    return super.memoryBytes + watchBytes + detectorRatio * (watch.detector?.bytes ?? 0);
  }

  writeWatch(writer: ByteWriter): void {
    const watch = this.#watch;
    if (watch === null) return writer.text("");
    const { counter, detections, detector } = watch;
    writer.text(JSON.stringify({ rules: this.rules, counter, detections }));
    const bytes = detector?.encode() ?? new Uint8Array();
    writer.u16(bytes.length);
    writer.raw(bytes);
  }

  /** Throws a `FormatError` on what is none. */
  readWatch(reader: ByteReader): void {
    const text = reader.text();
    if (text === "") return;
    const { rules, counter, detections } = parseWatch(this.id, text);
    const bytes = reader.raw(reader.u16());
    const detector = bytes.length === 0 ? null : AnomalyDetector.decode(bytes);
    this.#setWatch({ rules: new Map(Object.entries(rules)), counter, detector, score: null, detections });
  }
}

function parseWatch(id: string, text: string): z.infer<typeof watchRow> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FormatError(`What rules want of the series ${id} is not JSON`);
  }
  const parsed = watchRow.safeParse(value);
  if (!parsed.success) {
    throw new FormatError(`What rules want of the series ${id} does not fit: ${parsed.error.message}`);
  }
  return parsed.data;
}

function encode(state: SeriesState, writer: ByteWriter, history: HistorySink): void {
  state.writeWatch(writer);
  encodeHot(state, writer, history);
}

function decode(
  state: SeriesState,
  version: number,
  hot: ByteReader,
  cold: ByteReader | null,
): SeriesState {
  if (version > windowsVersion) {
    try {
      state.readWatch(hot);
    } catch (thrown) {
      state.release();
      throw thrown;
    }
  }
  return decodeState(state, Math.min(version, windowsVersion), hot, cold);
}

/** The version of the hot row: this one after the windows' third. */
const seriesVersion = 4;

/** States whose panes live in `pool`. */
export function seriesStateType(pool: SlabPool): StateType<SeriesState> {
  return {
    ...windowRows,
    version: seriesVersion,
    create: (id) => new SeriesState(id, pool),
    encode,
    decode: (id, version, hot, cold) => decode(new SeriesState(id, pool), version, hot, cold),
  };
}
