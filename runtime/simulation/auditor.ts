/**
 * The oracles. It sees every effect on log and store as it happens, from outside, and compares with `ShardModel`.
 *
 * 1. Every frame appended is folded by the model at once; so the model is always ahead of the shards.
 * 2. After each commit the store holds exactly what the model says for the committed position.
 * 3. A frame of a shard's outbox is in no log before the commit that contains it is in the store.
 * 4. Epochs ascend, each has one owner, and no commit of a lower one succeeds. Positions and commits ascend.
 * 5. At rest everything accepted is folded once, everything sent has come, no timer waits, every outbox is empty.
 */

import { ActorTable } from "../core/actor_table.ts";
import {
  type Checkpoint,
  type Claim,
  type CommitResult,
  type DeadLetter,
  MAILBOX,
  type Position,
} from "../core/checkpoint.ts";
import type { Address } from "../core/actor.ts";
import { decodeFrame } from "../core/frame.ts";
import type { ShardLimits } from "../core/limits.ts";
import type { LogFrame } from "../core/log_frame.ts";
import type { Answer } from "../core/shard_api.ts";
import { MemoryStoreCore } from "../store/memory_store_core.ts";
import { deadText, placeOf, ShardModel } from "./model.ts";
import { standingText, timerTexts } from "./model_actor.ts";
import { check } from "./oracle_error.ts";
import { addressText, programRegistry } from "./program.ts";

const origin: Position = { offset: -1, index: 0 };

/** What is known of one shard's row. */
interface ShardAudit {
  epoch: number;
  /** Who was given the epoch. */
  readonly owners: Map<number, string>;
  commit: number;
  position: Position;
  /** Outbox frames committed and not yet done, as `target n`. */
  readonly waiting: Set<string>;
  /** Last number committed per target. */
  readonly numbers: Map<number, number>;
}

export class Auditor {
  readonly models: readonly ShardModel[];
  readonly #store: MemoryStoreCore;
  readonly #shards: readonly ShardAudit[];
  /** Text of every outbox frame ever committed, by `source target n`. */
  readonly #frames = new Map<string, string>();
  /** Items of clients: true when their acceptance was answered. */
  readonly #items = new Map<string, { readonly shard: number; isAccepted: boolean }>();

