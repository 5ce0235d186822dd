/**
 * Has this node's receiver take what the source `remote-write` says.
 *
 * 1. Every node asks the actor that keeps it, once in `followEveryMs`: what is configured holds on all of them so soon.
 * 2. What this node's configuration file says holds from its start on, before the actor has heard of it.
 * 3. While the actor does not answer, what it said last holds.
 */

import { z } from "zod";
import { errorMessage } from "../../../runtime/core/errors.ts";
import { type Engine, EngineError } from "../../../runtime/node/engine.ts";
import { origins } from "../../config/configured.ts";
import { runPeriodically } from "../periodic.ts";
import { remoteWriteName, type RemoteWriteSpec, SourceSpec } from "../prometheus/source_spec.ts";
import { followDeadlineMs, followEveryMs, maxFollowPauseMs } from "./limits.ts";
import type { RemoteWriteReceiver } from "./receiver.ts";

export interface FollowingOptions {
  readonly engine: Pick<Engine, "ask">;
  readonly receiver: Pick<RemoteWriteReceiver, "follow">;
  /** What the configuration file has under the source's name. */
  readonly ofFile: SourceSpec | undefined;
  readonly signal: AbortSignal;
  warn(sentence: string): void;
  info(sentence: string): void;
}

const Kept = z.object({ spec: SourceSpec.nullable(), origin: z.enum(origins).nullable() });
type Kept = z.output<typeof Kept>;

const nothing: Kept = { spec: null, origin: null };

async function askKept(engine: Pick<Engine, "ask">, consistency: "strict" | "local"): Promise<Kept> {
  const target = { kind: "source", id: remoteWriteName };
  const answer = await engine.ask(target, "state", {}, { consistency, deadlineMs: followDeadlineMs });
  switch (answer.type) {
    case "answered":
      return Kept.parse(JSON.parse(answer.json));
    case "absent":
      return nothing;
    default:
      throw new EngineError("unavailable", `The source ${remoteWriteName} does not say what is to be taken`);
  }
}

/** What is to be taken; null: everything. */
export function presentSpec({ spec, origin }: Kept, ofFile: SourceSpec | undefined): RemoteWriteSpec | null {
  // Of two nodes' files the one that was told last holds.
  const present = origin === "file" ? spec : ofFile ?? spec;
  return present?.type === "remote-write" ? present : null;
}

/** Resolves once `signal` is aborted. */
export function runFollowing(
  { engine, receiver, ofFile, signal, warn, info }: FollowingOptions,
): Promise<void> {
  // The first time all that was acknowledged counts, whatever was restarted meanwhile.
  let consistency: "strict" | "local" = "strict";
  return runPeriodically(async () => {
    receiver.follow(presentSpec(await askKept(engine, consistency), ofFile));
    consistency = "local";
  }, {
    intervalMs: followEveryMs,
    maxPauseMs: maxFollowPauseMs,
    signal,
    onFailure: (error) =>
      warn(`Cannot learn what is to be taken of remote write: ${errorMessage(error)}. Trying again.`),
    onRecovery: () => info("It is known again what is to be taken of remote write."),
  });
}
