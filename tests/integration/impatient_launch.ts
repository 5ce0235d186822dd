/** The product's launcher and node, of which the launcher waits less long for the other's end. */

import { launch } from "../../actors/launch.ts";

await launch(new URL("../../actors/main.ts", import.meta.url), Deno.args, 1500);
