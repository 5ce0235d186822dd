/**
 * Of this thread: a broker that is gone costs the consumers of `kafkajs` what it led, until another leads it, and
 * nothing else.
 *
 * 1. A fetch from it brings nothing, and who leads is asked anew; fetches from others go on. The library stops them all,
 *    for up to a second each time, and at the thirtieth time since it joined it leaves the group.
 * 2. When a group's coordinator does not answer a heartbeat, or is it no longer, it is looked up. The library goes on
 *    asking the one that is gone, until it gives up its membership, or the group does.
 * 3. A partition whose leader moved is fetched from the new one. The library joins the group anew for that, and if it
 *    leads the group, all members have to.
 * 4. A member that has had no answer to a heartbeat for long ends, so that another with connections of its own may take
 *    its place.
 */

import ConsumerGroup from "kafkajs/src/consumer/consumerGroup.js";
import { heartbeatSilenceMs, lostBrokerPauseMs } from "./limits.ts";

interface Coordinator {
  readonly nodeId: number | null;
}

interface Cluster {
  refreshMetadata(): Promise<void>;
  findGroupCoordinator(group: { readonly groupId: string }): Promise<Coordinator>;
}

/** As far as it matters here. */
interface Group {
  readonly groupId: string;
  readonly cluster: Cluster;
  coordinator: Coordinator;
}

const connectionErrors: ReadonlySet<string> = new Set([
  "KafkaJSConnectionError",
  "KafkaJSConnectionClosedError",
  "KafkaJSRequestTimeoutError",
  "KafkaJSBrokerNotFound",
]);
const movedCoordinator: ReadonlySet<string> = new Set([
  "NOT_COORDINATOR_FOR_GROUP",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
]);
const movedLeader: ReadonlySet<string> = new Set([
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
]);

function isOf(names: ReadonlySet<string>, thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  return names.has(thrown.name) || ("type" in thrown && names.has(String(thrown.type)));
}

/** Since when there is no answer, on the clock of `performance.now`. */
const silentSinceMs = new WeakMap<Group, number>();

/** Not retriable by the library's lights: it ends the member. */
class SilenceError extends Error {
  override readonly name = "SilenceError";
  readonly retriable = false;
}

function checkSilence(group: Group, thrown: unknown): void {
  const nowMs = performance.now();
  const sinceMs = silentSinceMs.get(group) ?? nowMs;
  silentSinceMs.set(group, sinceMs);
  if (nowMs - sinceMs < heartbeatSilenceMs) return;
  silentSinceMs.delete(group);
  throw new SilenceError(`No heartbeat was answered for ${heartbeatSilenceMs} ms`, { cause: thrown });
}

/** Groups whose coordinator is being looked up. */
const looking = new WeakSet<Group>();

async function lookUp(group: Group): Promise<void> {
  if (looking.has(group)) return;
  looking.add(group);
  try {
    group.coordinator = await group.cluster.findGroupCoordinator({ groupId: group.groupId });
  } catch {
    // The next heartbeat fails, too, and looks again.
  } finally {
    looking.delete(group);
  }
}

let isDone = false;

export function goOnWithoutLostBrokers(): void {
  if (isDone) return;
  isDone = true;
  const { heartbeat, recoverFromFetch } = ConsumerGroup.prototype;

  ConsumerGroup.prototype.heartbeat = async function (this: Group, options: unknown) {
    try {
      await heartbeat.call(this, options);
      silentSinceMs.delete(this);
    } catch (thrown) {
      if (!isOf(connectionErrors, thrown) && !isOf(movedCoordinator, thrown)) throw thrown;
      checkSilence(this, thrown);
      void lookUp(this);
    }
  };

  ConsumerGroup.prototype.recoverFromFetch = async function (this: Group, thrown: unknown) {
    if (!isOf(connectionErrors, thrown) && !isOf(movedLeader, thrown)) {
      return await recoverFromFetch.call(this, thrown);
    }
    await new Promise((resolve) => setTimeout(resolve, lostBrokerPauseMs));
    await this.cluster.refreshMetadata();
  };
}
