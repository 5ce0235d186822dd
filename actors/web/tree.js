/**
 * What is supervised, as nested lists: any tree of supervisors and workers. A worker that has shards shows them.
 *
 * 1. An element stays as long as what it shows, and only changes are written: the page can be read while it lives.
 * 2. Names and errors are written as text, whatever they contain.
 */

import { formatCount, formatDuration } from "./format.js";
import { copyOf } from "./table.js";

const nothing = "–";

export class Tree {
  #list;
  #items = new Map();

  /** @param {HTMLUListElement} list is filled */
  constructor(list) {
    this.#list = list;
  }

  /** Shows these children of one supervisor, in their order. */
  show(nodes) {
    const gone = new Set(this.#items.keys());
    for (const [place, node] of nodes.entries()) {
      gone.delete(node.id);
      let item = this.#items.get(node.id);
      if (item === undefined) this.#items.set(node.id, item = new Item());
      if (this.#list.children[place] !== item.element) {
        this.#list.insertBefore(item.element, this.#list.children[place] ?? null);
      }
      item.show(node);
    }
    for (const id of gone) {
      this.#items.get(id).element.remove();
      this.#items.delete(id);
    }
  }
}

class Item {
  element = copyOf("child");
  #name = this.element.querySelector("b");
  #state = this.element.querySelector("span");
  #note = this.element.querySelector("i");
  #turn = this.element.querySelector(".turn");
  #error = this.element.querySelector(".error");
  #table = this.element.querySelector("table");
  #children = new Tree(this.element.querySelector("ul"));

  show(node) {
    const { id, state, lastError, kind } = node;
    write(this.#name, id);
    write(this.#state, state);
    this.#state.dataset.state = state;
    write(this.#note, noteOf(node));
    writeOrHide(this.#error, lastError === null ? "" : `ended last: ${lastError}`);
    const details = kind === "worker" && Array.isArray(node.details?.shards) ? node.details : { shards: [] };
    writeOrHide(this.#turn, details.turn ? turnText(details.turn) : "");
    this.#showShards(id, details.shards);
    this.#children.show(kind === "supervisor" ? node.children : []);
  }

  #showShards(host, shards) {
    this.#table.hidden = shards.length === 0;
    if (shards.length === 0) return;
    write(this.#table.caption, `Shards of ${host}`);
    const [body] = this.#table.tBodies;
    while (body.rows.length > shards.length) body.lastElementChild.remove();
    for (const [place, shard] of shards.entries()) {
      const row = body.rows[place] ?? body.appendChild(copyOf("shard"));
      const { shard: number, state, epoch, queuedFrames, oldestAgeMs, suspended } = shard;
      row.cells[1].dataset.state = state;
      const texts = [
        String(number),
        state,
        queuedFrames === null ? nothing : formatCount(queuedFrames),
        oldestAgeMs === null ? nothing : formatDuration(oldestAgeMs),
        formatCount(suspended),
        formatCount(epoch),
      ];
      for (const [column, text] of texts.entries()) write(row.cells[column], text);
    }
  }
}

function noteOf({ state, forMs, remainingMs, restarts }) {
  const since = state === "running" ? `for ${formatDuration(forMs)}` : "";
  const left = remainingMs === null ? "" : `for ${formatDuration(remainingMs)} more`;
  const times = restarts === 0
    ? ""
    : `restarted ${restarts === 1 ? "once" : `${formatCount(restarts)} times`}`;
  return [since, left, times].filter((part) => part !== "").join(", ");
}

function turnText({ shard, forMs, place, entry }) {
  const doing = place === null ? `busy with shard ${shard}` : `in a turn of shard ${shard}`;
  const whose = entry === null ? "" : `, ${entry.kind} ${entry.id}`;
  const where = place === null ? "" : ` (frame ${place.offset}, entry ${place.index})`;
  return `${doing} for ${formatDuration(forMs)}${whose}${where}`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function writeOrHide(element, text) {
  write(element, text);
  element.hidden = text === "";
}
