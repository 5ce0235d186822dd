/** The product's launcher, holding a node whose sensors can be told to kill their host: see `saboteurs.ts`. */

import { launch } from "../../actors/launch.ts";

await launch(new URL("./node_main.ts", import.meta.url), Deno.args);
