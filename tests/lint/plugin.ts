/**
 * The project's own lint rules.
 *
 * `import-direction` keeps imports pointing one way: actors → runtime/node → ports → runtime/core.
 * `no-ambient` keeps clocks, randomness and I/O out of the folders that must give the same result in every replay.
 */

const root = new URL("../../", import.meta.url).href;

interface Layer {
  /** A folder of the repository, ending in a slash; or one file. The longest that fits a path is its layer. */
  readonly folder: string;
  /** Folders and files of the repository that it may import, besides itself. */
  readonly own: readonly string[];
  /** Packages that it may import, as `deno.json` maps them; null when any, and Node's modules too. */
  readonly packages: readonly string[] | null;
}

const port = { own: ["runtime/core/", "runtime/node/rpc.ts"], packages: null };

export const layers: readonly Layer[] = [
  { folder: "runtime/core/", own: [], packages: ["zod"] },
  { folder: "runtime/log/", ...port },
  { folder: "runtime/store/", ...port },
  { folder: "runtime/hot/", ...port },
  {
    folder: "runtime/node/",
    own: ["runtime/core/", "runtime/log/", "runtime/store/", "runtime/hot/"],
    packages: null,
  },
  { folder: "runtime/", own: ["runtime/"], packages: null },
  // Mathematics packages are added here by name, when there are some.
  { folder: "actors/analytics/", own: ["runtime/core/"], packages: [] },
  { folder: "actors/", own: ["runtime/", "deno.json"], packages: null },
];

/** Folders whose code must be a function of its arguments, and the files in them that start programs. */
const pureFolders = [
  "runtime/core/",
  "runtime/simulation/",
  "actors/analytics/",
  "actors/sensors/",
  "actors/series/",
];
const programs = ["runtime/simulation/main.ts"];

/** Globals that are ambient whatever is read of them. */
const ambientGlobals = new Set([
  "Deno",
  "console",
  "crypto",
  "fetch",
  "performance",
  "process",
  "queueMicrotask",
  "setImmediate",
  "setInterval",
  "setTimeout",
]);
const ambientMembers = new Set(["Date.now", "Math.random"]);

/** The path of a file within the repository; null for one outside. */
function repositoryPath(fileName: string): string | null {
  const url = new URL(fileName.startsWith("file:") ? fileName : `file://${fileName.replaceAll("\\", "/")}`);
  return url.href.startsWith(root) ? url.href.slice(root.length) : null;
}

function layerOf(path: string): Layer | null {
  return layers.filter(({ folder }) => path.startsWith(folder))
    .reduce<Layer | null>(
      (best, layer) => layer.folder.length > (best?.folder.length ?? 0) ? layer : best,
      null,
    );
}

/** Why `layer` may not import `specifier` from the file at `path`, as a sentence; null when it may. */
function importProblem(layer: Layer, path: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) {
    const isAllowed = layer.packages === null ||
      layer.packages.some((name) => specifier === name || specifier.startsWith(`${name}/`));
    const what = layer.packages?.length ? `${layer.packages.join(", ")} only` : "no packages";
    return isAllowed ? null : `${layer.folder} imports ${what}, not ${specifier}`;
  }
  const target = repositoryPath(new URL(specifier, root + path).href) ?? specifier;
  const allowed = [layer.folder, ...layer.own];
  if (allowed.some((prefix) => target.startsWith(prefix))) return null;
  return `${layer.folder} imports from ${allowed.join(", ")} only, not from ${target}`;
}

const importDirection: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    const layer = path === null ? null : layerOf(path);
    if (path === null || layer === null) return {};
    const check = (source: Deno.lint.Expression | Deno.lint.StringLiteral | null | undefined) => {
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      const problem = importProblem(layer, path, source.value);
      if (problem !== null) context.report({ node: source, message: `${problem}.` });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
    };
  },
};

const noAmbient: Deno.lint.Rule = {
  create(context) {
    const path = repositoryPath(context.filename);
    if (path === null || programs.includes(path) || !pureFolders.some((folder) => path.startsWith(folder))) {
      return {};
    }
    const report = (node: Deno.lint.Node, what: string) =>
      context.report({
        node,
        message: `${what} differs from run to run: take it as an argument, or from the actor's context.`,
      });
    return {
      MemberExpression(node) {
        if (node.object.type !== "Identifier") return;
        const property = node.property.type === "Identifier" ? node.property.name : "";
        const name = `${node.object.name}.${property}`;
        if (node.object.name === "globalThis" && ambientGlobals.has(property)) report(node, property);
        else if (ambientGlobals.has(node.object.name) || ambientMembers.has(name)) report(node, name);
      },
      CallExpression(node) {
        if (node.callee.type !== "Identifier") return;
        if (ambientGlobals.has(node.callee.name)) report(node, node.callee.name);
        else if (node.callee.name === "Date") report(node, "Date()");
      },
      NewExpression(node) {
        const isNow = node.callee.type === "Identifier" && node.callee.name === "Date" &&
          node.arguments.length === 0;
        if (isNow) report(node, "new Date()");
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "sensorium",
  rules: { "import-direction": importDirection, "no-ambient": noAmbient },
};

export default plugin;
