/** The service `results`: puts what analyses found into the topic. The same result again is the same record again. */

import type { Json } from "../../runtime/core/actor.ts";
import { type Service, serviceOf } from "../../runtime/node/service.ts";
import type { ResultTopic } from "./feed.ts";
import { maxWaitingSends, sendsAtOnce } from "./limits.ts";
import { Result } from "./result.ts";

/** @param topic once it can be reached */
export function resultsService(topic: Promise<ResultTopic>): Service {
  const settings = { name: "results", concurrency: sendsAtOnce, maxWaiting: maxWaitingSends };
  return serviceOf(settings, async ({ body }): Promise<Json> => {
    const result = Result.parse(body);
    await (await topic).send(result.series, JSON.stringify(result));
    return null;
  });
}
