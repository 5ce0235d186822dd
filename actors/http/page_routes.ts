/** The live page, what it is made of, and the feed it reads. */

import pageCss from "../web/page.css" with { type: "text" };
import pageHtml from "../web/index.html" with { type: "text" };
import clusterJs from "../web/cluster.js" with { type: "text" };
import detailsJs from "../web/details.js" with { type: "text" };
import feedJs from "../web/feed.js" with { type: "text" };
import forecastJs from "../web/forecast.js" with { type: "text" };
import formatJs from "../web/format.js" with { type: "text" };
import pageJs from "../web/page.js" with { type: "text" };
import sparklineJs from "../web/sparkline.js" with { type: "text" };
import tableJs from "../web/table.js" with { type: "text" };
import treeJs from "../web/tree.js" with { type: "text" };
import type { LiveFeed } from "./live_feed.ts";
import { pageHeaders } from "./page_headers.ts";
import { ProblemError } from "./problem.ts";
import { noQuery, type Route, route } from "./route.ts";
import { LiveEvent } from "./schemas.ts";

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

interface Asset {
  readonly type: string;
  readonly text: string;
}

const script = (text: string): Asset => ({ type: "text/javascript; charset=utf-8", text });

const assets: Readonly<Record<string, Asset>> = {
  "page.css": { type: "text/css; charset=utf-8", text: pageCss },
  "page.js": script(pageJs),
  "cluster.js": script(clusterJs),
  "details.js": script(detailsJs),
  "feed.js": script(feedJs),
  "forecast.js": script(forecastJs),
  "format.js": script(formatJs),
  "sparkline.js": script(sparklineJs),
  "table.js": script(tableJs),
  "tree.js": script(treeJs),
};

export function pageRoutes(feed: LiveFeed): Route[] {
  return [pageRoute(), assetRoute(), eventsRoute(feed)];
}

function pageRoute(): Route {
  return route({
    method: "get",
    path: "/",
    operationId: "get-page",
    tag: "live page",
    summary: "The live page.",
    description:
      "It holds no data and needs no token; where there is one, it asks for it, or takes it once " +
      "from `?token=`, and sends it with what it reads.",
    access: "open",
    segments: {},
    query: noQuery,
    success: { status: 200, description: "A page.", mediaType: "text/html", schema: null },
    problems: [],
    answer: () => new Response(pageHtml, { headers: pageHeaders("text/html; charset=utf-8", policy) }),
  });
}

function assetRoute(): Route {
  return route({
    method: "get",
    path: "/web/{file}",
    operationId: "get-page-part",
    tag: "live page",
    summary: "Styles and scripts of the live page.",
    access: "open",
    segments: { file: "A file's name." },
    segmentExamples: { file: "page.js" },
    query: noQuery,
    success: { status: 200, description: "The file.", mediaType: "*/*", schema: null },
    problems: ["bad-id", "unknown-path"],
    answer: (_query, { segments: { file = "" } }) => {
      const asset = Object.hasOwn(assets, file) ? assets[file] : undefined;
      if (asset === undefined) throw new ProblemError("unknown-path", `The page has no part "${file}".`);
      return new Response(asset.text, { headers: pageHeaders(asset.type, policy) });
    },
  });
}

function eventsRoute(feed: LiveFeed): Route {
  return route({
    method: "get",
    path: "/events",
    operationId: "listen",
    tag: "live page",
    summary: "The live feed: server-sent events, the first at once, then one a second.",
    description:
      "The data of each is a LiveEvent, of the node that answers: what went through it, its threads, and actors that " +
      "moved by its intake. A listener that reads too slowly loses events, and one that does not read is dropped.",
    access: "token",
    segments: {},
    query: noQuery,
    success: { status: 200, description: "Events.", mediaType: "text/event-stream", schema: LiveEvent },
    problems: ["too-many-listeners"],
    answer: (_query, { request }) =>
      // Only its headers are wanted: a feed nobody reads would stay open.
      new Response(request.method === "HEAD" ? null : feed.listen(), {
        headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
      }),
  });
}
