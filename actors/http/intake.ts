/**
 * The way in: `POST /readings` and `POST /series`. It is the hot path, so it stands before the router and does as
 * little as possible for each item.
 *
 * 1. 202 is answered only after every accepted item is durable.
 * 2. A good item is never refused for a bad one; every bad one is named by its place.
 * 3. Repeating a body under the same idempotency key sends the same messages, whenever that is: what is remembered
 *    of it is their hash. So no verdict on a keyed item depends on the clock; one that is too far ahead is left to
 *    the fold, which puts it among the dead letters.
 * 4. What its actor's rate does not let in is refused like any bad item; of a keyed body, all of it: see `item_gate.ts`.
 */

import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { maxAheadMs } from "../../runtime/core/limits.ts";
import type { Batch, Engine } from "../../runtime/node/engine.ts";
import { essence } from "./accept.ts";
import type { Bodies } from "./bodies.ts";
import { bodyText, isGzip } from "./body.ts";
import type { Visit } from "./client_limits.ts";
import { type ItemGate, itemGate, openGate } from "./item_gate.ts";
import { type HttpLimits, idRateSetBits, maxNotedPerBody, rateBurstSeconds } from "./limits.ts";
import type { HttpMetrics } from "./metrics.ts";
import type { MovingActors } from "./moving.ts";
import { ProblemError, type Rejection } from "./problem.ts";
import { RateLimiter } from "./rate_limiter.ts";
import { rateProblem } from "./rate_problem.ts";
import { searchParameters } from "./request_url.ts";
import { badParameter } from "./route.ts";
import { Turns } from "./turns.ts";

/** What an item becomes: its event time or null, and the rest, which only its actor reads. */
export type ItemMessage = readonly [timeMs: number | null, ...rest: Json[]];

/** An item of a body, parsed. */
export type ParsedItem =
  | { readonly ok: true; readonly id: string; readonly message: ItemMessage }
  | { readonly ok: false; readonly sentence: string };

/** What a body is made of, and which actors its items go to. */
export interface ItemType {
  readonly kind: string;
  /** `isImport`: the item is history, which is never late. */
  parse(item: unknown, isImport: boolean): ParsedItem;
}

export interface IntakeOptions {
  readonly engine: Engine;
  readonly bodies: Bodies;
  readonly limits: HttpLimits;
  readonly metrics: HttpMetrics;
  readonly moving: MovingActors;
  /** By which rates are measured. */
  nowMs(): number;
}

const mediaTypes = {
  "application/json": "json",
  "application/x-ndjson": "lines",
  "application/ndjson": "lines",
  "application/jsonl": "lines",
} as const;

type Form = typeof mediaTypes[keyof typeof mediaTypes];

/** What is known of a body before it is read. */
interface Envelope {
  readonly form: Form;
  readonly isGzip: boolean;
  readonly isImport: boolean;
  readonly key: string | null;
}

/** Where items go. */
interface Sorted {
  readonly batch: Batch;
  readonly rejected: Rejection[];
  readonly gate: ItemGate;
}

/** What became of a body. */
interface Sent {
  /** Resolves when what was accepted is durable; null where nothing was. */
  readonly sent: Promise<void> | null;
  readonly accepted: number;
  readonly rejected: readonly Rejection[];
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #turns: Turns;
  readonly #limiters = new Map<string, RateLimiter>();

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#turns = new Turns(options.limits.maxTurnWaitMs, options.nowMs);
  }

  async accept(request: Request, type: ItemType, visit: Visit): Promise<Response> {
    const { engine, bodies, limits, metrics } = this.#options;
    const envelope = readEnvelope(request, limits.maxKeyBytes);
    this.#turns.check();
    const { sent, accepted, rejected } = await bodies.during(request, (arrived) =>
      this.#turns.take(() => {
        const problem = engine.refusal();
        if (problem !== null) throw problem;
        return this.#send(arrived, type, envelope, visit);
      }));
    await sent;
    metrics.items(type.kind, accepted, rejected);
    if (accepted === 0 && rejected.length > 0) throw nothingAccepted(rejected);
    return acceptedResponse(accepted, rejected);
  }

  /** Everything that takes this thread's time. */
  #send(arrived: Uint8Array, type: ItemType, envelope: Envelope, visit: Visit): Sent {
    const { engine, limits: { maxBodyBytes, maxBodyItems } } = this.#options;
    const { form, key } = envelope;
    const text = bodyText(arrived, { ...envelope, maxBytes: maxBodyBytes, isLines: form === "lines" });
    const batch = key === null ? engine.batch() : engine.batch(key);
    const rejected: Rejection[] = [];
    const items = parseBody(text, form, rejected);
    if (items.length > maxBodyItems) throw tooManyItems(items.length, maxBodyItems);
    visit.brought(items.length);
    const gate = this.#gate(type.kind, envelope);
    this.#sort(items, type, envelope, { batch, rejected, gate });
    gate.end();
    return { sent: batch.size > 0 ? batch.send() : null, accepted: batch.size, rejected };
  }

  #gate(kind: string, { isImport, key }: Envelope): ItemGate {
    const { limits: { maxRatePerId }, nowMs } = this.#options;
    if (maxRatePerId === null || isImport) return openGate;
    let limiter = this.#limiters.get(kind);
    if (limiter === undefined) {
      const rate = { perSecond: maxRatePerId, burst: maxRatePerId * rateBurstSeconds };
      limiter = new RateLimiter(rate, idRateSetBits);
      this.#limiters.set(kind, limiter);
    }
    return itemGate(limiter, key !== null, nowMs());
  }

  /** Good items into the batch, the others into `rejected`. */
  #sort(
    items: readonly unknown[],
    type: ItemType,
    envelope: Envelope,
    { batch, rejected, gate }: Sorted,
  ): void {
    const { kind } = type;
    const latestMs = envelope.key === null ? this.#options.engine.logNowMs() + maxAheadMs : Infinity;
    for (let index = 0; index < items.length; index++) {
      const item = items[index];
      // A line that was no JSON, and is named already.
      if (item === undefined) continue;
      const parsed = type.parse(item, envelope.isImport);
      if (!parsed.ok) {
        rejected.push({ index, code: "invalid", sentence: parsed.sentence });
        continue;
      }
      const [timeMs] = parsed.message;
      if (timeMs !== null && timeMs > latestMs) {
        rejected.push({ index, code: "too-far-ahead", sentence: aheadSentence(timeMs) });
        continue;
      }
      const refusal = gate.refusal(parsed.id);
      if (refusal !== null) {
        rejected.push({ index, code: "rate-limited", sentence: refusal });
        continue;
      }
      if (batch.size < maxNotedPerBody) this.#options.moving.note(kind, parsed.id);
      batch.add(kind, parsed.id, parsed.message);
    }
    if (rejected.length > 1) rejected.sort((left, right) => left.index - right.index);
  }
}

