/** What a supervisor is told, and what it tells to do: the words of `supervision.ts`. */

import type { BackoffPolicy, Intensity } from "./restart_policy.ts";

export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one";

export interface ChildSpec {
  readonly id: string;
  readonly restart: "permanent" | "transient" | "temporary";
  /** Deadlines; `Infinity` for a child with deadlines of its own, such as a supervisor. */
  readonly startMs: number;
  readonly stopMs: number;
}

export interface SupervisorSpec {
  readonly id: string;
  readonly strategy: Strategy;
  readonly intensity: Intensity;
  readonly backoff: BackoffPolicy;
  readonly children: readonly ChildSpec[];
}

/** How a child, or a supervisor, ended. */
export interface End {
  readonly reason: "normal" | "failed";
  readonly sentence: string;
  /** False: something else is to blame; neither intensity nor backoff counts it. */
  readonly counts?: boolean;
}

export type SupervisionEvent =
  | { readonly type: "start" }
  | { readonly type: "stop" }
  /** Kills all children at once. */
  | { readonly type: "kill" }
  /** `wakeAtMs` has come. */
  | { readonly type: "wake" }
  | { readonly type: "childStarted"; readonly id: string }
  /** Before `childStarted`: its start failed. */
  | { readonly type: "childEnded"; readonly id: string; readonly end: End }
  | { readonly type: "addChild"; readonly child: ChildSpec }
  | { readonly type: "removeChild"; readonly id: string };

export type SupervisionAction =
  | { readonly type: "startChild"; readonly id: string }
  /** The child is to end soon, also while it starts. */
  | { readonly type: "stopChild"; readonly id: string }
  /** The child has outlived its deadline, and is to end now, also while it starts. */
  | { readonly type: "killChild"; readonly id: string }
  /** Tells of a failure, and of the pause before the restart. */
  | { readonly type: "childFailed"; readonly id: string; readonly end: End; readonly pauseMs: number }
  /** Tells of an end that is no failure and that nobody asked for. */
  | { readonly type: "childFinished"; readonly id: string; readonly end: End }
  /** The child is forgotten, for the reason in `error` when it never ran. */
  | { readonly type: "childRemoved"; readonly id: string; readonly error: string | null }
  /** Every child has run. */
  | { readonly type: "started" }
  /** No child is left alive; nothing follows. */
  | { readonly type: "ended"; readonly end: End };

/** `waiting`: for the end of its backoff, or for other children. `stopped`: finished, or the supervisor stops. */
export type ChildState = "waiting" | "starting" | "running" | "stopping" | "killing" | "stopped";

export interface ChildSnapshot {
  readonly id: string;
  readonly restart: ChildSpec["restart"];
  readonly state: ChildState;
  readonly sinceMs: number;
  /** When the state ends at the latest (starting, stopping) or at the earliest (waiting); null when nothing is set. */
  readonly untilMs: number | null;
  /** How often it was started again, by itself or with others. */
  readonly restarts: number;
  readonly lastError: string | null;
}

export type SupervisorState = "idle" | "starting" | "running" | "stopping" | "ended";

export interface SupervisionSnapshot {
  readonly id: string;
  readonly strategy: Strategy;
  readonly state: SupervisorState;
  readonly sinceMs: number;
  readonly children: readonly ChildSnapshot[];
}

/** A child cannot be added or removed. */
export class SupervisionError extends Error {
  override readonly name = "SupervisionError";

  constructor(readonly code: "exists" | "unknown" | "ended" | "start_failed", message: string) {
    super(message);
  }
}
