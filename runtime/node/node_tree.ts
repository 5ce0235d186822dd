/**
 * The node's tree of supervisors. Started from the left, stopped from the right:
 *
 *     node ── writers ── gateway ── hosts ── services ── (requested, compute, what a program adds)
 *
 * The spare host and the compute threads are added when the node folds: nobody waits for them before.
 *
 * 1. Nothing restarts itself: whatever may fail and come back hangs here.
 * 2. The root restarts nothing: a branch that gave up is the end of the node, which its launcher starts again.
 */

import type { End } from "../core/supervision_api.ts";
import { closeWritersMs, hostBackoff, hostIntensity, noRestarts } from "./limits.ts";
import { serviceBackoff, serviceIntensity } from "./limits.ts";
import type { Report } from "./notice.ts";
import {
  adoptedChild,
  type Child,
  type SupervisionNotice,
  Supervisor,
  type SupervisorChild,
  supervisorChild,
} from "./supervisor.ts";
import { machineTimerClock } from "./timer_clock.ts";

export interface NodeTreeParts {
  /** Running already. */
  readonly writers: Supervisor;
  /** Closes the main thread's own ends of log and store, which it does before their threads are stopped. */
  closeClients(): Promise<void>;
  readonly hosts: readonly Child[];
  /** The supervisor of the compute threads; null without. */
  readonly compute: Parameters<typeof supervisorChild>[0] | null;
  /** The supervisor of the services that actors ask; null without. It tells of failures by itself. */
  readonly requested: Parameters<typeof supervisorChild>[0] | null;
  /** Hears of failures that are mended. */
  readonly report: Report;
}

export interface NodeTree {
  readonly root: Supervisor;
  readonly hosts: SupervisorChild;
  readonly services: SupervisorChild;
  /** To be added to the services; null without. */
  readonly compute: SupervisorChild | null;
}

export function nodeTree(
  { writers, closeClients, hosts, compute, requested, report }: NodeTreeParts,
): NodeTree {
  const parts = {
    clock: machineTimerClock,
    random: Math.random,
    onNotice: (notice: SupervisionNotice) => tellFailure(notice, report),
  };
  const hostsChild = supervisorChild({
    id: "hosts",
    restart: "permanent",
    strategy: "one_for_one",
    intensity: hostIntensity,
    backoff: hostBackoff,
    children: hosts,
  }, parts);
  const services = supervisorChild({
    id: "services",
    restart: "permanent",
    strategy: "one_for_one",
    intensity: serviceIntensity,
    backoff: serviceBackoff,
    children: requested === null ? [] : [supervisorChild(requested, { ...parts, onNotice: () => {} })],
  }, parts);
  const root = new Supervisor({
    id: "node",
    strategy: "one_for_all",
    intensity: noRestarts,
    backoff: hostBackoff,
    children: [adoptedChild(writers), clients(closeClients), hostsChild, services],
  }, parts);
  return {
    root,
    hosts: hostsChild,
    services,
    compute: compute === null ? null : supervisorChild(compute, parts),
  };
}

function clients(close: () => Promise<void>): Child {
  const ended = Promise.withResolvers<End>();
  const end = () => ended.resolve({ reason: "normal", sentence: "It was closed." });
  const stop = () => close().finally(end);
  return {
    id: "gateway",
    restart: "permanent",
    startMs: Infinity,
    stopMs: closeWritersMs,
    start: () => Promise.resolve({ ended: ended.promise, stop, kill: end }),
  };
}

function tellFailure(notice: SupervisionNotice, report: Report): void {
  // A spare that became a host has not failed.
  if (notice.type !== "childFailed" || notice.end.reason !== "failed") return;
  const { supervisor, child, end: { sentence } } = notice;
  const pauseMs = Math.ceil(notice.pauseMs);
  const when = `starts again in ${pauseMs} ms`;
  report({
    level: "warn",
    component: supervisor,
    event: "child-failed",
    like: child,
    message: sentence.includes(": ") ? sentence.replace(": ", ` and ${when}: `) : `${sentence} It ${when}.`,
    fields: { child, pauseMs, reason: sentence },
  });
}
