/**
 * Our own: one shard that folds frames of 1,000 messages, which are text, as out of the log; and with the variant
 * `sends` messages that an actor of the shard sends to others of it, 1,000 in a turn, which is dispatch without the log.
 */

import { encodeFrame } from "../../../runtime/core/frame.ts";
import { defineActor, Registry } from "../../../runtime/core/registry.ts";
import { type Count, countMessage, countState } from "../count_actor.ts";
import { type BenchFrame, ShardBench } from "../shard_bench.ts";
import { compete, messageAt, messagesOf, report, Reports, variant } from "./contest.ts";

const messagesPerFrame = 1000;
const isSending = variant === "sends";

await compete((course) => {
  const { actors } = course;
  let reports = new Reports(actors);
  const ids = Array.from({ length: actors }, (_, actor) => String(actor));
  const addresses = ids.map((id) => ({ kind: "count", id }));

  const counting = defineActor<Count, number>({
    kind: "count",
    state: countState,
    message: countMessage,
    receive: (state, message) => {
      if (message !== report) state.value += message;
      else {
        reports.add(state.value);
        state.value = 0;
      }
    },
    queries: {},
  });
  let next = 0;
  const sending = defineActor<null, number>({
    kind: "send",
    state: { version: 1, create: () => null, encode: () => {}, decode: () => null, bytes: () => 0 },
    message: countMessage,
    // The number says how many more of the round's messages are to be sent.
    receive: (_state, count, context) => {
      for (const end = next + count; next < end; next++) {
        const [actor, message] = messageAt(course, next);
        context.send(addresses[actor]!, message);
      }
    },
    queries: {},
  });

  const registry = new Registry([counting, sending]);
  const bench = new ShardBench(registry, false);
  let n = 0;
  const frameOf = (
    kind: string,
    messages: readonly (readonly [id: string, message: number])[],
  ): BenchFrame => {
    const origin = { type: "gateway", start: "bench", n: ++n } as const;
    const type = registry.indexOf(kind);
    const entries = messages.flatMap(([id, message]) => [type, id, message]);
    return { stampMs: n, text: encodeFrame({ origin, types: registry.wireTypes, entries }) };
  };
  let frames: BenchFrame[] = [];
  return {
    prepare() {
      reports = new Reports(actors);
      frames = [];
      next = 0;
      const messages = messagesOf(course);
      for (let first = 0; first < messages; first += messagesPerFrame) {
        const count = Math.min(messagesPerFrame, messages - first);
        const frame = () =>
          Array.from({ length: count }, (_, at) => {
            const [actor, message] = messageAt(course, first + at);
            return [ids[actor]!, message] as const;
          });
        frames.push(isSending ? frameOf("send", [["sender", count]]) : frameOf("count", frame()));
      }
    },
    round() {
      bench.fold(frames);
      return reports.sum;
    },
  };
});
