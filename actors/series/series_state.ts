/**
 * What a series remembers: its windows, and what rules want of it besides.
 *
 * 1. It does what any of the rules that selected it wants; a rule that wants nothing any more is forgotten.
 * 2. What rules want comes by messages and is part of the state, so that a refold decides as the first fold did.
 * 3. The growth of a counter is told at each value that is newer than the last: (value − last) / seconds between them,
 *    or value / seconds after a reset, which a value below the last one shows. That is how Prometheus reads a counter's
 *    samples (https://prometheus.io/docs/prometheus/latest/querying/functions/#rate), without its extrapolation.
 *
 * The hot row: version 4 begins with what rules want, as JSON, empty for the many series that no rule wants anything of;
 * the windows' own row follows. Older versions are the windows' row alone.
 */

import { z } from "zod";
import type { ByteReader, ByteWriter } from "../../runtime/core/bytes.ts";
import { FormatError } from "../../runtime/core/errors.ts";
import type { HistorySink, StateType } from "../../runtime/core/state.ts";
import type { SlabPool } from "../analytics/slab.ts";
import { decodeState, encodeHot, stateVersion as windowsVersion } from "../analytics/snapshot.ts";
import { WindowState } from "../analytics/window_state.ts";
import { windowRows } from "../sensors/windowed_actor.ts";
import { maxRulesPerSeries } from "./limits.ts";
import { keepsMinutes } from "./selection.ts";

/** What a rule wants of a series. */
export const selection = z.strictObject({
  /** A channel `rate`: growth per second of a counter. */
  rate: z.literal(true).exactOptional(),
  /** One-minute history. */
  minutes: z.literal(true).exactOptional(),
});
export type Selection = z.infer<typeof selection>;

interface CounterValue {
  readonly ts: number;
  readonly value: number;
}

const watchRow = z.strictObject({
  rules: z.record(z.string(), selection),
  counter: z.strictObject({ ts: z.number(), value: z.number() }).nullable(),
});

/** Of a series that some rule wants something of. */
interface Watch {
  readonly rules: ReadonlyMap<string, Selection>;
  counter: CounterValue | null;
}

/** Measured like `stateHeapBytes`: a map with an entry or two, and the objects in it. */
const watchBytes = 400;

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
    if (this.#watch === null) return false;
    for (const rule of this.#watch.rules.values()) if (rule[what] === true) return true;
    return false;
  }

  /** False: as many rules as a series may have want something of it already. */
  select(rule: string, wanted: Selection): boolean {
    const rules = new Map(this.#watch?.rules);
    if (Object.keys(wanted).length === 0) rules.delete(rule);
    else if (!rules.has(rule) && rules.size >= maxRulesPerSeries) return false;
    else rules.set(rule, wanted);
    const counter = this.#watch?.counter ?? null;
    this.#setWatch(rules.size === 0 ? null : { rules, counter });
    return true;
  }

  #setWatch(watch: Watch | null): void {
    this.#watch = watch;
    if (watch !== null && !this.wants("rate")) watch.counter = null;
    this.keepMinutes(keepsMinutes(this.id) || this.wants("minutes"));
  }

  /** Growth per second up to this value of a counter; null when it tells of none. */
  growth(ts: number, value: number): number | null {
    const watch = this.#watch;
    if (watch === null || !this.wants("rate")) return null;
    const last = watch.counter;
    if (last !== null && ts <= last.ts) return null;
    watch.counter = { ts, value };
    if (last === null) return null;
    const grown = value < last.value ? value : value - last.value;
    const perSecond = grown * 1000 / (ts - last.ts);
    return Number.isFinite(perSecond) ? perSecond : null;
  }

  override get memoryBytes(): number {
    return super.memoryBytes + (this.#watch === null ? 0 : watchBytes);
  }

  writeWatch(writer: ByteWriter): void {
    const watch = this.#watch;
    writer.text(watch === null ? "" : JSON.stringify({ rules: this.rules, counter: watch.counter }));
  }

  /** Throws a `FormatError` on what is none. */
  readWatch(reader: ByteReader): void {
    const text = reader.text();
    if (text !== "") this.#setWatch(parseWatch(this.id, text));
  }
}

function parseWatch(id: string, text: string): Watch {
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
  const { rules, counter } = parsed.data;
  return { rules: new Map(Object.entries(rules)), counter };
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
