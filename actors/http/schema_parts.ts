/** What many answers have in common. */

import { z } from "zod";

export const id = z.string().meta({ description: "The actor's id.", examples: ["42959"] });
export const epoch = z.int().min(0).meta({ description: "Ownership number of the actor's shard." });
export const positions = z.record(z.string(), z.int()).meta({
  description: "By log or topic, the last offset that the answer reflects.",
  examples: [{ mailbox: 8123 }],
});
export const timeMs = z.number().meta({ description: "Epoch milliseconds." });

/** On answers that may not reflect everything acknowledged. */
export const age = {
  consistency: z.enum(["local", "cached"]).optional().meta({ description: "Absent from a strict answer." }),
  ageMs: z.number().min(0).optional().meta({
    description:
      "How old the answer may be; where several nodes append, at most since the shard's last frame.",
  }),
};

export const whereabouts = { id, epoch, position: positions };
