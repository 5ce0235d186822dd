/**
 * What the runtime itself tells an actor, at a place in the log like any message: entries of the wire type
 * `[kind, 0]`, a version that no kind's messages have. Their bodies:
 *
 *     { "control": "resume" }           ends a suspension
 *     { "answer": { request, ... } }    what a service replied; closes the request
 *     { "delivery": { request, ... } }  the answer to a request that is closed: parked, sent within the shard, or dead
 *                                       and sent again
 */

import type { Json, ServiceAnswer, ServiceFailure, ServiceOutcome } from "./actor.ts";
import type { WireType } from "./frame.ts";

/** The message version of controls; those of kinds begin with 1. */
export const controlVersion = 0;

/** Ends a suspension: "resume" folds the messages that wait, "discard" puts them among the dead letters. */
export type Control = "resume" | "discard";

/** A service's reply on its way to the actor. */
export interface ServiceReply {
  /** The request's number. */
  readonly request: number;
  readonly outcome: ServiceOutcome;
}

export type ControlMessage =
  | { readonly type: "control"; readonly control: Control }
  | { readonly type: "answer"; readonly reply: ServiceReply }
  | { readonly type: "delivery"; readonly answer: ServiceAnswer };

export function controlType(kind: string): WireType {
  return [kind, controlVersion];
}

export function controlBody(control: Control): Json {
  return { control };
}

export function replyBody({ request, outcome }: ServiceReply): Json {
  return { answer: { request, ...outcome } };
}

export function deliveryBody(answer: ServiceAnswer): Json {
  return { delivery: { ...answer } };
}

type JsonObject = { readonly [key: string]: Json };

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Null for any other body. */
export function parseControl(body: Json): ControlMessage | null {
  if (!isObject(body)) return null;
  const { control, answer, delivery } = body;
  if (control === "resume" || control === "discard") return { type: "control", control };
  if (isObject(answer)) return parseReply(answer);
  return isObject(delivery) ? parseDelivery(delivery) : null;
}

function parseReply(answer: JsonObject): ControlMessage | null {
  const { request } = answer;
  const outcome = parseOutcome(answer);
  if (typeof request !== "number" || outcome === null) return null;
  return { type: "answer", reply: { request, outcome } };
}

function parseDelivery(delivery: JsonObject): ControlMessage | null {
  const { request, service } = delivery;
  const outcome = parseOutcome(delivery);
  if (typeof request !== "number" || typeof service !== "string" || outcome === null) return null;
  return { type: "delivery", answer: { request, service, ...outcome } };
}

const failures: Readonly<Record<ServiceFailure, true>> = {
  timeout: true,
  failed: true,
  overloaded: true,
  "unknown-service": true,
};

function isFailure(code: Json | undefined): code is ServiceFailure {
  return typeof code === "string" && Object.hasOwn(failures, code);
}

function parseOutcome({ type, value, code, detail }: JsonObject): ServiceOutcome | null {
  if (type === "answered" && value !== undefined) return { type, value };
  if (type === "failed" && isFailure(code) && typeof detail === "string") return { type, code, detail };
  return null;
}
