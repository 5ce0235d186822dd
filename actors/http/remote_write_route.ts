/** Where Prometheus writes to: `remote_write` with `url: http://…:5002/api/v1/write`. */

import { z } from "zod";
import type { RemoteWriteReceiver, Written } from "../sources/remote_write/receiver.ts";
import { EngineError } from "../../runtime/node/engine.ts";
import { WriteRequestError } from "../sources/remote_write/write_request.ts";
import { essence } from "./accept.ts";
import type { CollectionContext } from "./collection_routes.ts";
import { bodyProblems, durableProblems, ProblemError } from "./problem.ts";
import { noQuery, type Route, route } from "./route.ts";

const protobuf = "application/x-protobuf";

export function remoteWriteRoutes(receiver: RemoteWriteReceiver, context: CollectionContext): Route[] {
  return [writeRoute(receiver, context)];
}

function writeRoute(receiver: RemoteWriteReceiver, { engine, bodies, deadlines }: CollectionContext): Route {
  return route({
    method: "post",
    path: "/api/v1/write",
    operationId: "remote-write",
    tag: "series",
    summary: "Takes samples from Prometheus' remote write, version 1.",
    description:
      "204 means: durable. Stale markers, NaN, native histograms, series that the source remote-write does not select, " +
      "and those beyond the bound are counted, and the rest is taken. The same body again within 10 minutes counts once.",
    access: "token",
    segments: {},
    query: noQuery,
    body: {
      description: "A WriteRequest as protobuf, packed as a block of snappy.",
      schemas: { [protobuf]: z.string() },
      example: "",
    },
    success: { status: 204, description: "Every sample that can be taken is durable." },
    problems: [...bodyProblems, ...durableProblems],
    answer: async (_query, { request, visit }) => {
      checkForm(request);
      const refusal = engine.refusal();
      if (refusal !== null) throw refusal;
      await deadlines.within(receiver.known, notKnown);
      const { samples, durable } = await bodies.during(request, (body) => accept(receiver, body));
      visit.brought(samples);
      await durable;
      return new Response(null, { status: 204 });
    },
  });
}

function notKnown(): EngineError {
  return new EngineError("unavailable", "It is not known yet what is to be taken of remote write");
}

async function accept(receiver: RemoteWriteReceiver, body: Uint8Array<ArrayBuffer>): Promise<Written> {
  try {
    return await receiver.accept(body);
  } catch (thrown) {
    // Prometheus gives up a request that is answered so, and sends one again that is answered with 5xx or 429.
    if (thrown instanceof WriteRequestError) throw new ProblemError("malformed-body", `${thrown.message}.`);
    throw thrown;
  }
}

function checkForm({ headers }: Request): void {
  const type = headers.get("content-type");
  const encoding = headers.get("content-encoding");
  const isForm = type === null || essence(type) === protobuf && !/proto=io\.prometheus\.write\.v2/.test(type);
  if (isForm && (encoding === null || encoding.trim().toLowerCase() === "snappy")) return;
  throw new ProblemError(
    "unknown-media-type",
    `Content-Type is ${type} and Content-Encoding ${encoding}; understood are ${protobuf} of remote write 1, and snappy.`,
  );
}
