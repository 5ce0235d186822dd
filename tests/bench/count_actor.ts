/** What actors that only count are made of: the cheapest state and message there are. */

import { z } from "zod";
import type { StateType } from "../../runtime/core/state.ts";

export interface Count {
  value: number;
}

export const countState: StateType<Count> = {
  version: 1,
  create: () => ({ value: 0 }),
  encode: (state, hot) => hot.f64(state.value),
  decode: (_id, _version, hot) => ({ value: hot.f64() }),
  bytes: () => 64,
};

export const countMessage = {
  version: 1,
  schema: z.number(),
  accepts: (value: unknown): value is number => typeof value === "number",
};
