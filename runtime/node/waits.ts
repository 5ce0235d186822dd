/** What a node waits for at its servers, told once when it begins and once when it ends. */

import type { Report } from "./notice.ts";

export class Waits {
  readonly #report: Report;
  readonly #sentences = new Map<string, string>();

  constructor(report: Report) {
    this.#report = report;
  }

  /** `component` waits for what the sentence says; null: for nothing any more. */
  set(component: string, sentence: string | null): void {
    const last = this.#sentences.get(component);
    if (sentence === null) {
      this.#sentences.delete(component);
      if (last !== undefined) this.#tell("info", component, "answers-again", "It answers again.", "waiting");
      return;
    }
    this.#sentences.set(component, sentence);
    if (last === undefined) {
      this.#tell("warn", component, "waiting", `${sentence.replace(/\.$/, "")}. Waiting for it.`);
    }
  }

  #tell(level: "info" | "warn", component: string, event: string, message: string, ends?: string): void {
    this.#report({ level, component, event, message, ...ends !== undefined && { ends } });
  }

  /** What the component waits for; null for nothing. */
  of(component: string): string | null {
    return this.#sentences.get(component) ?? null;
  }

  /** All of it as one sentence; null when it waits for nothing. */
  get current(): string | null {
    const sentences = [...this.#sentences.values()];
    return sentences.length === 0 ? null : sentences.join("; ");
  }
}
