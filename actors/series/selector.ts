/** A selector of series as a person writes it into a configuration. */

import { z } from "zod";
import { parseMatchers } from "./matchers.ts";
import { SelectorError } from "./selector_reader.ts";

export const selector = z.string({ error: "a selector as PromQL writes them is needed" }).superRefine(
  (text, context) => {
    try {
      parseMatchers(text);
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  },
);
