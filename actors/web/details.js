/**
 * The windows of one channel, under its row of the table.
 *
 * 1. They are asked for when they are opened and then after each event, one question at a time.
 * 2. The actor that is open is `actor`, in the form of the feed's, so that its row can stay when others move.
 */

import { Forecast } from "./forecast.js";
import { formatCount, writersFor } from "./format.js";
import { copyOf, nameOf } from "./table.js";

const paths = { sensor: "sensors", series: "series" };
const spans = ["1h", "3h", "12h"];
const answerMs = 5000;

export class Details {
  #element = copyOf("details");
  #token;
  #open = null;
  #actor = null;
  #isAsking = false;
  #forecast = new Forecast(this.#element.querySelector("figure"), (path, ms) => this.#get(path, ms));

  /** @param {() => string | null} token sent with what is asked */
  constructor(token) {
    this.#token = token;
  }

  /** What is open and answered, or null. */
  get actor() {
    return this.#actor;
  }

  /** Opens a channel's windows under its row, or closes them where they are open. */
  toggle(channel) {
    const isOpen = this.#open?.row === channel.row;
    this.close();
    if (isOpen) return;
    this.#open = channel;
    const button = channel.row.querySelector("button");
    button.setAttribute("aria-expanded", "true");
    button.setAttribute("aria-controls", this.#element.id);
    this.#element.querySelector("caption").textContent = "";
    this.#element.querySelector("tbody").replaceChildren();
    this.#say("asking");
    channel.row.after(this.#element);
    this.#forecast.show(channel.kind === "series" ? channel.id : null);
    this.refresh();
  }

  close() {
    const button = this.#open?.row.querySelector("button");
    button?.setAttribute("aria-expanded", "false");
    button?.removeAttribute("aria-controls");
    this.#element.remove();
    this.#forecast.show(null);
    this.#open = null;
    this.#actor = null;
  }

  async refresh() {
    if (this.#open === null || this.#isAsking) return;
    this.#forecast.refresh();
    this.#isAsking = true;
    const asked = this.#open;
    try {
      const answer = await this.#ask(asked);
      if (this.#open === asked) this.#show(asked, answer);
    } catch (error) {
      if (this.#open === asked) this.#say(`The windows cannot be read: ${error.message}`);
    } finally {
      this.#isAsking = false;
    }
    // Another was opened meanwhile.
    if (this.#open !== asked) this.refresh();
  }

  async #ask({ kind, id }) {
    const answer = await this.#get(
      `/${paths[kind]}/${encodeURIComponent(id)}/windows?consistency=local`,
      answerMs,
    );
    if (answer === null) throw new Error(`There is no ${kind} ${id}`);
    return answer;
  }

  /** Null: there is no such thing. */
  async #get(path, ms) {
    const token = this.#token();
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(path, { headers, signal: AbortSignal.timeout(ms), cache: "no-store" });
    const answer = await response.json();
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(answer.detail ?? answer.title);
    return answer;
  }

  #show({ kind, id, channel }, { channels }) {
    const windows = channels[channel];
    if (windows === undefined) return this.#say("The last 12 hours have no reading.");
    this.#actor = { kind, id, last: {}, windows1h: {} };
    for (const [each, ofEach] of Object.entries(channels)) {
      this.#actor.windows1h[each] = ofEach["1h"];
      this.#actor.last[each] = ofEach["12h"].last;
    }
    this.#say("");
    this.#element.querySelector("caption").textContent = kind === "series"
      ? id
      : `${channel} of ${kind} ${id}`;
    this.#element.querySelector("tbody").replaceChildren(...rowsOf(nameOf(kind, id, channel), windows));
  }

  #say(sentence) {
    const note = this.#element.querySelector("p");
    note.textContent = sentence;
    note.hidden = sentence === "";
    this.#element.querySelector("table").hidden = sentence !== "";
  }
}

function rowsOf(name, windows) {
  const all = spans.map((span) => windows[span]);
  const write = writersFor(name, all.flatMap(({ last, min, max }) => [last?.value ?? null, min, max]));
  const isSwitch = all.some(({ last }) => typeof last?.value === "boolean");
  return [
    rowOf("readings", all.map(({ count }) => formatCount(count))),
    rowOf("mean", all.map(({ mean }) => write.mean(mean))),
    ...(isSwitch ? [] : [rowOf("deviation", all.map(({ stdSample }) => write.mean(stdSample)))]),
    rowOf("least", all.map(({ min }) => write.value(min))),
    rowOf("greatest", all.map(({ max }) => write.value(max))),
  ];
}

function rowOf(title, texts) {
  const row = document.createElement("tr");
  const head = row.appendChild(document.createElement("th"));
  head.scope = "row";
  head.textContent = title;
  for (const text of texts) {
    const cell = row.insertCell();
    cell.className = "number";
    cell.textContent = text;
  }
  return row;
}
