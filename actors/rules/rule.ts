/**
 * The actor `rule/<name>`: which series it has selected, and what it wants of them.
 *
 * 1. It looks for series when it is configured and on its timer: the service `selector` answers with those that match and
 *    are not selected yet, in the order of their ids. At first it looks more often. What is selected stays so while it matches: a series that comes
 *    later displaces none.
 * 2. It never has more than `max` series. How many match beyond that, its state tells.
 * 3. Each series is told what the rule wants once it is selected, whenever that changes, and when the rule wants it no
 *    more: under the rule's name, so that it can tell several rules apart.
 * 4. A series can be offered to it, by who has told it already what the rule wants: the rule selects it or not, and tells it
 *    what holds in either case.
 * 5. An answer that was asked for before the rule was configured anew counts for nothing.
 */

import { z } from "zod";
import type { ActorDefinition, Context, MessageType, ServiceAnswer } from "../../runtime/core/actor.ts";
import { defineActor } from "../../runtime/core/registry.ts";
import { jsonState, type StateType } from "../../runtime/core/state.ts";
import { type Origin, origins, reconfigured } from "../config/configured.ts";
import { durationMs } from "../config/duration.ts";
import { matches, parseMatchers } from "../series/matchers.ts";
import {
  firstLookPauseMs,
  lookDeadlineMs,
  maxIdsPerAnswer,
  maxToldAtOnce,
  ruleBytes,
  selectedBytes,
} from "./limits.ts";
import { isWanted, nothing, RuleSpec, type Wants, wantsOf } from "./rule_spec.ts";
import { Selected } from "./selected.ts";

/** What a series was told, and is to be told anew. */
const Told = z.strictObject({ id: z.string(), series: z.boolean(), analysis: z.boolean() });
type Told = z.infer<typeof Told>;

const State = z.strictObject({
  spec: RuleSpec.nullable(),
  origin: z.enum(origins).nullable(),
  /** In order. */
  selected: z.array(z.string()),
  /** Those that are not told yet what is wanted of them now; of a series there is one at most. */
  queue: z.array(Told),
  /** The request to the selector whose answer counts. */
  asked: z.int().nullable(),
  /** Between this look and the next. */
  pauseMs: z.number(),
  /** What the last look found: log time, how many series there are, and how many of them match. */
  look: z.strictObject({ atMs: z.number(), series: z.int(), matched: z.int() }).nullable(),
  /** Why the last look found nothing; null when it did. */
  failure: z.string().nullable(),
});
export type RuleState = z.output<typeof State>;

const stateType: StateType<RuleState> = {
  ...jsonState<RuleState>({
    schema: State,
    initial: () => ({
      spec: null,
      origin: null,
      selected: [],
      queue: [],
      asked: null,
      pauseMs: firstLookPauseMs,
      look: null,
      failure: null,
    }),
  }),
  bytes: ({ selected, queue }) => ruleBytes + selectedBytes * (selected.length + queue.length),
};

const Message = z.union([
  z.strictObject({ configure: RuleSpec.nullable(), origin: z.enum(origins) }),
  z.strictObject({ offered: z.array(z.string()).max(maxIdsPerAnswer) }),
  z.enum(["look", "tell"]),
]);
export type RuleMessage = z.output<typeof Message>;

const ruleMessageType: MessageType<RuleMessage> = {
  version: 1,
  schema: Message,
  accepts: (value): value is RuleMessage => Message.safeParse(value).success,
};

function wantsBy(spec: RuleSpec | null): Wants {
  return spec === null ? nothing : wantsOf(spec);
}

/** Tells the next series of the queue, and the others soon. */
function tell(state: RuleState, context: Context): void {
  const by = context.self.id;
  const selected = new Set(state.selected);
  for (const { id, series, analysis } of state.queue.splice(0, maxToldAtOnce)) {
    const { select, analyse } = selected.has(id) ? wantsBy(state.spec) : nothing;
    if (series || isWanted(select)) context.send({ kind: "series", id }, { select, by });
    if (analysis || isWanted(analyse)) context.send({ kind: "analysis", id }, { analyse, by });
  }
  if (state.queue.length > 0) context.setTimer("tell", context.nowMs + 1, "tell");
}

function scheduleLook(state: RuleState, { every }: RuleSpec, context: Context): void {
  const longestMs = durationMs(every.look);
  context.setTimer("look", context.nowMs + Math.min(state.pauseMs, longestMs), "look");
  state.pauseMs = Math.min(2 * state.pauseMs, longestMs);
}

function look(state: RuleState, context: Context): void {
  state.asked = context.request("selector", {}, { deadlineMs: lookDeadlineMs });
}

