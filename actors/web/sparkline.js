/** A line of the last values of one figure. */

const width = 120;
const height = 32;
const margin = 2;

export class Sparkline {
  #line;
  #values = [];

  /** @param svg with a `polyline`, its view box 120 by 32: one unit across for each value kept */
  constructor(svg) {
    this.#line = svg.querySelector("polyline");
  }

  push(value) {
    this.#values.push(value);
    if (this.#values.length > width) this.#values.shift();
    const top = Math.max(1, ...this.#values);
    const first = width - this.#values.length;
    const points = this.#values.map((each, i) => {
      const y = height - margin - (each / top) * (height - 2 * margin);
      return `${first + i},${y.toFixed(1)}`;
    });
    this.#line.setAttribute("points", points.join(" "));
  }
}
