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

/** What the ports and the node have in common. */
const shared = [
  "fetch_reason.ts",
  "prom_client.ts",
  "rpc.ts",
  "snappy.ts",
  "thread_memory.ts",
  "unless_aborted.ts",
].map((
  name,
) => `runtime/${name}`);
const port = { own: ["runtime/core/", ...shared], packages: null };

const layers: readonly Layer[] = [
  { folder: "runtime/core/", own: [], packages: ["zod"] },
  { folder: "runtime/log/", ...port },
  { folder: "runtime/store/", ...port },
  { folder: "runtime/hot/", ...port },
  {
    folder: "runtime/node/",
    own: ["runtime/core/", "runtime/log/", "runtime/store/", "runtime/hot/", ...shared],
    packages: null,
  },
  ...shared.map((folder): Layer => ({ folder, own: ["runtime/core/"], packages: null })),
  { folder: "runtime/", own: ["runtime/"], packages: null },
  { folder: "actors/analytics/", own: ["runtime/core/"], packages: ["arima", "simple-statistics"] },
  { folder: "actors/", own: ["runtime/", "deno.json"], packages: null },
];

/** Folders whose code must be a function of its arguments, and the files in them that start programs. */
const pureFolders = [
  "runtime/core/",
  "runtime/simulation/",
  "runtime/testkit/",
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
/** Globals of which only some members are ambient. */
const ambientMembers: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["Date", new Set(["now"])],
  ["Math", new Set(["random"])],
  ["globalThis", ambientGlobals],
]);

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

/** The name that a member or a property is read by; null when only the run can tell. */
function nameOf(key: Deno.lint.Node, isComputed: boolean): string | null {
  if (key.type === "Literal" && typeof key.value === "string") return key.value;
  return key.type === "Identifier" && !isComputed ? key.name : null;
}

/** `Date`, or `globalThis.Date`: the name of the global, when the expression is one. */
function globalNamed(node: Deno.lint.Node): string | null {
  if (node.type === "Identifier") return node.name;
  const isOfGlobal = node.type === "MemberExpression" && node.object.type === "Identifier" &&
    node.object.name === "globalThis";
  return isOfGlobal ? nameOf(node.property, node.computed) : null;
}

const isSame = (one: Deno.lint.Node | null, other: Deno.lint.Node) =>
  one !== null && one.range[0] === other.range[0] && one.range[1] === other.range[1];

/** Whether the identifier is a value handed on, and neither a declared name nor the name of a member. */
function isHandedOn(node: Deno.lint.Identifier): boolean {
  const { parent } = node;
  switch (parent.type) {
    case "VariableDeclarator":
      return parent.id.type === "Identifier" && isSame(parent.init, node);
    case "AssignmentExpression":
    case "AssignmentPattern":
      return parent.left.type !== "ObjectPattern" && isSame(parent.right, node);
    case "Property":
      return parent.parent.type === "ObjectExpression" && isSame(parent.value, node) &&
        !(parent.shorthand && node === parent.key);
    case "ArrowFunctionExpression":
      return isSame(parent.body, node);
    case "NewExpression":
      return !isSame(parent.callee, node);
    case "CallExpression":
    case "ArrayExpression":
    case "ConditionalExpression":
    case "LogicalExpression":
    case "ReturnStatement":
    case "SpreadElement":
      return true;
    default:
      return false;
  }
}

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
    /** `object` gives away a member: `name` is null when only the run can tell which. */
    const checkMember = (node: Deno.lint.Node, object: string, name: string | null) => {
      const isAmbient = ambientGlobals.has(object) ||
        ambientMembers.get(object)?.has(name ?? "") === true || (name === null && ambientMembers.has(object));
      if (isAmbient) report(node, `${object}.${name ?? "[...]"}`);
    };
    const checkPattern = (pattern: Deno.lint.Node, value: Deno.lint.Node | null) => {
      const object = value === null ? null : globalNamed(value);
      if (pattern.type !== "ObjectPattern" || object === null) return;
      for (const part of pattern.properties) {
        checkMember(part, object, part.type === "Property" ? nameOf(part.key, part.computed) : null);
      }
    };
    return {
      MemberExpression(node) {
        const object = globalNamed(node.object);
        if (object !== null) checkMember(node, object, nameOf(node.property, node.computed));
      },
      VariableDeclarator: (node) => checkPattern(node.id, node.init),
      AssignmentExpression: (node) => checkPattern(node.left, node.right),
      AssignmentPattern: (node) => checkPattern(node.left, node.right),
      Identifier(node) {
        const isAmbient = ambientGlobals.has(node.name) || ambientMembers.has(node.name);
        if (isAmbient && isHandedOn(node)) report(node, node.name);
      },
      NewExpression(node) {
        if (globalNamed(node.callee) === "Date" && node.arguments.length === 0) report(node, "new Date()");
      },
    };
  },
};

const plugin: Deno.lint.Plugin = {
  name: "sensorium",
  rules: { "import-direction": importDirection, "no-ambient": noAmbient },
};

export default plugin;
