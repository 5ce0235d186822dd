/**
 * The actor `analysis/<id of a series>`: what is found out about a series on a schedule, and the last of it.
 *
 * 1. Each task has its own timer. When it is due, the service `analysis` is asked, if it is not at work on the last request
 *    still; whatever becomes of that, the task is due again an interval later, and sooner where there were too few values:
 *    they may have come by then.
 * 2. What the service finds replaces what was found before, and goes to the service `results`, under an id that is the
 *    same whenever the turn is folded again. What it cannot find leaves the last findings as they are, and is told.
 * 3. While metadata or forecasts are wanted, the series keeps one-minute history.
 * 4. The state holds a bounded number of findings, however long it lives.
 */

import { z } from "zod";
import type { ActorDefinition, Context, Json, MessageType, ServiceAnswer } from "../../runtime/core/actor.ts";
import { maxRequestUnits } from "../../runtime/core/limits.ts";
import { defineActor } from "../../runtime/core/registry.ts";
import { jsonState, type StateType } from "../../runtime/core/state.ts";
import type { SelectMessage } from "../series/series.ts";
import { FoundAnalysis } from "./found.ts";
import {
  analysisBytes,
  analysisDeadlineMs,
  forecastStepBytes,
  keptJudgements,
  maxRuleName,
  maxRulesPerSeries,
  resultDeadlineMs,
  spreadMs,
  stepMs,
  unknownMs,
} from "./limits.ts";
import { horizonMs, intervalMs, type Task, tasks, type Wants, wants } from "./wants.ts";

const json: z.ZodType<Json> = z.json();

/** What is known of one task. Times are log time. */
const taskState = z.strictObject({
  /** Number of the request at work; null: none is. */
  request: z.number().nullable(),
  /** When what was found last was asked for. */
  atMs: z.number().nullable(),
  /** What the service found last. */
  found: json,
  /** How long that took. */
  tookMs: z.number().nullable(),
  /** Why the last request found nothing; null when it did. */
  failure: z.string().nullable(),
});
type TaskState = z.infer<typeof taskState>;

const stateSchema = z.strictObject({
  rules: z.record(z.string(), wants),
  values: taskState,
  metadata: taskState,
  forecast: taskState,
  /** Back from the last forecast: what the service gives itself to be asked with the next time. */
  memory: json,
  /** How earlier forecasts did, oldest first. */
  judgements: z.array(json),
  /** Results that reached the topic, and those that did not. */
  results: z.strictObject({ stored: z.number(), failed: z.number(), failure: z.string().nullable() }),
});
export type AnalysisState = z.infer<typeof stateSchema>;

const idle: TaskState = { request: null, atMs: null, found: null, tookMs: null, failure: null };

const stateType: StateType<AnalysisState> = {
  ...jsonState<AnalysisState>({
    schema: stateSchema,
    initial: () => ({
      rules: {},
      values: { ...idle },
      metadata: { ...idle },
      forecast: { ...idle },
      memory: null,
      judgements: [],
      results: { stored: 0, failed: 0, failure: null },
    }),
  }),
  bytes: (state) => analysisBytes + forecastStepBytes * horizonMs(rulesOf(state)) / stepMs,
};

const analyseMessage = z.strictObject({ analyse: wants, by: z.string().min(1).max(maxRuleName) });
const dueMessage = z.strictObject({ due: z.enum(tasks) });
const message = z.union([analyseMessage, dueMessage]);
type AnalyseMessage = z.infer<typeof analyseMessage>;
export type AnalysisMessage = z.infer<typeof message>;

const analysisMessageType: MessageType<AnalysisMessage> = {
  version: 1,
  schema: message,
  accepts: (value): value is AnalysisMessage => message.safeParse(value).success,
};

/** As the series knows who wants its minutes. No rule's name has a slash. */
const selector = "analysis/minutes";

function rulesOf(state: AnalysisState): readonly Wants[] {
  return Object.values(state.rules);
}

/** Begins what is newly wanted, ends what nobody wants any more, and keeps to new intervals. */
function reschedule(state: AnalysisState, before: readonly Wants[], context: Context): void {
  const rules = rulesOf(state);
  for (const task of tasks) {
    const everyMs = intervalMs(rules, task);
    if (everyMs === null) {
      context.cancelTimer(task);
      state[task] = { ...idle };
      continue;
    }
    const isAsBefore = everyMs === intervalMs(before, task) &&
      (task !== "forecast" || horizonMs(rules) === horizonMs(before));
    if (isAsBefore) continue;
    const pauseMs = Math.min(everyMs, spreadMs) * context.random();
    context.setTimer(task, context.nowMs + pauseMs, { due: task });
  }
  if (intervalMs(rules, "forecast") === null) {
    state.memory = null;
    state.judgements = [];
  }
  const isOfMinutes = (each: readonly Wants[]) =>
    each.some(({ metadata, forecast }) => metadata !== undefined || forecast !== undefined);
  if (isOfMinutes(rules) === isOfMinutes(before)) return;
  // Of the same shard: it is folded in this turn.
  const select: SelectMessage = { select: isOfMinutes(rules) ? { minutes: true } : {}, by: selector };
  context.send({ kind: "series", id: context.self.id }, select);
}

