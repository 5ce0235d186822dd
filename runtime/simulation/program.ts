/**
 * The actors of the simulation: a message is a small program, the state counts what was run.
 *
 * 1. Every message carries its stream (who sent it) and a number that ascends within (stream, actor). A message
 *    that comes twice, or after a later one of its stream, adds to `disorder`, which must stay 0.
 * 2. What a program does depends on its operations and the state alone; whether it brings its host down, on the host.
 */

import { z } from "zod";
import type { ActorDefinition, Address, Context, Json } from "../core/actor.ts";
import { defineActor, Registry } from "../core/registry.ts";
import type { StateType } from "../core/state.ts";

export type KillTimes = number | "always";

export type Op =
  | readonly ["add", number]
  /** Send `program` to an actor, this many times. */
  | readonly ["send", kind: string, id: string, times: number, program: readonly Op[]]
  | readonly ["timer", name: string, delayMs: number, program: readonly Op[]]
  | readonly ["cancel", name: string]
  /** Throws when the message came from outside or from a timer. */
  | readonly ["reply", program: readonly Op[]]
  /** Throws at every nth message that the actor runs. */
  | readonly ["throw", nth: number]
  | readonly ["dead", reason: string]
  /** Brings the host down, this often. */
  | readonly ["kill", times: KillTimes];

/** `s`: the stream; `n`: its number for this actor. A type, not an interface: only types are assignable to Json. */
export type Program = {
  readonly s: string;
  readonly n: number;
  readonly ops: readonly Op[];
};

const opSchema: z.ZodType<Op> = z.lazy(() =>
  z.union([
    z.tuple([z.literal("add"), z.number()]),
    z.tuple([z.literal("send"), z.string(), z.string(), z.number(), z.array(opSchema)]),
    z.tuple([z.literal("timer"), z.string(), z.number(), z.array(opSchema)]),
    z.tuple([z.literal("cancel"), z.string()]),
    z.tuple([z.literal("reply"), z.array(opSchema)]),
    z.tuple([z.literal("throw"), z.number()]),
    z.tuple([z.literal("dead"), z.string()]),
    z.tuple([z.literal("kill"), z.union([z.number(), z.literal("always")])]),
  ])
);

const programSchema: z.ZodType<Program> = z.object({ s: z.string(), n: z.number(), ops: z.array(opSchema) });

const stateSchema = z.object({
  count: z.number(),
  sum: z.number(),
  disorder: z.number(),
  /** Per stream, the number of the last message run. */
  heads: z.record(z.string(), z.number()),
  /** Per target or timer, the last number given out. */
  given: z.record(z.string(), z.number()),
  /** The last messages run: stream, number, sender, log time. */
  last: z.array(z.tuple([z.string(), z.number(), z.string(), z.number()])),
});

/** What a host throws in a turn that it does not survive. */
export class HostFalls extends Error {
  override readonly name = "HostFalls";
}

/** Throws `HostFalls` when the host that runs the turn goes down now. */
export type KillHook = (times: KillTimes) => void;

const survives: KillHook = () => {};

export type ProgramState = z.infer<typeof stateSchema>;

const keptMessages = 6;

export function addressText(address: Address): string {
  return `${address.kind}/${address.id}`;
}

function give(state: ProgramState, stream: string, ops: readonly Op[], key: string): Program {
  const n = (state.given[key] ?? 0) + 1;
  state.given[key] = n;
  return { s: stream, n, ops };
}

