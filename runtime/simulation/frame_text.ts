/** A frame as a trace tells of it: who made it, and what it has for whom. */

import {
  decodeFrame,
  entryStride,
  type Origin,
  partMarker,
  refusedMarker,
  replayMarker,
  senderMarker,
} from "../core/frame.ts";
import { isProgram, programVersion } from "./program.ts";

function originText(origin: Origin): string {
  switch (origin.type) {
    case "gateway":
      return `${origin.n} of ${origin.start}`;
    case "shard":
      return `${origin.n} of shard${origin.shard}`;
    case "tick":
      return "a tick";
    case "source":
      return `${origin.offsets.join()} of ${origin.topic}/${origin.partition}`;
  }
}

function bodyText(body: unknown): string {
  return isProgram(body) ? `${body.s} ${body.n} ${JSON.stringify(body.ops)}` : JSON.stringify(body);
}

export function frameText(text: string): string {
  const { origin, types, entries } = decodeFrame(text);
  const said: string[] = [];
  for (let at = 0; at < entries.length; at += entryStride) {
    const [type, id, body] = entries.slice(at, at + entryStride);
    if (type === partMarker) said.push(`part ${id} of ${body}`);
    else if (type === senderMarker) said.push(`from ${body}/${id}`);
    else if (type === refusedMarker) said.push(`no message: ${id}`);
    else if (type === replayMarker) said.push(`replay ${body} of ${id}`);
    else {
      const [kind, version] = types[Number(type)] ?? ["?", programVersion];
      const what = version === programVersion ? "" : ` version ${version}`;
      said.push(`${kind}/${id}${what} ${bodyText(body)}`);
    }
  }
  return [originText(origin), ...said].join("; ");
}
