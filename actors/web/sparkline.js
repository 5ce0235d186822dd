/** A line of the last values of one figure. */

const margin = 2;

export class Sparkline {
  #line;
  #width;
  #height;
  #floor;
  #values = [];

  /**
   * @param svg with a `polyline`; its view box is one unit wide for each value kept
   * @param {{floor?: number}} options `floor`: the bottom; without it, the least value
   */
  constructor(svg, { floor } = {}) {
    this.#line = svg.querySelector("polyline");
    this.#width = svg.viewBox.baseVal.width;
    this.#height = svg.viewBox.baseVal.height;
    this.#floor = floor;
  }

  /** The greatest value kept. */
  get peak() {
    return Math.max(...this.#values);
  }

  push(value) {
    this.#values.push(value);
    if (this.#values.length > this.#width) this.#values.shift();
    const bottom = this.#floor ?? Math.min(...this.#values);
    const span = this.peak - bottom;
    const first = this.#width - this.#values.length;
    const points = this.#values.map((each, i) => {
      // What does not change is a line in the middle, or at the floor.
      const share = span > 0 ? (each - bottom) / span : this.#floor === undefined ? 0.5 : 0;
      const y = this.#height - margin - share * (this.#height - 2 * margin);
      return `${first + i},${y.toFixed(1)}`;
    });
    this.#line.setAttribute("points", points.join(" "));
  }
}