function analyse(state: AnalysisState, { analyse, by }: AnalyseMessage, context: Context): void {
  const before = rulesOf(state);
  const isNew = !Object.hasOwn(state.rules, by);
  if (isNew && before.length >= maxRulesPerSeries) {
    return context.deadLetter(
      "too-many-rules",
      `The rule ${by} wants an analysis of ${context.self.id}, of which ${maxRulesPerSeries} rules want one already. ` +
        "Let fewer rules match it.",
    );
  }
  const { [by]: _, ...others } = state.rules;
  state.rules = Object.keys(analyse).length === 0 ? others : { ...others, [by]: analyse };
  reschedule(state, before, context);
}

function due(state: AnalysisState, task: Task, context: Context): void {
  const rules = rulesOf(state);
  const everyMs = intervalMs(rules, task);
  if (everyMs === null) return;
  context.setTimer(task, context.nowMs + everyMs, { due: task });
  const current = state[task];
  if (current.request !== null) return;
  current.request = context.request("analysis", analysisBody(state, task, context), {
    deadlineMs: analysisDeadlineMs,
  });
}

/** Without what is remembered where that is too long for a request: it would be too long the next time, too. */
function analysisBody(state: AnalysisState, task: Task, { self, nowMs }: Context): Json {
  const body = { task, series: self.id, atMs: nowMs };
  if (task !== "forecast") return body;
  const whole = { ...body, horizonMs: horizonMs(rulesOf(state)), memory: state.memory };
  if (!isTooLong(whole)) return whole;
  state.memory = null;
  return { ...whole, memory: null };
}

/** A request of it would throw, and its turn be lost with whatever it did. */
function isTooLong(body: Json): boolean {
  return JSON.stringify(body).length > maxRequestUnits;
}

function lookAgainSoon(state: AnalysisState, task: Task, context: Context): void {
  const everyMs = intervalMs(rulesOf(state), task);
  if (everyMs !== null) context.setTimer(task, context.nowMs + Math.min(everyMs, unknownMs), { due: task });
}

function take(state: AnalysisState, task: Task, answer: ServiceAnswer, context: Context): void {
  const current = state[task];
  current.request = null;
  if (answer.type === "failed") {
    current.failure = `${answer.code}: ${answer.detail}`;
    return;
  }
  const { atMs, tookMs, found, memory, judgement, unknown } = FoundAnalysis.parse(answer.value);
  current.failure = unknown ?? null;
  if (unknown !== undefined) lookAgainSoon(state, task, context);
  if (memory !== undefined) state.memory = memory;
  if (judgement !== undefined) state.judgements = [...state.judgements, judgement].slice(-keptJudgements);
  if (found === undefined) return;
  Object.assign(current, { atMs, tookMs, found });
  const id = `${task}/${context.self.id}/${atMs}`;
  const result = {
    v: 1,
    kind: task,
    id,
    series: context.self.id,
    at: atMs,
    tookMs,
    ...nameResult(task, found),
  };
  if (isTooLong(result)) {
    state.results.failed++;
    state.results.failure = `too-long: what was found has more than ${maxRequestUnits} units of JSON text`;
    return;
  }
  context.request("results", result, { deadlineMs: resultDeadlineMs });
}

/** As the topic's records name it. */
function nameResult(task: Task, found: Json): { readonly [name: string]: Json } {
  switch (task) {
    case "values":
      return { windows: found };
    case "metadata":
      return { metadata: found };
    case "forecast":
      return { forecast: found };
  }
}

function answered(state: AnalysisState, answer: ServiceAnswer, context: Context): void {
  if (answer.service === "analysis") {
    const task = tasks.find((each) => state[each].request === answer.request);
    // Nobody wants it any more.
    if (task === undefined) return;
    return take(state, task, answer, context);
  }
  if (answer.type === "answered") {
    state.results.stored++;
    state.results.failure = null;
    return;
  }
  state.results.failed++;
  state.results.failure = `${answer.code}: ${answer.detail}`;
}

function receive(state: AnalysisState, message: AnalysisMessage, context: Context): void {
  if ("due" in message) due(state, message.due, context);
  else analyse(state, message, context);
}

/** All but what the service remembers by it. */
function stateAnswer({ memory: _, ...known }: AnalysisState): Omit<AnalysisState, "memory"> {
  return known;
}

export function analysisDefinition(): ActorDefinition<AnalysisState, AnalysisMessage> {
  return defineActor({
    kind: "analysis",
    state: stateType,
    message: analysisMessageType,
    receive,
    answered,
    queries: {
      state: { arguments: z.strictObject({}), answer: stateAnswer },
      remembered: {
        arguments: z.strictObject({}),
        answer: ({ memory, judgements }: AnalysisState) => ({ memory, judgements }),
      },
    },
  });
}