  constructor(shards: number, limits: ShardLimits, store: MemoryStoreCore) {
    this.#store = store;
    const models: ShardModel[] = [];
    for (let shard = 0; shard < shards; shard++) {
      models.push(new ShardModel(shard, shards, limits, (peer) => models[peer]!));
    }
    this.models = models;
    this.#shards = models.map(() => ({
      epoch: 0,
      owners: new Map(),
      commit: 0,
      position: { offset: -1, index: 0 },
      waiting: new Set(),
      numbers: new Map(),
    }));
  }

  /** Actors suspended by now, by what is in the logs. */
  suspended(): readonly Address[] {
    return this.models.flatMap(({ actors }) =>
      [...actors.values()].flatMap(({ isSuspended, address }) => isSuspended ? [address] : [])
    );
  }

  /** A client may have sent this item; `key` as made by `itemKey`. */
  offered(key: string, shard: number): void {
    this.#items.set(key, { shard, isAccepted: false });
  }

  accepted(key: string): void {
    const item = this.#items.get(key);
    if (item !== undefined) item.isAccepted = true;
  }

  /** `after`: the epoch that the claim was to come after; null: any. */
  claimed(claim: Claim, owner: string, after: number | null): void {
    const { shard, epoch } = claim;
    const audit = this.#shards[shard]!;
    check(
      "one-owner",
      epoch > audit.epoch,
      () => `${owner} got epoch ${epoch} of shard ${shard} after epoch ${audit.epoch} was given out`,
    );
    check(
      "one-owner",
      after === null || epoch === after + 1,
      () => `${owner} got epoch ${epoch} of shard ${shard} though it was to claim after epoch ${after}`,
    );
    check(
      "positions",
      placeOf(claim.positions[MAILBOX] ?? origin) === placeOf(audit.position),
      () =>
        `The claim of shard ${shard} says ${JSON.stringify(claim.positions)}, ` +
        `committed was ${JSON.stringify(audit.position)}`,
    );
    audit.epoch = epoch;
    audit.owners.set(epoch, owner);
  }

  /** A later epoch of the shard was given out. */
  isPast(shard: number, epoch: number): boolean {
    return epoch < this.#shards[shard]!.epoch;
  }

  /** `owner` does something in the name of `epoch`. */
  acts(shard: number, epoch: number, owner: string): void {
    const right = this.#shards[shard]!.owners.get(epoch);
    check(
      "one-owner",
      right === owner,
      () => `${owner} acts under epoch ${epoch} of shard ${shard}, which was given to ${right ?? "nobody"}`,
    );
  }

  /** The store has answered `result` to a commit. */
  committed(checkpoint: Checkpoint, result: CommitResult): void {
    const { shard, epoch, commit } = checkpoint;
    const audit = this.#shards[shard]!;
    const isRepeat = epoch === audit.epoch && commit === audit.commit;
    const isNext = epoch === audit.epoch && commit === audit.commit + 1;
    check(
      "one-owner",
      (result === "committed") === (isRepeat || isNext),
      () =>
        `Commit ${commit} under epoch ${epoch} of shard ${shard} was ${result}, ` +
        `while its row had epoch ${audit.epoch}, commit ${audit.commit}`,
    );
    if (!isNext) return;
    audit.commit = commit;
    this.#auditPosition(checkpoint, audit);
    this.#compareSuspended(checkpoint);
    this.#auditOutbox(checkpoint, audit);
    for (const letter of checkpoint.deadLetters) this.#auditLetter(letter);
  }

  #auditPosition({ shard, positions, commit }: Checkpoint, audit: ShardAudit): void {
    const model = this.models[shard]!;
    const before = placeOf(audit.position);
    audit.position = positions[MAILBOX] ?? origin;
    const now = placeOf(audit.position);
    check(
      "positions",
      now >= before && audit.position.offset <= model.offset,
      () =>
        `Commit ${commit} moves shard ${shard} from place ${before} to ${now}; its log ends at ${model.offset}`,
    );
    this.#compareStore(shard, before, `after commit ${commit}`);
  }

  /** The shard lists exactly its suspended actors: here they are never more than it lists. */
  #compareSuspended({ shard, commit, memory }: Checkpoint): void {
    const model = this.models[shard]!;
    const place = placeOf(this.#shards[shard]!.position);
    const right = [...model.actors.keys()].flatMap((actor) => {
      const suspended = model.version(actor, place)?.suspended ?? null;
      return suspended === null ? [] : [`${actor} ${suspended.sinceMs}`];
    }).sort().join(", ");
    const found = Object.entries(memory.suspended).map(([actor, { sinceMs }]) => `${actor} ${sinceMs}`)
      .sort().join(", ");
    check(
      "suspension",
      found === right,
      () => `Commit ${commit} of shard ${shard} lists [${found}] as suspended, should be [${right}]`,
    );
  }

  /** The store has, for actors changed after the place `after`, the state and timers that the model has. */
  #compareStore(shard: number, after: number, when: string): void {
    const model = this.models[shard]!;
    const place = placeOf(this.#shards[shard]!.position);
    const keys = model.changed(after, place).map(({ address }) => address);
    const table = new ActorTable(programRegistry);
    table.insertLoaded(this.#store.loadNow(shard, keys), 0);
    for (const key of keys) {
      const entry = table.find(key);
      const right = model.version(addressText(key), place)!;
      const name = `${addressText(key)} of shard ${shard}, at ${place}, ${when},`;
      check("state", entry !== undefined, () => `${name} is not in the store`);
      const found = JSON.stringify(entry.state);
      check("state", found === right.json, () => `${name} is stored as ${found}, should be ${right.json}`);
      const timers = timerTexts(entry.timers ?? []).join("; ");
      const rightTimers = right.timers.join("; ");
      check("timers", timers === rightTimers, () =>
        `${name} is stored with the timers [${timers}], ` +
        `should be [${rightTimers}]`);
      const standing = standingText(entry.failedAtMs, entry.suspension);
      check(
        "suspension",
        standing === right.standing,
        () => `${name} is stored with ${standing}, should be ${right.standing}`,
      );
    }
    this.#compareDue(shard, when);
  }

  /** The store knows exactly the timers that the model has at the committed position. */
  #compareDue(shard: number, when: string): void {
    const place = placeOf(this.#shards[shard]!.position);
    const right: string[] = [];
    for (const [actor] of this.models[shard]!.actors) {
      const dueMs = this.models[shard]!.version(actor, place)?.dueMs ?? null;
      if (dueMs !== null) right.push(`${actor} ${dueMs}`);
    }
    const due = this.#store.dueNow(shard, -1, right.length + 1).actors.map(({ kind, id, dueMs }) =>
      `${kind}/${id} ${dueMs}`
    );
    const found = due.sort().join(", ");
    check(
      "timers",
      found === right.sort().join(", "),
      () =>
        `The timers stored of shard ${shard} at ${place}, ${when}, are [${found}], should be [${
          right.join(", ")
        }]`,
    );
  }

  #auditOutbox({ shard, outbox, outboxDone }: Checkpoint, audit: ShardAudit): void {
    for (const { target, n, text } of outbox) {
      const last = audit.numbers.get(target) ?? 0;
      check(
        "outbox",
        n === last + 1,
        () => `Shard ${shard} committed its frame ${n} to shard ${target} after its frame ${last}`,
      );
      audit.numbers.set(target, n);
      audit.waiting.add(`${target} ${n}`);
      this.#frames.set(`${shard} ${target} ${n}`, text);
    }
    for (const done of outboxDone) {
      for (let n = done.n; audit.waiting.delete(`${done.target} ${n}`); n--);
    }
  }

  #auditLetter(letter: DeadLetter): void {
    const { shard, id } = letter;
    const text = deadText(id, letter, false);
    check(
      "dead-letters",
      this.models[shard]!.everDead.has(text),
      () => `Shard ${shard} put among the dead letters what its log does not: ${text}`,
    );
  }

  /** The log has stored a frame. */
  appended(frame: LogFrame): void {
    const from = decodeFrame(frame.text).origin;
    if (from.type === "shard") {
      const text = this.#frames.get(`${from.shard} ${frame.shard} ${from.n}`);
      check(
        "visibility",
        text === frame.text,
        () =>
          `Shard ${frame.shard}'s log has frame ${from.n} of shard ${from.shard}, ` +
          (text === undefined ? "which is in no commit" : `committed as ${text}: ${frame.text}`),
      );
    }
    this.models[frame.shard]!.fold(frame);
  }

  /** A query for the state of `actor`, asked when the log's end was `folded`, was answered. */
  answered(shard: number, actor: Address, folded: number, answer: Answer): void {
    const name = addressText(actor);
    const model = this.models[shard]!;
    switch (answer.type) {
      case "answered": {
        const position = answer.positions[MAILBOX] ?? -1;
        check(
          "queries",
          position >= folded - 1,
          () => `${name} was answered at ${position}, asked when the log's end was ${folded}`,
        );
        const right = model.version(name, placeOf({ offset: position, index: 0 }));
        check(
          "queries",
          answer.json === right?.json,
          () => `${name} at ${position} was answered as ${answer.json}, should be ${right?.json ?? "absent"}`,
        );
        const { suspended } = answer;
        check(
          "suspension",
          suspended?.sinceMs === right.suspended?.sinceMs && suspended?.parked === right.suspended?.parked,
          () =>
            `${name} at ${position} was answered as ${JSON.stringify(suspended)}, ` +
            `should be ${JSON.stringify(right.suspended)}`,
        );
        return;
      }
      case "absent":
        check(
          "queries",
          model.version(name, placeOf({ offset: folded - 1, index: 0 })) === null,
          () => `${name} is said to be absent, at ${folded} it is not`,
        );
        return;
      default:
        check("queries", false, () => `${name} was answered ${JSON.stringify(answer)}`);
    }
  }

  /** A barrier, asked when the log's end was `folded`, was answered. */
  flushed(shard: number, folded: number, answer: Answer): void {
    const { position } = this.#shards[shard]!;
    check(
      "queries",
      answer.type === "answered" && position.offset >= folded - 1,
      () =>
        `A barrier of shard ${shard} at ${folded} was answered ${answer.type}, committed was ${position.offset}`,
    );
  }

  /** What a shard still has to do, as a sentence; null when it is at rest. */
  unfinished(shard: number): string | null {
    const model = this.models[shard]!;
    const audit = this.#shards[shard]!;
    if (audit.position.offset < model.offset) {
      return `shard ${shard} has committed up to ${audit.position.offset} of ${model.offset}`;
    }
    if (model.nextDueMs !== null) {
      return `a timer of shard ${shard} due at ${model.nextDueMs} has not fired by ${model.clockMs}`;
    }
    for (const [target, sent] of model.sent) {
      const received = this.models[target]!.received(shard);
      if (received < sent.length) {
        return `shard ${target} got ${received} of ${sent.length} messages of ${shard}`;
      }
    }
    if (audit.waiting.size > 0) return `the outbox of shard ${shard} holds ${[...audit.waiting].join(", ")}`;
    return null;
  }

  /** Everything that must hold at rest and was not seen before. */
  finish(): void {
    for (const [key, { shard, isAccepted }] of this.#items) {
      check(
        "exactly-once",
        !isAccepted || this.models[shard]!.outcomes.has(key),
        () => `${key} was accepted and is not in shard ${shard}'s log`,
      );
    }
    this.models.forEach((model, shard) => {
      for (const [name, { json }] of model.actors) {
        const isOrdered = JSON.parse(json).disorder === 0 || model.replayedTo.has(name);
        check("order", isOrdered, () => `${name} met a repeat or a disorder: ${json}`);
      }
      this.#compareStore(shard, placeOf(origin), "at rest");
    });
    this.#compareLetters();
  }

  /** The store has exactly the dead letters that the logs make. */
  #compareLetters(): void {
    const right = this.models.flatMap(({ dead }) =>
      [...dead].map(([id, { letter, isReplayed }]) => deadText(id, letter, isReplayed))
    );
    const { items } = this.#store.deadLettersNow({ after: null, limit: right.length + 1 });
    const found = items.map((letter) => deadText(letter.id, letter, letter.replayedAtMs !== null));
    const missing = new Set(right).difference(new Set(found));
    const surplus = new Set(found).difference(new Set(right));
    check(
      "dead-letters",
      found.length === right.length && missing.size === 0 && surplus.size === 0,
      () =>
        `The store has ${found.length} dead letters of ${right.length}; it lacks [${
          [...missing].join("; ")
        }] ` +
        `and should not have [${[...surplus].join("; ")}]`,
    );
  }
}
