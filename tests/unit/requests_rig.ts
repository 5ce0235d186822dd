/** A shard of actors that ask services, with what they were told of it. */

import { z } from "zod";
import type { Json, ServiceOutcome } from "../../runtime/core/actor.ts";
import type { ShardLimits } from "../../runtime/core/limits.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { ShardDriver } from "./shard_driver.ts";

const Asked = z.object({ made: z.array(z.number()), heard: z.array(z.string()) });
export type Asked = z.infer<typeof Asked>;

/** `ask` has one body for each request. */
export interface Order {
  readonly ask: readonly Json[];
  readonly service?: string;
  readonly deadlineMs?: number;
  /** After the requests. */
  readonly throws?: string;
  readonly timer?: readonly [name: string, afterMs: number];
}

/** How an outcome is noted. */
export function noted(request: number, outcome: ServiceOutcome): string {
  return outcome.type === "answered"
    ? `${request} answered ${JSON.stringify(outcome.value)}`
    : `${request} ${outcome.code}`;
}

export function answered(value: Json): ServiceOutcome {
  return { type: "answered", value };
}

/** Notes texts and answers; asks as it is told. What begins with "boom" throws, unless `mended` has it. */
function asker(mended: ReadonlySet<string>, turn: (text: string) => void) {
  const hear = (state: Asked, text: string) => {
    turn(text);
    if (text.includes("boom") && !mended.has(text)) throw new Error(text);
    state.heard.push(text);
  };
  return defineActor<Asked, Json>({
    kind: "asker",
    state: jsonState({ schema: Asked, initial: () => ({ made: [], heard: [] }) }),
    message: { version: 1, schema: z.json() as z.ZodType<Json>, accepts: (_value): _value is Json => true },
    receive(state, message, context) {
      if (typeof message === "string") return hear(state, message);
      const { ask, service = "oracle", deadlineMs, throws, timer } = message as unknown as Order;
      for (const body of ask) {
        state.made.push(context.request(service, body, deadlineMs === undefined ? {} : { deadlineMs }));
      }
      if (timer !== undefined) context.setTimer(timer[0], context.nowMs + timer[1], timer[0]);
      if (throws !== undefined) hear(state, throws);
    },
    answered(state, answer, context) {
      hear(state, noted(answer.request, answer));
      if (context.sender !== null) throw new Error("an answer has no sender");
    },
    queries: { state: { arguments: z.object({}), answer: (state) => state } },
  });
}

/** Cannot take answers. */
const mute = defineActor<null, Json>({
  kind: "mute",
  state: jsonState({ schema: z.null(), initial: () => null }),
  message: { version: 1, schema: z.json() as z.ZodType<Json>, accepts: (_value): _value is Json => true },
  receive(_state, message, context) {
    context.request("oracle", message);
  },
  queries: {},
});

export class RequestsRig extends ShardDriver {
  readonly mended: Set<string>;
  /** Called in every turn that notes something. */
  onTurn: (text: string) => void = () => {};

  constructor(limits: Partial<ShardLimits> = {}) {
    const mended = new Set<string>();
    super(new Registry([asker(mended, (text) => this.onTurn(text)), mute]), limits);
    this.mended = mended;
    this.start();
  }

  tell(stampMs: number, id: string, ...messages: readonly (string | Order)[]): this {
    for (const message of messages) this.append(stampMs, ["asker", id, message as Json]);
    this.settle();
    return this;
  }

  reply(stampMs: number, id: string, request: number, value: Json): this {
    this.appendReply(stampMs, { kind: "asker", id }, request, answered(value));
    this.settle();
    return this;
  }

  state(id: string): Asked {
    const state = this.ask("asker", id);
    return state === "absent" ? { made: [], heard: [] } : Asked.parse(state);
  }

  /** Numbers of the requests that left since the last call. */
  left(): number[] {
    const left = this.requested.slice(this.#told).map(({ n }) => n);
    this.#told = this.requested.length;
    return left;
  }
  #told = 0;

  /** Reason, version and message of every dead letter. */
  letters(): string[] {
    this.checkpoint();
    return this.checkpoints.flatMap(({ deadLetters }) => deadLetters).map((letter) =>
      `${letter.reason} ${letter.messageVersion} ${letter.message}`
    );
  }

  /** Lets time pass without a frame of anybody, as long as the shard wants to be woken by then. */
  wait(untilMs: number): this {
    for (;;) {
      const wakeMs = this.shard.wakeAtMs(this.nowMs);
      if (wakeMs === null || wakeMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, wakeMs);
      this.settle();
    }
    this.nowMs = untilMs;
    return this;
  }
}
