/**
 * A simulated client: one body after another, each attempt by any node. With a key it repeats an unanswered body until it is answered; without
 * one it never repeats, and what became of the body it does not know.
 */

import type { Address } from "../core/actor.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Body, BodyAnswer } from "./gateway.ts";
import { itemKey } from "./model.ts";
import { addressText } from "./program.ts";
import type { Item, Workload } from "./workload.ts";
import type { World } from "./world.ts";

function keyOf({ to, message }: Extract<Item, { type: "message" }>): string {
  return itemKey(to, message.s, message.n);
}

export class Client {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #name: string;
  readonly #usesKeys: boolean;
  readonly #patienceMs: number;
  /** After an outcome that stays unknown a body may still arrive late: what follows is another stream. */
  #generation = 0;
  #bodies = 0;
  #numbers = new Map<string, number>();
  #open: Body | null = null;

  constructor(world: World, workload: Workload, name: string) {
    this.#world = world;
    this.#workload = workload;
    this.#name = name;
    this.#usesKeys = world.prng.chance(0.6);
    this.#patienceMs = world.prng.range(5, 60);
    this.#think();
  }

  /** Waits for no answer. */
  get isIdle(): boolean {
    return this.#open === null;
  }

  get waitsFor(): string {
    return `${this.#name} waits for the answer to ${JSON.stringify(this.#open)}`;
  }

  #think(): void {
    this.#world.agenda.after(this.#world.prng.next() * 20, () => {
      if (this.#world.isDraining) return;
      this.#begin();
    });
  }

  #begin(): void {
    const stream = `${this.#name}.${this.#generation}`;
    const items = this.#workload.items(stream, (to) => this.#next(to), this.#world.auditor.suspended());
    const body = { key: this.#usesKeys ? `${this.#name}-${++this.#bodies}` : null, items };
    this.#open = body;
    for (const item of items) {
      const shard = shardOf(item.to.id, this.#world.shardCount);
      if (item.type === "message") this.#world.auditor.offered(keyOf(item), shard);
    }
    this.#attempt(body);
  }

  #next(to: Address): number {
    const n = (this.#numbers.get(addressText(to)) ?? 0) + 1;
    this.#numbers.set(addressText(to), n);
    return n;
  }

  #attempt(body: Body): void {
    const { agenda, network } = this.#world;
    const answered = (answer: BodyAnswer) =>
      agenda.after(network.legMs(), () => {
        if (this.#open === body) this.#finish(body, answer);
      });
    agenda.after(network.legMs(), () => {
      const life = this.#world.cluster.anyLife();
      life?.process.run(() => life.gateway.accept(body, answered));
    });
    agenda.after(this.#patienceMs + 4 * network.legMs(), () => {
      if (this.#open !== body) return;
      if (body.key !== null) this.#attempt(body);
      else this.#finish(body, "refused");
    });
  }

  #finish(body: Body, answer: BodyAnswer): void {
    if (answer === "full" && body.key !== null) {
      this.#world.agenda.after(this.#patienceMs, () => {
        if (this.#open === body) this.#attempt(body);
      });
      return;
    }
    this.#open = null;
    if (answer !== "accepted") {
      this.#generation++;
      this.#numbers = new Map();
    } else {
      for (const item of body.items) if (item.type === "message") this.#world.auditor.accepted(keyOf(item));
    }
    this.#think();
  }
}
