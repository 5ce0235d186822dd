/** The table of actors that move: rows stay where they are while their actor stays, so that they can be read. */

import { formatCount, formatValue } from "./format.js";

const columns = 8;
const numbersFrom = 3;

export class MovingTable {
  #body;
  #rows = new Map();

  constructor(body) {
    this.#body = body;
  }

  /** Number of rows shown. */
  get size() {
    return this.#rows.size;
  }

  show(moving) {
    const wanted = new Map(moving.flatMap(rowsOf));
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      row.element.remove();
      this.#rows.delete(key);
    }
    for (const [key, cells] of [...wanted].sort(([left], [right]) => left < right ? -1 : 1)) {
      const row = this.#rows.get(key) ?? this.#insert(key);
      row.show(cells);
    }
  }

  #insert(key) {
    const row = new Row();
    // Rows are in the order of their keys; the next one in the table is the first with a greater key.
    const following = [...this.#rows].filter(([other]) => other > key).sort(([left], [right]) =>
      left < right ? -1 : 1
    );
    this.#body.insertBefore(row.element, following[0]?.[1].element ?? null);
    this.#rows.set(key, row);
    return row;
  }
}

class Row {
  element = document.createElement("tr");
  #cells = [];

  constructor() {
    for (let column = 0; column < columns; column++) {
      const cell = this.element.insertCell();
      if (column >= numbersFrom) cell.className = "number";
      this.#cells.push(cell);
    }
  }

  show(texts) {
    const isFresh = this.#cells[numbersFrom].textContent !== texts[numbersFrom];
    this.element.toggleAttribute("data-fresh", isFresh);
    for (const [column, text] of texts.entries()) {
      const cell = this.#cells[column];
      if (cell.textContent !== text) cell.textContent = text;
    }
    this.#cells[1].title = texts[1];
  }
}

/** A row for each channel: its key, which sorts the table, and its cells. */
function rowsOf({ kind, id, last, windows1h }) {
  return Object.entries(windows1h).map(([channel, { mean, min, max, count }]) => {
    const figures = [last[channel]?.value, mean, min, max].map(formatValue);
    return [JSON.stringify([kind, id, channel]), [kind, id, channel, ...figures, formatCount(count)]];
  });
}
