/** The product's launcher, holding nodes without an engine: see `told_node.ts`. */

import { launch } from "../../actors/launch.ts";

await launch(new URL("./told_node.ts", import.meta.url), Deno.args);