function perform(state: ProgramState, op: Op, context: Context, kill: KillHook): void {
  const self = addressText(context.self);
  const sendTo = (to: Address, ops: readonly Op[]) =>
    context.send(to, give(state, self, ops, addressText(to)));
  switch (op[0]) {
    case "add":
      state.sum += op[1];
      return;
    case "send": {
      const [, kind, id, times, ops] = op;
      for (let i = 0; i < times; i++) sendTo({ kind, id }, ops);
      return;
    }
    case "timer": {
      const [, name, delayMs, ops] = op;
      const key = `timer:${name}`;
      context.setTimer(name, context.nowMs + delayMs, give(state, key, ops, key));
      return;
    }
    case "cancel":
      context.cancelTimer(op[1]);
      return;
    case "reply":
      context.reply(give(state, self, op[1], context.sender === null ? "" : addressText(context.sender)));
      return;
    case "throw":
      if (state.count % op[1] === 0) throw new Error(`planned, at message ${state.count}`);
      return;
    case "dead":
      context.deadLetter(op[1], "planned");
      return;
    case "kill":
      kill(op[1]);
      return;
    default:
      op satisfies never;
  }
}

/** A turn. Also what the plain loop of `model.ts` runs: the actor is not what is being tested. */
export function runProgram(state: ProgramState, program: Program, context: Context, kill: KillHook): void {
  state.count++;
  if (program.n <= (state.heads[program.s] ?? 0)) state.disorder++;
  else state.heads[program.s] = program.n;
  state.last.push([
    program.s,
    program.n,
    context.sender === null ? "" : addressText(context.sender),
    context.nowMs,
  ]);
  if (state.last.length > keptMessages) state.last.shift();
  for (const op of program.ops) perform(state, op, context, kill);
}

export function initialState(): ProgramState {
  return { count: 0, sum: 0, disorder: 0, heads: {}, given: {}, last: [] };
}

/** Enough for an actor of the simulation: a program whose operations are a list. */
export function isProgram(value: unknown): value is Program {
  return typeof value === "object" && value !== null && "s" in value && "n" in value && "ops" in value &&
    typeof value.s === "string" && typeof value.n === "number" && Array.isArray(value.ops);
}

/** What the cold row of a state has. */
const inColdRow = new WeakMap<ProgramState, ProgramState["given"]>();

/** Numbers given out since the cold row. */
function givenSince(state: ProgramState): ProgramState["given"] {
  const cold = inColdRow.get(state) ?? {};
  return Object.fromEntries(Object.entries(state.given).filter(([key, n]) => cold[key] !== n));
}

/** JSON, with the numbers given out in a cold row of their own as soon as two of them have changed. */
const programStateType: StateType<ProgramState> = {
  version: 1,
  create: initialState,
  encode: (state, hot) => hot.text(JSON.stringify({ ...state, given: givenSince(state) })),
  decode: (_id, _version, hot, cold) => {
    const state = stateSchema.parse(JSON.parse(hot.text()));
    const given: ProgramState["given"] = cold === null ? {} : JSON.parse(cold.text());
    state.given = { ...given, ...state.given };
    inColdRow.set(state, given);
    return state;
  },
  cold: {
    isDue: (state) => Object.keys(givenSince(state)).length > 1,
    encode: (state, cold) => {
      cold.text(JSON.stringify(state.given));
      inColdRow.set(state, { ...state.given });
    },
  },
  bytes: () => 512,
};

/** The version of the programs' messages. */
export const programVersion = 1;

function programKind(kind: string, kill: KillHook): ActorDefinition<ProgramState, Program> {
  return defineActor<ProgramState, Program>({
    kind,
    state: programStateType,
    message: { version: programVersion, schema: programSchema, accepts: isProgram },
    receive: (state, program, context) => runProgram(state, program, context, kill),
    queries: {
      state: { arguments: z.unknown(), answer: (state: ProgramState): Json => state },
    },
  });
}

/** Two kinds, so that the order of timers by kind, and one id of several kinds, are met. */
export const programKinds = ["alpha", "beta"] as const;
/** A kind that frames name and the registry does not know. */
export const unknownKind = "ghost";

/** The kinds on a host that `kill` brings down. */
export function programsOn(kill: KillHook): Registry {
  return new Registry(programKinds.map((kind) => programKind(kind, kill)));
}

/** For whoever runs no turns. */
export const programRegistry = programsOn(survives);
