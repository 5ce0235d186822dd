/** Finds in the log whose message stands at a place: for a person, who asks seldom. */

import type { Address } from "../core/actor.ts";
import type { TurnPlace } from "../core/attempts.ts";
import { idOf, parseFrame } from "../core/frame.ts";
import type { LogFrame } from "../core/log_frame.ts";
import type { MailboxLog } from "../log/port.ts";

/** Whom the entry at `index` is for; null for a marker, and past the frame's end. Throws a `FormatError`. */
function entryOf(text: string, index: number): Address | null {
  const frame = parseFrame(text);
  const run = frame.runs.find(({ first, end }) => first <= index && index < end);
  const kind = run === undefined ? undefined : frame.types[run.type]?.[0];
  return run === undefined || kind === undefined ? null : { kind, id: idOf(frame, run, index) };
}

/**
 * Whom the entry is for that caused the turn at `place`; null when it was a timer or is of a foreign topic, or the frame
 * cannot be read.
 * `log`: one without a subscription of its own to this shard.
 */
export async function readEntry(
  log: Pick<MailboxLog, "subscribe">,
  shard: number,
  { topic, offset, index }: TurnPlace,
): Promise<Address | null> {
  if (index < 0 || topic !== undefined) return null;
  const { promise, resolve } = Promise.withResolvers<LogFrame | null>();
  try {
    const deliver = ([frame]: readonly LogFrame[]) => resolve(frame ?? null);
    const subscription = await log.subscribe(shard, offset, deliver, () => resolve(null));
    subscription.grant(1);
    const frame = await promise;
    subscription.close();
    return frame === null ? null : entryOf(frame.text, index);
  } catch {
    // The log has no such frame any more, or cannot be read: the place says enough.
    return null;
  }
}
