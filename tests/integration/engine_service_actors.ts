/** Actors for the tests of services: they ask as they are told, and note what comes of it. */

import { z } from "zod";
import { type AnyDefinition, defineActor } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";

const Message = z.strictObject({
  service: z.string(),
  /** One for each request. */
  bodies: z.array(z.number()),
  deadlineMs: z.number(),
});
type Message = z.infer<typeof Message>;

const Asker = z.object({
  made: z.array(z.number()),
  /** By request: the number it was answered with, or the code of its failure. */
  heard: z.array(z.tuple([z.number(), z.union([z.number(), z.string()])])),
});
export type Asker = z.infer<typeof Asker>;

const asker = defineActor<Asker, Message>({
  kind: "asker",
  state: jsonState<Asker>({ schema: Asker, initial: () => ({ made: [], heard: [] }) }),
  message: {
    version: 1,
    schema: Message,
    accepts: (value): value is Message => Message.safeParse(value).success,
  },
  receive(state, { service, bodies, deadlineMs }, context) {
    for (const body of bodies) state.made.push(context.request(service, body, { deadlineMs }));
  },
  answered(state, answer) {
    state.heard.push([answer.request, answer.type === "answered" ? Number(answer.value) : answer.code]);
  },
  queries: { state: { arguments: z.unknown(), answer: (state: Asker) => state } },
});

export function definitions(): AnyDefinition[] {
  return [asker];
}