/** Queues every series of which something else is wanted than before. */
function requeue(state: RuleState, before: RuleSpec | null, selectedBefore: readonly string[]): void {
  const wanted = wantsBy(before);
  const isSame = JSON.stringify(wanted) === JSON.stringify(wantsBy(state.spec));
  const selected = new Set(state.selected);
  const queued = new Set(state.queue.map(({ id }) => id));
  for (const id of selectedBefore) {
    if (queued.has(id) || (isSame && selected.has(id))) continue;
    state.queue.push({ id, series: isWanted(wanted.select), analysis: isWanted(wanted.analyse) });
  }
}

/** Of those that are selected, the ones that still are. */
function kept(selected: readonly string[], spec: RuleSpec | null): string[] {
  if (spec === null) return [];
  const matchers = parseMatchers(spec.match);
  return selected.filter((id) => matches(matchers, id)).slice(0, spec.max);
}

function configure(state: RuleState, given: RuleSpec | null, origin: Origin, context: Context): void {
  const next = reconfigured(state, given, origin);
  if (next === null) {
    // What comes with the program gives way without a word.
    if (origin === "http") {
      context.deadLetter(
        "of-file",
        `The rule ${context.self.id} is of the configuration file: change it there.`,
      );
    }
    return;
  }
  const { spec: before, selected: selectedBefore } = state;
  state.origin = next.origin;
  if (JSON.stringify(before) === JSON.stringify(next.spec)) return;
  state.spec = next.spec;
  state.selected = kept(selectedBefore, next.spec);
  state.asked = null;
  state.pauseMs = firstLookPauseMs;
  state.look = null;
  state.failure = null;
  requeue(state, before, selectedBefore);
  tell(state, context);
  if (next.spec === null) return context.cancelTimer("look");
  look(state, context);
  scheduleLook(state, next.spec, context);
}

/** Selects those that it has not yet, in their order, as long as there is room; gives them. */
function select(state: RuleState, { max }: RuleSpec, ids: readonly string[]): readonly string[] {
  const known = new Set(state.selected);
  const added = ids.filter((id) => !known.has(id)).slice(0, max - state.selected.length);
  state.selected = [...state.selected, ...added].sort();
  return added;
}

function take(state: RuleState, offered: readonly string[], context: Context): void {
  const { spec } = state;
  const ids = new Set(offered);
  if (spec !== null) {
    const matchers = parseMatchers(spec.match);
    select(state, spec, [...ids].filter((id) => matches(matchers, id)));
  }
  // They may have been told of a spec that is another now.
  const told = Array.from(ids, (id) => ({ id, series: true, analysis: true }));
  state.queue = [...state.queue.filter(({ id }) => !ids.has(id)), ...told];
  tell(state, context);
}

function receive(state: RuleState, message: RuleMessage, context: Context): void {
  if (message === "tell") return tell(state, context);
  if (message !== "look") {
    if ("offered" in message) return take(state, message.offered, context);
    // Whoever sends it may leave out what has a default.
    const { configure: given, origin } = message;
    return configure(state, given === null ? null : RuleSpec.parse(given), origin, context);
  }
  if (state.spec === null) return;
  // One that is under way has time until its deadline.
  if (state.asked === null) look(state, context);
  scheduleLook(state, state.spec, context);
}

function answered(state: RuleState, answer: ServiceAnswer, context: Context): void {
  const { spec } = state;
  if (spec === null || answer.request !== state.asked) return;
  state.asked = null;
  const found = answer.type === "answered" ? Selected.safeParse(answer.value) : null;
  if (found === null || !found.success) {
    state.failure = answer.type === "failed" ? answer.detail : "The selector's answer is of another version";
    return;
  }
  const { ids, series, matched, isAll } = found.data;
  const queued = new Set(state.queue.map(({ id }) => id));
  const added = select(state, spec, ids);
  // One that was selected before and is yet to be told of its end keeps what it was told.
  state.queue.push(
    ...added.filter((id) => !queued.has(id)).map((id) => ({ id, series: false, analysis: false })),
  );
  state.look = { atMs: context.nowMs, series, matched };
  state.failure = null;
  tell(state, context);
  if (!isAll && added.length > 0) look(state, context);
}

/** What `GET /rules/{name}` shows. */
function shown({ spec, origin, selected, queue, look, failure }: RuleState) {
  return {
    spec,
    origin,
    selected: selected.length,
    beyond: Math.max(0, (look?.matched ?? 0) - selected.length),
    untold: queue.length,
    look,
    failure,
    series: selected,
  };
}

export function ruleDefinition(): ActorDefinition<RuleState, RuleMessage> {
  return defineActor({
    kind: "rule",
    state: stateType,
    message: ruleMessageType,
    receive,
    answered,
    queries: {
      state: { arguments: z.strictObject({}), answer: shown },
    },
  });
}
