/** What the screen shows of several nodes: the start table once, and how they go together, until they are stopped. */

import type { NodeProgress } from "../../runtime/node/process_link.ts";
import type { Command } from "./command.ts";
import type { Ports } from "./launched_nodes.ts";
import { startLiveSummary } from "./live_summary.ts";
import { NodesProgress } from "./nodes_progress.ts";
import { takePlace } from "./place.ts";
import { reachableUrl } from "./ports.ts";
import type { Screen } from "./screen.ts";
import { startText, stoppedText, stoppingText } from "./start_table.ts";

export interface NodesView {
  onProgress(id: string, progress: NodeProgress): void;
  /** A node's process is gone. */
  onEnded(id: string): void;
  started(): void;
  stopping(): void;
  ended(exitCode: number): void;
}

const nothing = () => {};

/** Of one node, which has a screen itself. */
export const noView: NodesView = {
  onProgress: nothing,
  onEnded: nothing,
  started: nothing,
  stopping: nothing,
  ended: nothing,
};

/** Throws a `Refusal`. */
export async function viewOf(
  { settings, denoVersion }: Extract<Command, { type: "start" }>,
  { port, adminPorts }: Ports,
  screen: Screen,
): Promise<NodesView> {
  const place = await takePlace(settings);
  const progress = new NodesProgress();
  const urlOf = (of: number) => reachableUrl(settings.host, of);
  let stopSummary = nothing;
  return {
    onProgress: (id, told) => progress.hear(id, told),
    onEnded: (id) => progress.ended(id),
    started() {
      const adminUrls = adminPorts.map(urlOf);
      screen.write(startText({ settings, place, denoVersion, url: urlOf(port), adminUrls }));
      stopSummary = startLiveSummary({
        screen,
        isTerminal: Deno.stdout.isTerminal(),
        progress: () => progress.totals(),
        // One of the nodes counts them.
        actors: {
          get current() {
            return progress.actors;
          },
          refresh: nothing,
        },
      });
    },
    stopping() {
      stopSummary();
      screen.write(stoppingText);
    },
    ended(exitCode) {
      stopSummary();
      if (exitCode === 0) screen.write(stoppedText);
    },
  };
}
