/** A client of a node that reads sources. */

import assert from "node:assert/strict";
import { eventually } from "../services/eventually.ts";

const deadlineMs = 30_000;

export class SourcesClient {
  constructor(readonly url: string) {}

  /** Of a node's API, as JSON, over a connection of its own. */
  async ask(method: string, path: string, body: unknown, ...statuses: readonly number[]) {
    using client = Deno.createHttpClient({});
    const response = await fetch(this.url + path, {
      method,
      client,
      headers: { "content-type": "application/json" },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    const text = await response.text();
    const answer = text === "" ? null : JSON.parse(text);
    assert.ok(statuses.includes(response.status), `${response.status}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async put(name: string, spec: unknown): Promise<void> {
    await this.ask("PUT", `/sources/${name}`, spec, 200, 201);
  }

  async get(path: string) {
    return await this.ask("GET", path, undefined, 200);
  }

  /** How many values a series has, and the least and the largest of the last hour. */
  async series(id: string) {
    const { total, channels } = await this.get(`/series/${encodeURIComponent(id)}/windows`);
    const { min, max } = channels.value["1h"];
    return { count: total.value.count, min, max };
  }

  /** A source's state once `isSo`. */
  async source(name: string, what: string, isSo: (state: ReturnType<typeof JSON.parse>) => boolean) {
    return await eventually(`the source ${name} ${what}`, deadlineMs, async () => {
      const state = await this.get(`/sources/${name}`);
      return isSo(state) ? state : null;
    });
  }
}
