/** axe's rules for accessible pages: https://github.com/dequelabs/axe-core */

import axe from "axe-core";
import { z } from "zod";
import type { Visit } from "../services/chromium.ts";

const AxeResults = z.object({
  violations: z.array(z.object({
    id: z.string(),
    impact: z.string().nullable(),
    help: z.string(),
    nodes: z.array(z.object({ html: z.string() })),
  })),
});

/** What axe has against the page as it is now; each as a sentence. */
export async function violations({ page }: Visit): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const results = AxeResults.parse(await page.evaluate("axe.run({ resultTypes: ['violations'] })"));
  return results.violations.map(({ id, impact, help, nodes }) =>
    `${impact} ${id}: ${help}: ${nodes.slice(0, 3).map(({ html }) => html).join(" ")}`
  );
}
