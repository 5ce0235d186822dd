/**
 * The nodes and their shards, where there are several nodes.
 *
 * 1. They are asked for only while some shard is another node's, one question at a time, every few seconds.
 * 2. Only changes are written; names are written as text, whatever they contain.
 */

import { formatCount } from "./format.js";
import { copyOf } from "./table.js";

const intervalMs = 5000;
const answerMs = 5000;
const nothing = "–";

export class Cluster {
  #section;
  #note;
  #rows;
  #token;
  #askedMs = -Infinity;
  #isAsking = false;

  /** @param {() => string | null} token sent with what is asked */
  constructor(section, token) {
    this.#section = section;
    this.#note = section.querySelector(".note");
    this.#rows = section.querySelector("tbody");
    this.#token = token;
  }

  /** @param {{state: string}[]} shards as this node knows them */
  async follow(shards) {
    if (!shards.some(({ state }) => state === "elsewhere")) {
      this.#section.hidden = true;
      return;
    }
    if (this.#isAsking || performance.now() - this.#askedMs < intervalMs) return;
    this.#isAsking = true;
    try {
      const headers = this.#token() === null ? {} : { authorization: `Bearer ${this.#token()}` };
      const signal = AbortSignal.timeout(answerMs);
      const response = await fetch("/cluster", { headers, signal, cache: "no-store" });
      if (response.ok) this.#show(await response.json());
    } catch {
      // The page says by its feed that the node does not answer.
    } finally {
      this.#isAsking = false;
      this.#askedMs = performance.now();
    }
  }

  #show({ nodes, shards, missing }) {
    const byNode = Map.groupBy(shards, ({ node }) => node);
    const named = nodes.map(({ name, isSelf }) => ({
      name: isSelf ? `${name} (this one)` : name,
      own: byNode.get(name) ?? [],
    }));
    const homeless = byNode.get(null) ?? [];
    if (homeless.length > 0) named.push({ name: "no node", own: homeless });
    while (this.#rows.children.length > named.length) this.#rows.lastChild.remove();
    for (const [place, { name, own }] of named.entries()) {
      const row = this.#rows.children[place] ?? this.#rows.appendChild(copyOf("node"));
      const [nameCell, shardsCell, lagCell] = row.cells;
      write(nameCell, name);
      write(shardsCell, own.map(({ shard }) => shard).join(", ") || nothing);
      write(
        lagCell,
        own.some(({ lag }) => lag === null) ? nothing : formatCount(sum(own.map(({ lag }) => lag))),
      );
    }
    write(this.#note, missing.join("; "));
    this.#note.hidden = missing.length === 0;
    this.#section.hidden = false;
  }
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
