import { textAnswer } from "./large_answers.ts";

/** An answer as JSON that no cache between here and there keeps. */
export function jsonResponse(value: unknown, status: 200 | 201 | 202 = 200): Response {
  return jsonTextResponse(JSON.stringify(value), status);
}

/**
 * The members of `before`, of the object in `json`, and of `after`, as one object, without parsing it. What is no object
 * is its member `value`.
 */
export function splicedResponse(before: object, json: string, after: object): Response {
  const value = json.startsWith("{") ? json.slice(1, -1) : `"value":${json}`;
  const parts = [membersOf(before), value, membersOf(after)].filter((part) => part !== "");
  return jsonTextResponse(`{${parts.join(",")}}`, 200);
}

function membersOf(value: object): string {
  return JSON.stringify(value).slice(1, -1);
}

function jsonTextResponse(text: string, status: number): Response {
  return textAnswer(text + "\n", {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}
