/** How safe the mailbox's topic keeps what was accepted, as a sentence for whoever starts a node. Pure. */

export interface Replication {
  readonly topic: string;
  /** Of the partition that has the fewest. */
  readonly replicas: number;
  readonly minInSync: number;
  /** How many there are now. */
  readonly brokers: number;
}

/** Three brokers survive the loss of one, and further ones are no use to one partition. */
export function wantedReplicas(brokers: number): number {
  return Math.min(3, brokers);
}

/** So many have a frame before it is accepted: one broker may be away. */
export function wantedInSync(replicas: number): number {
  return Math.max(1, replicas - 1);
}

/** Null: it is as safe as its brokers allow, and no broker alone has what was accepted. */
export function replicationWarning({ topic, replicas, minInSync, brokers }: Replication): string | null {
  const wanted = wantedReplicas(brokers);
  const inSync = wantedInSync(wanted);
  const settings = `replication factor ${replicas} and min.insync.replicas=${minInSync}`;
  const raise = `${
    replicas < wanted ? `raise the factor to ${wanted} (kafka-reassign-partitions.sh), then set` : "set"
  } min.insync.replicas=${inSync} (kafka-configs.sh)`;
  if (replicas < wanted) {
    return `The topic ${topic} has ${settings}, while there are ${brokers} brokers: ${
      lossOf(replicas, minInSync)
    }; ${raise}`;
  }
  if (minInSync < inSync) {
    return `The topic ${topic} has ${settings}: ${lossOf(replicas, minInSync)}; ${raise}`;
  }
  if (minInSync > 1) return null;
  const found = replicas === 1
    ? "one replica, as there is one broker"
    : `${settings}, as there are ${brokers} brokers`;
  return `The topic ${topic} has ${found}: ${
    lossOf(replicas, minInSync)
  }; use three brokers where that matters`;
}

/** What may be lost of what was accepted: so many brokers have it then, and more of them a little later. */
function lossOf(replicas: number, minInSync: number): string {
  if (Math.min(replicas, minInSync) > 1) return "what was accepted may be lost with the disks of two of them";
  const survives = "crash, but not a power cut or the loss of its disk";
  return replicas > 1
    ? `what was accepted may be on one broker alone, and survives that one's ${survives}`
    : `what was accepted survives the broker's ${survives}`;
}
