/**
 * A series' last hour, and what is forecast of it, under its row of the table.
 *
 * 1. It is asked for when it is opened, and every `everyMs` then, sooner while there is none yet. A series of which no forecast is made shows none.
 * 2. Picture and words are of the series that is open, and of the channel that is forecast: nothing of another stays.
 * 3. The picture is told in words, too: by which method, and how well it did in its back-test. So is why there is none.
 */

const everyMs = 15_000;
/** One that is on its way is there in seconds. */
const soonMs = 3000;
const answerMs = 5000;
const hourMs = 3_600_000;
const margin = 2;
const parts = [".band95", ".band80", ".past", ".ahead"];

export class Forecast {
  #element;
  #ask;
  #id = null;
  #askedMs = -Infinity;

  /**
   * @param element with an `svg` and a `figcaption`
   * @param {(path: string, answerMs: number) => Promise<object | null>} ask the node; null: there is no such thing
   */
  constructor(element, ask) {
    this.#element = element;
    this.#ask = ask;
  }

  /** Shows the series `id`; null: nothing. */
  show(id) {
    this.#id = id;
    this.#askedMs = -Infinity;
    this.#clear("");
    this.refresh();
  }

  /** Never rejects: what fails is told under the series. */
  async refresh() {
    const id = this.#id;
    if (id === null || performance.now() - this.#askedMs < everyMs) return;
    this.#askedMs = performance.now();
    try {
      await this.#askFor(id);
    } catch (error) {
      if (this.#id !== id) return;
      this.#askedMs -= everyMs - soonMs;
      this.#clear(`The forecast cannot be read: ${error.message}`);
    }
  }

  async #askFor(id) {
    const path = `/series/${encodeURIComponent(id)}`;
    const state = await this.#ask(`${path}?consistency=local`, answerMs);
    // As a series knows that it is analysed. Whoever is not has no analysis to ask for.
    const isAnalysed = Object.hasOwn(state?.rules ?? {}, "analysis/minutes");
    const analysis = isAnalysed ? await this.#ask(`${path}/analysis?consistency=local`, answerMs) : null;
    const found = analysis?.forecast.found ?? null;
    if (this.#id !== id) return;
    if (found === null) {
      if (isAnalysed) this.#askedMs -= everyMs - soonMs;
      return this.#clear(analysis?.forecast.failure ?? "");
    }
    // One that an earlier version made names no channel.
    const { channel = "value", startMs } = found;
    const asked = `step=1m&channel=${channel}&consistency=local&from=${startMs - hourMs}`;
    const history = await this.#ask(`${path}/history?${asked}`, answerMs);
    if (this.#id !== id) return;
    this.#draw(found, history?.points ?? []);
    this.#say(sentenceOf(found));
  }

  /** Shows no picture, and why; "": nothing at all. */
  #clear(sentence) {
    for (const part of parts) this.#put(part, "");
    this.#say(sentence);
  }

  #say(sentence) {
    this.#element.hidden = sentence === "";
    this.#element.querySelector("figcaption").textContent = sentence;
  }

  #put(part, points) {
    this.#element.querySelector(part).setAttribute("points", points);
  }

  #draw({ startMs, stepMs, path, lower80, upper80, lower95, upper95 }, points) {
    const svg = this.#element.querySelector("svg");
    const { width, height } = svg.viewBox.baseVal;
    const past = points.filter(({ start, mean }) => mean !== null && start < startMs);
    const all = [...past.map(({ mean }) => mean), ...lower95, ...upper95];
    const [least, greatest] = [Math.min(...all), Math.max(...all)];
    const [fromMs, toMs] = [startMs - hourMs, startMs + stepMs * (path.length - 1)];
    const at = (ms, value) => {
      const x = (ms - fromMs) / (toMs - fromMs) * width;
      const share = greatest > least ? (value - least) / (greatest - least) : 0.5;
      return `${x.toFixed(1)},${(height - margin - share * (height - 2 * margin)).toFixed(1)}`;
    };
    const ahead = (values) => values.map((value, i) => at(startMs + i * stepMs, value));
    const band = (lower, upper) => [...ahead(upper), ...ahead(lower).reverse()].join(" ");
    this.#put(".band95", band(lower95, upper95));
    this.#put(".band80", band(lower80, upper80));
    this.#put(".past", past.map(({ start, mean }) => at(start, mean)).join(" "));
    this.#put(".ahead", ahead(path).join(" "));
  }
}

function sentenceOf({ channel, method, path, stepMs, mase }) {
  const minutes = Math.round(path.length * stepMs / 60_000);
  const share = mase === null || mase === undefined
    ? ""
    : `; its errors were ${mase.toFixed(2)} of the naive ones`;
  const what = channel === "rate" ? "The last hour of its rate" : "The last hour";
  return `${what}, and the next ${minutes} min by ${method}, with bands of 80 and 95 %${share}`;
}
