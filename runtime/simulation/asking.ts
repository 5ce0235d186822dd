/**
 * Queries from outside, to any node: one hop to the owner, as `runtime/node/router.ts` does.
 *
 * 1. A node that has the shard, as far as it knows, answers itself. Any other asks the one that its table names; that
 *    one never asks on.
 * 2. After "moved", and when no answer comes in time, the node asks for the table again, and then once more; until the
 *    deadline, or in the end, when nothing goes wrong any more, for ever.
 * 3. Whoever answers, and whichever attempt it answers, the answer reflects what was in the log when the query came.
 */

import type { Answer, ShardQuery } from "../core/shard_api.ts";
import type { NodeLife } from "./node.ts";
import type { World } from "./world.ts";

type Request = ShardQuery["request"];

interface Question {
  readonly number: number;
  readonly shard: number;
  readonly request: Request;
  /** The node that was asked. */
  readonly life: NodeLife;
  readonly deadlineMs: number;
  /** Checks the answer. */
  readonly answered: (answer: Answer) => void;
  attempts: number;
}

export class Asking {
  readonly #world: World;
  readonly #deadlineMs: number;
  /** How long a node waits for an answer before it tries again. */
  readonly #patienceMs: number;
  readonly #open = new Set<Question>();
  #count = 0;

  constructor(world: World) {
    this.#world = world;
    this.#deadlineMs = world.prng.pick([50, 200, 1000]);
    this.#patienceMs = world.prng.pick([20, 60, 200]);
  }

  /** Queries that wait for an answer; those that a process took with it do not. */
  get open(): number {
    return [...this.#open].filter(({ life }) => life.process.isAlive).length;
  }

  ask(shard: number, request: Request, answered: (answer: Answer) => void): void {
    const { agenda, cluster } = this.#world;
    const life = cluster.anyLife();
    if (life === null) return;
    const deadlineMs = agenda.nowMs + this.#deadlineMs;
    const question = { number: ++this.#count, shard, request, life, deadlineMs, answered, attempts: 0 };
    this.#open.add(question);
    this.#world.trace(
      `query ${question.number} to ${life.process.name} of shard${shard}: ${JSON.stringify(request)}`,
    );
    life.process.run(() => this.#attempt(question));
  }

  #attempt(question: Question): void {
    const { agenda, isDraining, cluster, network } = this.#world;
    if (!this.#open.has(question)) return;
    if (agenda.nowMs > question.deadlineMs && !isDraining) {
      this.#open.delete(question);
      return;
    }
    const { life, shard, request } = question;
    const attempt = ++question.attempts;
    life.process.after(this.#patienceMs, () => this.#again(question, attempt));
    if (life.membership === null || life.own.includes(shard)) {
      life.answer(shard, request, (answer) => this.#hear(question, attempt, answer));
      return;
    }
    const owner = cluster.lifeOf(life.table[shard] ?? "");
    if (owner === null) {
      this.#again(question, attempt);
      return;
    }
    network.send(life.process, owner.process, () => {
      owner.answer(shard, request, (answer) => {
        network.send(owner.process, life.process, () => this.#hear(question, attempt, answer));
      });
    });
  }

  #hear(question: Question, attempt: number, answer: Answer): void {
    if (answer.type === "moved") {
      this.#again(question, attempt);
      return;
    }
    if (!this.#open.delete(question)) return;
    this.#world.trace(`query ${question.number} is answered`);
    question.answered(answer);
  }

  /** Once for each attempt. */
  #again(question: Question, attempt: number): void {
    if (question.attempts !== attempt || !this.#open.has(question)) return;
    question.attempts++;
    const { life } = question;
    life.refreshTable(() => this.#attempt(question));
  }
}
