/** Which route answers a request, and what is checked before it does. */

import { Hono } from "hono";
import { accepts } from "./accept.ts";
import type { Visit } from "./client_limits.ts";
import type { Answer } from "./front.ts";
import { checkOrigin } from "./origin.ts";
import { ProblemError, problemResponse } from "./problem.ts";
import { rawPath, searchParameters } from "./request_url.ts";
import { type Call, decodeSegments, type Route, type Success } from "./route.ts";
import { failed, type Shared } from "./shared.ts";
import { checkToken } from "./token.ts";

export function createRouter(routes: readonly Route[], shared: Shared): Answer {
  const app = new Hono<{ Bindings: { visit: Visit } }>({ getPath: rawPath });
  app.onError((thrown, c) => failed(thrown, c.req.raw, shared));
  app.notFound((c) => refuse("unknown", c.req.raw, shared, unknownPath(c.req.path, routes)));
  for (const [path, ofPath] of byPath(routes)) {
    const pattern = path.replaceAll(/\{(\w+)\}/g, ":$1");
    const allow = allowedMethods(ofPath);
    for (const each of ofPath) {
      app.on(each.method.toUpperCase(), pattern, (c) => answer(each, c.req.raw, c.env.visit, shared));
    }
    app.options(pattern, () => new Response(null, { status: 204, headers: { allow } }));
    app.all(pattern, (c) => {
      const detail = `${path} has no ${c.req.method}; it has ${allow}.`;
      return refuse(
        path,
        c.req.raw,
        shared,
        new ProblemError("wrong-method", detail, { headers: { allow } }),
      );
    });
  }
  return (request, visit) => app.fetch(request, { visit });
}

/** Who has no token learns nothing of which paths there are. */
function refuse(
  path: string,
  request: Request,
  shared: Shared,
  problem: ProblemError,
): Response {
  const { token, answered } = shared;
  let response = problemResponse(problem);
  try {
    checkToken(request, "token", token);
  } catch (thrown) {
    response = failed(thrown, request, shared);
  }
  answered(request, path, response.status);
  return response;
}

async function answer(each: Route, request: Request, visit: Visit, shared: Shared): Promise<Response> {
  const { token, answered, answers } = shared;
  let response: Response;
  try {
    checkToken(request, each.access, token);
    checkOrigin(request);
    const forms = formsOf(each.success);
    if (forms.length > 0 && !forms.some((form) => accepts(request.headers.get("accept"), form))) {
      throw new ProblemError("not-acceptable", `${each.path} is offered as ${forms.join(" and ")}.`);
    }
    const call: Call = {
      request,
      visit,
      parameters: searchParameters(request),
      segments: decodeSegments(each.path, rawPath(request)),
    };
    response = await each.handle(call);
    // The feed bounds itself, and of an answer to HEAD nothing is read.
    const isBounded = forms.includes("text/event-stream") || request.method === "HEAD";
    if (!isBounded) response = await answers.bound(response);
  } catch (thrown) {
    response = failed(thrown, request, shared);
  }
  answered(request, each.path, response.status);
  return response;
}

/** The media types that an answer is offered in; none where it is empty. */
function formsOf(success: Success): readonly string[] {
  return success.status === 204 ? [] : [success.mediaType, ...success.alsoAs ?? []];
}

function byPath(routes: readonly Route[]): Map<string, Route[]> {
  return Map.groupBy(routes, ({ path }) => path);
}

function allowedMethods(routes: readonly Route[]): string {
  const methods = routes.map(({ method }) => method);
  return [
    ...methods.includes("get") ? ["GET", "HEAD"] : [],
    ...(["post", "put", "delete"] as const).filter((method) => methods.includes(method))
      .map((method) => method.toUpperCase()),
    "OPTIONS",
  ].join(", ");
}

const shownPathLength = 200;

function unknownPath(path: string, routes: readonly Route[]): ProblemError {
  const known = [...new Set(routes.map((each) => each.path))];
  const first = `/${path.split("/")[1] ?? ""}`;
  const alike = known.filter((each) => each === first || each.startsWith(`${first}/`));
  const hint = alike.length > 0
    ? `Paths that begin alike: ${alike.join(", ")}.`
    : `All paths: ${known.join(", ")}.`;
  const detail = `There is no ${
    path.slice(0, shownPathLength)
  }. An id is one segment: write "/" in it as %2F.`;
  return new ProblemError("unknown-path", detail, { members: { hint } });
}
