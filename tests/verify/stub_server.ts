/** A server that answers as a Sensorium should, by brute force; with faults to order, to try the verifier on. */

import { readingSchema, type StubReading } from "./stub_reading.ts";

export interface StubFaults {
  /** Called before a body is stored; an answer returned is given instead, after storing when it says so. */
  interfere?(
    attempt: number,
    key: string,
  ): { readonly response: Response; readonly isStored: boolean } | null;
  /** Changes what is stored of a reading: [] loses it, two of it count it twice. */
  store?(reading: StubReading): readonly StubReading[];
  /** Changes an answer. */
  answer?(id: string, answer: StubAnswer): void;
}

interface StubWindow {
  from: number;
  to: number;
  count: number;
  min: number | null;
  max: number | null;
  mean: number | null;
  stdSample: number | null;
  stdPopulation: number | null;
}

export interface StubAnswer {
  id: string;
  total: Record<string, { count: number; sum: number }>;
  channels: Record<string, Record<string, StubWindow>>;
}

function windowOf(
  readings: readonly StubReading[],
  channel: string,
  fromMs: number,
  toMs: number,
): StubWindow {
  const values = readings
    .filter(({ tsMs }) => fromMs <= tsMs && tsMs < toMs)
    .flatMap(({ values }) => values[channel] ?? []);
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    from: fromMs,
    to: toMs,
    count,
    min: count === 0 ? null : Math.min(...values),
    max: count === 0 ? null : Math.max(...values),
    mean: count === 0 ? null : mean,
    stdSample: count < 2 ? null : Math.sqrt(squares / (count - 1)),
    stdPopulation: count === 0 ? null : Math.sqrt(squares / count),
  };
}

const hourMs = 3_600_000;

function answerOf(id: string, readings: readonly StubReading[]): StubAnswer {
  const channels = [...new Set(readings.flatMap(({ values }) => Object.keys(values)))];
  const headMs = readings.reduce((newest, { tsMs }) => Math.max(newest, tsMs), 0) + 1;
  return {
    id,
    total: Object.fromEntries(channels.map((channel) => {
      const values = readings.flatMap(({ values }) => values[channel] ?? []);
      return [channel, { count: values.length, sum: values.reduce((sum, value) => sum + value, 0) }];
    })),
    channels: Object.fromEntries(
      channels.map((channel) => [
        channel,
        {
          "1h": windowOf(readings, channel, headMs - hourMs, headMs),
          "12h": windowOf(readings, channel, headMs - 12 * hourMs, headMs),
        },
      ]),
    ),
  };
}

export class StubServer implements AsyncDisposable {
  readonly readings = new Map<string, StubReading[]>();
  /** Query strings of the bodies that were posted. */
  readonly searches = new Set<string>();
  readonly #faults: StubFaults;
  readonly #keys = new Set<string>();
  readonly #seqs = new Set<string>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #attempts = 0;

  constructor(faults: StubFaults = {}) {
    this.#faults = faults;
    const onListen = () => {};
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen },
      (request) => this.#serve(request),
    );
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${this.#server.addr.port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #serve(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    if (request.method === "POST" && pathname === "/readings") {
      this.searches.add(search);
      return await this.#post(request);
    }
    const id = /^\/sensors\/([^/]+)\/windows$/.exec(pathname)?.[1];
    const readings = id === undefined ? undefined : this.readings.get(id);
    if (id === undefined || readings === undefined) return new Response(null, { status: 404 });
    const answer = answerOf(id, readings);
    this.#faults.answer?.(id, answer);
    return Response.json(answer);
  }

  async #post(request: Request): Promise<Response> {
    const key = request.headers.get("idempotency-key") ?? "";
    const items = readingSchema.array().parse(await request.json());
    const interference = this.#faults.interfere?.(this.#attempts++, key) ?? null;
    if (interference !== null && !interference.isStored) return interference.response;
    if (!this.#keys.has(key)) {
      this.#keys.add(key);
      for (const item of items) this.#store(item);
    }
    return interference?.response ?? Response.json({ accepted: items.length, rejected: [] }, { status: 202 });
  }

  #store(reading: StubReading): void {
    const seqKey = `${reading.id} ${reading.seq}`;
    if (reading.seq !== null && this.#seqs.has(seqKey)) return;
    this.#seqs.add(seqKey);
    for (const stored of this.#faults.store?.(reading) ?? [reading]) {
      const readings = this.readings.get(stored.id) ?? [];
      readings.push(stored);
      this.readings.set(stored.id, readings);
    }
  }
}
