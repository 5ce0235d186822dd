/** Tells the launcher, which shows it, how this one of its nodes goes. */

import type { LauncherLink } from "../../runtime/node/process_link.ts";
import type { ActorCount } from "./actor_count.ts";
import type { Progress } from "./live_summary.ts";

const intervalMs = 1000;

export interface TellProgressOptions {
  readonly link: LauncherLink;
  progress(): Progress;
  /** Null: another node counts them. */
  readonly actors: ActorCount | null;
}

/** Returns a function that stops it. */
export function startTellingProgress({ link, progress, actors }: TellProgressOptions): () => void {
  const tell = () => {
    const { accepted, deadLetters } = progress();
    actors?.refresh();
    link.progress({ accepted, deadLetters, actors: actors?.current ?? null });
  };
  const timer = setInterval(tell, intervalMs);
  return () => {
    clearInterval(timer);
    tell();
  };
}
