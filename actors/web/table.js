/**
 * The table of actors that move: a row for each channel.
 *
 * 1. Rows stay where they are while their actor stays, so that they can be read and keep the focus.
 * 2. Names are written as text, whatever they contain.
 */

import { formatCount, writersFor } from "./format.js";
import { Sparkline } from "./sparkline.js";

const groupTitles = { sensor: "Sensors", series: "Series" };
const order = new Intl.Collator("en", { numeric: true });

export class MovingTable {
  #table;
  #onOpen;
  #groups = new Map();
  #rows = new Map();

  /** @param {(channel: {kind: string, id: string, channel: string, row: Element}) => void} onOpen a name was chosen */
  constructor(table, onOpen) {
    this.#table = table;
    this.#onOpen = onOpen;
  }

  /** Number of rows shown. */
  get size() {
    return this.#rows.size;
  }

  show(moving) {
    const wanted = new Map(moving.flatMap(channelsOf).map((channel) => [keyOf(channel), channel]));
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    const sorted = [...wanted].sort(([, left], [, right]) =>
      order.compare(left.id, right.id) || order.compare(left.channel, right.channel)
    );
    for (const [kind, channels] of Map.groupBy(sorted, ([, { kind }]) => kind)) this.#fill(kind, channels);
    for (const group of this.#groups.values()) group.hidden = group.querySelector(".row") === null;
  }

  #fill(kind, channels) {
    const group = this.#group(kind);
    let before = group.firstElementChild;
    for (const [key, channel] of channels) {
      let row = this.#rows.get(key);
      if (row === undefined) {
        row = new Row(channel, this.#onOpen);
        this.#rows.set(key, row);
        // Behind an opened row come its windows.
        while (before.nextElementSibling?.matches(":not(.row)")) before = before.nextElementSibling;
        before.after(row.element);
      }
      row.show(channel);
      before = row.element;
    }
  }

  #group(kind) {
    const known = this.#groups.get(kind);
    if (known !== undefined) return known;
    const group = copyOf("group");
    group.querySelector("th").textContent = groupTitles[kind] ?? kind;
    this.#groups.set(kind, group);
    const kinds = [...this.#groups.keys()].sort(order.compare);
    for (const each of kinds) this.#table.append(this.#groups.get(each));
    return group;
  }
}

class Row {
  element = copyOf("row");
  #figures;
  #sparkline;

  constructor({ kind, id, channel }, onOpen) {
    this.element.classList.add("row");
    const [, , ...figures] = this.element.cells;
    this.#figures = figures;
    this.#sparkline = new Sparkline(this.element.querySelector("svg"));
    const button = this.element.querySelector("button");
    const [name, labels, ofSensor] = button.children;
    const labelsFrom = kind === "series" && id.includes("{") ? id.indexOf("{") : id.length;
    name.textContent = id.slice(0, labelsFrom);
    labels.textContent = id.slice(labelsFrom);
    ofSensor.textContent = kind === "series" ? "" : ` ${channel}`;
    button.addEventListener("click", () => onOpen({ kind, id, channel, row: this.element }));
  }

  show({ kind, id, channel, value, window }) {
    const { mean, min, max, count } = window;
    const write = writersFor(nameOf(kind, id, channel), [value, min, max]);
    const texts = [
      write.value(value),
      write.mean(mean),
      write.value(min),
      write.value(max),
      formatCount(count),
    ];
    for (const [column, text] of texts.entries()) {
      if (this.#figures[column].textContent !== text) this.#figures[column].textContent = text;
    }
    if (value !== null) this.#sparkline.push(Number(value));
  }
}

function channelsOf({ kind, id, last, windows1h }) {
  return Object.entries(windows1h).map(([channel, window]) => ({
    kind,
    id,
    channel,
    window,
    value: last[channel]?.value ?? null,
  }));
}

function keyOf({ kind, id, channel }) {
  return JSON.stringify([kind, id, channel]);
}

/** What tells the unit. */
export function nameOf(kind, id, channel) {
  return kind === "series" ? id.split("{", 1)[0] : channel;
}

/** Of the one element in a template. */
export function copyOf(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}