function readEnvelope(request: Request, maxKeyBytes: number): Envelope {
  return {
    isGzip: isGzip(request),
    form: readForm(request.headers.get("content-type")),
    isImport: readImport(request),
    key: readKey(request.headers.get("idempotency-key"), maxKeyBytes),
  };
}

function readForm(contentType: string | null): Form {
  if (contentType === null || contentType === "application/json") return "json";
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType)?.[1]?.toLowerCase() ?? "utf-8";
  const known = Object.entries(mediaTypes).find(([type]) => type === essence(contentType));
  if (known !== undefined && charset === "utf-8") return known[1];
  throw new ProblemError(
    "unknown-media-type",
    `Content-Type is ${contentType}; understood are application/json and application/x-ndjson, in UTF-8.`,
    { headers: { accept: "application/json, application/x-ndjson" } },
  );
}

function readImport(request: Request): boolean {
  if (!request.url.includes("?")) return false;
  const parameters = searchParameters(request);
  for (const name of parameters.keys()) {
    if (name !== "import") throw badParameter(name, "there is no such parameter; this path knows import");
  }
  const value = parameters.get("import");
  if (value === null || value === "0" || value === "false") return false;
  if (value === "1" || value === "true") return true;
  throw badParameter("import", `it is "${value}"; 1 marks readings as history, 0 does not`);
}

// Visible ASCII, so that units are bytes and a log line shows what was sent.
const visibleAscii = /^[!-~]+$/;

/** An `Idempotency-Key` as a schema. */
export function keyText(maxBytes: number): z.ZodString {
  return z.string().min(1).max(maxBytes).regex(visibleAscii);
}

/** The `Idempotency-Key`; throws a problem when it is none. */
export function readKey(key: string | null, maxBytes: number): string | null {
  if (key === null) return null;
  if (visibleAscii.test(key) && key.length <= maxBytes) return key;
  const detail = `Idempotency-Key has ${key.length} characters; 1 to ${maxBytes} of visible ASCII are right.`;
  throw new ProblemError("bad-key", detail);
}

function parseBody(text: string, form: Form, rejected: Rejection[]): readonly unknown[] {
  switch (form) {
    case "json":
      return parseJson(text);
    case "lines":
      return parseLines(text, rejected);
  }
}

function parseJson(text: string): readonly unknown[] {
  if (text === "") throw new ProblemError("malformed-body", "The body is empty; send an object or an array.");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new ProblemError("malformed-body", `The body is not JSON: ${syntaxSentence(thrown)}.`);
  }
  return Array.isArray(value) ? value : [value];
}

function parseLines(text: string, rejected: Rejection[]): readonly unknown[] {
  const items: unknown[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    try {
      items.push(JSON.parse(line));
    } catch (thrown) {
      const sentence = `The line is not JSON: ${syntaxSentence(thrown)}`;
      rejected.push({ index: items.length, code: "malformed", sentence });
      items.push(undefined);
    }
  }
  return items;
}

function syntaxSentence(thrown: unknown): string {
  if (thrown instanceof SyntaxError) return thrown.message;
  throw thrown;
}

function tooManyItems(found: number, maxItems: number): ProblemError {
  const detail = `A body has at most ${maxItems} items; this one has ${found}.`;
  return new ProblemError("body-too-large", detail, { members: { maxItems } });
}

function aheadSentence(timeMs: number): string {
  const time = Math.abs(timeMs) <= 8.64e15 ? new Date(timeMs).toISOString() : String(timeMs);
  return `Its time, ${time}, is more than ${maxAheadMs / 60_000} minutes ahead`;
}

/** When some items of a body that was refused for its rate may be taken: their sentences say when each of them may. */
const retryRateMs = 1000;

function nothingAccepted(rejected: readonly Rejection[]): ProblemError {
  const first = `${rejected[0]?.sentence.replace(/\.$/, "")}.`;
  const detail = rejected.length === 1
    ? first
    : `All ${rejected.length} items were refused; the first: ${first}`;
  const members = { accepted: 0, rejected };
  // Who sends again may be luckier: the status says so.
  return rejected.some(({ code }) => code === "rate-limited")
    ? rateProblem(detail, retryRateMs, members)
    : new ProblemError("nothing-accepted", detail, { members });
}

const acceptedInit = { status: 202, headers: { "content-type": "application/json" } };

function acceptedResponse(accepted: number, rejected: readonly Rejection[]): Response {
  const list = rejected.length === 0 ? "[]" : JSON.stringify(rejected);
  return new Response(`{"accepted":${accepted},"rejected":${list}}\n`, acceptedInit);
}
