/** What the service `selector` answers a rule. */

import { z } from "zod";

export const Selected = z.strictObject({
  /** Of series that match and are not selected yet, in their order, as many as there is room for. */
  ids: z.array(z.string()),
  /** How many series there are. */
  series: z.int(),
  /** How many of them match. */
  matched: z.int(),
  /** Otherwise there are more to be asked for. */
  isAll: z.boolean(),
});

export type Selected = z.infer<typeof Selected>;
