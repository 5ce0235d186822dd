/**
 * Sensors of a run's own, one in each shard, by which it sees that the shards are there.
 *
 * 1. `recovered` resolves when a reading is taken for every shard, and a strict query of every shard counts what was
 *    acknowledged, once.
 */

import { z } from "zod";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { eventually } from "../services/eventually.ts";
import type { Client } from "./client.ts";
import { recoveryDeadlineMs, shards } from "./limits.ts";

/** An id of this shard; always the same. */
export function idOf(prefix: string, shard: number): string {
  for (let n = 0;; n++) {
    const id = `${prefix}-${n}`;
    if (shardOf(id, shards) === shard) return id;
  }
}

const ids: readonly string[] = Array.from({ length: shards }, (_, shard) => idOf("probe", shard));

const cachedSchema = z.object({
  consistency: z.string(),
  total: z.record(z.string(), z.object({ count: z.number() })),
});

export class Probes {
  readonly #client: Client;
  #sent = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  async recovered(): Promise<void> {
    this.#sent++;
    await this.#client.post(`probe-${this.#sent}`, ids.map((id) => ({ id, values: { probes: 1 } })));
    await this.counted(this.#client);
  }

  /** As `recovered`, of what was sent before. */
  async counted(client: Client): Promise<void> {
    const counts = await Promise.all(ids.map((id) => client.count(id, "probes")));
    const wrong = counts.findIndex((count) => count !== this.#sent);
    if (wrong < 0) return;
    throw new Error(`Shard ${wrong} counts ${counts[wrong]} of ${this.#sent} acknowledged probes`);
  }

  async #cached(id: string): Promise<z.infer<typeof cachedSchema>> {
    return cachedSchema.parse(await this.#client.get(`/sensors/${id}/windows?consistency=cached`));
  }

  /** Resolves when cached reads come from Redis, and know of all acknowledged probes. */
  async untilCached(): Promise<void> {
    await eventually("cached reads to be answered from Redis", recoveryDeadlineMs, async () => {
      const answers = await Promise.all(ids.map((id) => this.#cached(id)));
      const isRight = answers.every(({ consistency, total }) =>
        consistency === "cached" && (total.probes?.count ?? 0) === this.#sent
      );
      return isRight ? true : null;
    });
  }

  /** Resolves when a cached read says that it was answered by the actor. */
  async untilCachedFallsBack(): Promise<void> {
    await eventually("cached reads to be answered by actors", recoveryDeadlineMs, async () => {
      const { consistency } = await this.#cached(ids[0]!);
      return consistency === "local" ? true : null;
    });
  }
}
