/** The OpenAPI document as one HTML page that needs nothing else: no script, no image, no network. */

import type { OpenApiDocument, OpenApiOperation, OpenApiParameter } from "./openapi.ts";
import { pageHeaders } from "./page_headers.ts";
import { problemKinds } from "./problem.ts";

export function renderDocs(document: OpenApiDocument): Response {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
  return new Response(docsHtml(document), { headers: pageHeaders("text/html; charset=utf-8", policy) });
}

const style = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: light-dark(#d9dde1, #343a40); }
  body { max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem 4rem;
    color: light-dark(#1b1f24, #e6e9ec); background: light-dark(#fff, #14171a); overflow-wrap: anywhere; }
  a { color: light-dark(#0b5cad, #7cb7f2); }
  h1 small { font-weight: 400; }
  code, pre { font: 0.9em/1.45 ui-monospace, monospace; }
  pre { white-space: pre-wrap; padding: .75rem; border: 1px solid var(--line); border-radius: .4rem; }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
  th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0;
    border-bottom: 1px solid var(--line); }
  th { overflow-wrap: normal; }
  article { margin: 0 0 2.5rem; padding-top: .5rem; border-top: 2px solid var(--line); }
  h2 code:first-child { text-transform: uppercase; font-weight: 700; }
  h3 { font-size: 1rem; }
  nav ul { columns: 2 18rem; padding-left: 1.2rem; }
`;

function docsHtml(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
  );
  const { title, version, description } = document.info;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} API</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escape(title)} API <small>${escape(version)}</small></h1>
<p>${prose(description)} The same for machines: <a href="/openapi.json">/openapi.json</a>.</p>
</header>
<nav aria-label="Contents"><ul>
${operations.map(navigationItem).join("\n")}
<li><a href="#problems">Problems</a></li>
<li><a href="#schemas">Schemas</a></li>
</ul></nav>
<main>
${operations.map(operationHtml).join("\n")}
${problemsHtml()}
${schemasHtml(document)}
</main>
</body>
</html>
`;
}

interface Listed {
  readonly path: string;
  readonly method: string;
  readonly operation: OpenApiOperation;
}

function navigationItem({ path, method, operation }: Listed): string {
  return `<li><a href="#${escape(operation.operationId)}"><code>${method.toUpperCase()} ${
    escape(path)
  }</code></a></li>`;
}

function operationHtml({ path, method, operation }: Listed): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  return `<article id="${escape(operationId)}">
<h2><code>${method}</code> <code>${escape(path)}</code></h2>
<p>${prose(summary)}${description === undefined ? "" : ` ${prose(description)}`}</p>
${parameters.length === 0 ? "" : parametersHtml(parameters)}
${requestBody === undefined ? "" : bodyHtml(requestBody)}
<h3>Answers</h3>
${
    table(
      ["Status", "Media type", "Meaning"],
      Object.entries(responses).map(([status, response]) => [
        `<code>${escape(status)}</code>`,
        Object.entries(response.content).map(([type, content]) => mediaType(type, content)).join("<br>"),
        prose(response.description),
      ]),
    )
  }
</article>`;
}

function parametersHtml(parameters: readonly OpenApiParameter[]): string {
  const rows = parameters.map(({ name, in: where, required, description, schema }) => [
    `<code>${escape(name)}</code>`,
    `${where}${required ? ", needed" : ""}`,
    `<code>${escape(JSON.stringify(schema))}</code>`,
    prose(description),
  ]);
  return `<h3>Parameters</h3>\n${table(["Name", "Where", "Type", "Meaning"], rows)}`;
}

function bodyHtml({ description, content }: NonNullable<OpenApiOperation["requestBody"]>): string {
  const types = Object.entries(content);
  const example = types.find(([, each]) => "example" in each)?.[1]["example"];
  return `<h3>Body</h3>
<p>${types.map(([type, each]) => mediaType(type, each)).join(", ")}. ${prose(description)}</p>
${example === undefined ? "" : `<pre>${escape(JSON.stringify(example, null, 2))}</pre>`}`;
}

/** A media type, with a link to its schema where that has a name. */
function mediaType(type: string, content: Readonly<Record<string, unknown>>): string {
  const names = [...JSON.stringify(content).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) =>
    name
  );
  const links = [...new Set(names)].map((name) => `<a href="#schema-${name}">${name}</a>`);
  return [`<code>${escape(type)}</code>`, ...links].join(" ");
}

function problemsHtml(): string {
  const rows = Object.entries(problemKinds).map(([code, { status, title, meaning }]) => [
    `<code id="problem-${code}">${code}</code>`,
    `<code>${status}</code>`,
    prose(title),
    prose(meaning),
  ]);
  return `<article id="problems"><h2>Problems</h2>
<p>Errors are <code>application/problem+json</code>; the end of <code>type</code> is one of these.</p>
${table(["Code", "Status", "Title", "What to do"], rows)}
</article>`;
}

function schemasHtml({ components }: OpenApiDocument): string {
  const schemas = Object.entries(components.schemas).map(([name, schema]) =>
    `<h3 id="schema-${name}">${escape(name)}</h3>\n<pre>${escape(JSON.stringify(schema, null, 2))}</pre>`
  );
  return `<article id="schemas"><h2>Schemas</h2>\n${schemas.join("\n")}\n</article>`;
}

/** Cells are HTML. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  return `<table><thead>${line(head, "th")}</thead><tbody>${
    rows.map((row) => line(row, "td")).join("\n")
  }</tbody></table>`;
}

/** Text of ours, where \`…\` marks code. */
function prose(text: string): string {
  return escape(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
