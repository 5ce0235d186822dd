/**
 * The lines between nodes and what they talk with, each of which may be cut for a while, in either direction.
 *
 * 1. What sets out while its direction is cut is lost, or comes after the cut.
 */

import type { Agenda } from "./agenda.ts";

/** The store, the log, the log's coordinator of the group, and the other nodes. */
export const services = ["store", "log", "group", "nodes"] as const;
export type Service = typeof services[number];

export type Direction = "there" | "back";

/** What becomes of that which sets out. */
export type Passage = "open" | "late" | "lost";

export interface Cut extends Readonly<Record<Direction, Passage>> {
  readonly untilMs: number;
}

/** "lost", or how much longer the way takes than usual. */
export type Delay = "lost" | number;

export class Links {
  readonly #agenda: Agenda;
  readonly #cuts = new Map<string, Cut>();

  constructor(agenda: Agenda) {
    this.#agenda = agenda;
  }

  cut(slot: number, service: Service, cut: Cut): void {
    this.#cuts.set(`${slot} ${service}`, cut);
  }

  heal(): void {
    this.#cuts.clear();
  }

  #cutOf(slot: number, service: Service): Cut | null {
    const cut = this.#cuts.get(`${slot} ${service}`);
    return cut !== undefined && cut.untilMs > this.#agenda.nowMs ? cut : null;
  }

  delay(slot: number, service: Service, direction: Direction): Delay {
    const cut = this.#cutOf(slot, service);
    const passage = cut?.[direction] ?? "open";
    if (cut === null || passage === "open") return 0;
    return passage === "lost" ? "lost" : cut.untilMs - this.#agenda.nowMs;
  }

  /** For what is read again until it comes: how long nothing does. */
  silenceMs(slot: number, service: Service): number {
    const cut = this.#cutOf(slot, service);
    return cut === null || (cut.there === "open" && cut.back === "open")
      ? 0
      : cut.untilMs - this.#agenda.nowMs;
  }
}
