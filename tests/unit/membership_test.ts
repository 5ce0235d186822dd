/** This node in Kafka's group, by what the brokers say of it; and what members tell each other. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Agreement } from "../../runtime/core/cluster.ts";
import { shardAssigner } from "../../runtime/log/kafka/assigner.ts";
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from "../../runtime/log/kafka/member_metadata.ts";
import { clientIdOf, Membership, type MembershipParts } from "../../runtime/log/kafka/membership.ts";

const settings = { brokers: [], tls: null, sasl: null, prefix: "p" };
const mailbox = "p.mailbox";
type Description = Awaited<ReturnType<MembershipParts["coordinator"]["describe"]>>;

interface Described {
  readonly id: string;
  readonly name: string;
  readonly own?: readonly number[];
  readonly metadata?: Buffer;
}

function described(state: Description["state"], members: readonly Described[]): Description {
  return {
    groupId: "p.nodes",
    protocol: "",
    protocolType: "consumer",
    state,
    // Brokers tell who has what only in the state Stable.
    members: members.map(({ id, name, own = [], metadata }) => ({
      memberId: id,
      clientId: clientIdOf(settings, name),
      clientHost: "/127.0.0.1",
      memberMetadata: state !== "Stable" ? Buffer.alloc(0) : metadata ??
        encodeSubscription({ name, url: `http://${name}`, shards: [], generation: 0, topics: [mailbox] }),
      memberAssignment: state !== "Stable" ? Buffer.alloc(0) : encodeAssignment([mailbox], own),
    })),
  };
}

class Brokers {
  readonly removed: string[] = [];
  /** Answered one after another, the last again and again. */
  answers: Description[];

  constructor(...answers: Description[]) {
    this.answers = answers;
  }

  describe(): Promise<Description> {
    const [next, ...later] = this.answers;
    assert(next !== undefined);
    if (later.length > 0) this.answers = later;
    return Promise.resolve(next);
  }

  remove(memberId: string): Promise<boolean> {
    this.removed.push(memberId);
    return Promise.resolve(true);
  }
}

async function withMembership(
  coordinator: Brokers,
  body: (membership: Membership, heard: Agreement[]) => Promise<void>,
  dead: readonly string[] = [],
): Promise<void> {
  const heard: Agreement[] = [];
  const membership = new Membership({
    coordinator,
    settings,
    member: { name: "a", url: "http://a", dead },
    shards: 4,
    onAgreed: (agreement) => void heard.push(agreement),
  });
  await body(membership, heard);
  await membership.close();
}

const two = [{ id: "1", name: "b", own: [0, 2] }, { id: "2", name: "a", own: [1] }] as const;

Deno.test("Membership.table() tells by name who has what, when the members have agreed", async () => {
  const foreign = { id: "3", name: "c", own: [3], metadata: Buffer.from("not ours") };
  const brokers = new Brokers(described("PreparingRebalance", two), described("Stable", [...two, foreign]));
  await withMembership(brokers, async (membership) => {
    assert.deepEqual(await membership.table(), {
      nodes: [{ name: "a", url: "http://a" }, { name: "b", url: "http://b" }],
      owners: [1, 0, 1, null],
    });
  });
});

Deno.test("Membership.holds() is true of what this member has, and of nothing while they agree anew", async () => {
  const brokers = new Brokers(described("Stable", two));
  await withMembership(brokers, async (membership) => {
    const held = () => Promise.all([0, 1, 2, 3].map((shard) => membership.holds(shard)));
    assert.deepEqual(await held(), [false, false, false, false], "it has not joined");
    membership.joined({ memberId: "2", own: [1], durationMs: 1 });
    assert.deepEqual(await held(), [false, true, false, false]);
    for (const state of ["PreparingRebalance", "CompletingRebalance", "Dead"] as const) {
      brokers.answers = [described(state, two)];
      assert.deepEqual(await held(), [false, false, false, false], state);
    }
    brokers.answers = [described("Stable", [{ id: "9", name: "a", own: [1] }])];
    assert.deepEqual(await held(), [false, false, false, false], "another member of the same name");
    brokers.answers = [described("Stable", two)];
    membership.left();
    assert.deepEqual(await held(), [false, false, false, false], "it was put out");
  });
});

Deno.test("Membership.evict() removes the member of that name, whatever the group's state (3)", async () => {
  for (const state of ["Stable", "PreparingRebalance", "CompletingRebalance"] as const) {
    const brokers = new Brokers(described(state, two));
    await withMembership(brokers, async (membership) => {
      assert.equal(await membership.evict("c"), false);
      assert.equal(await membership.evict("b"), true);
      assert.deepEqual(brokers.removed, ["1"]);
    });
  }
});

Deno.test("Membership.clear() removes the dead, and what this node was before (2)", async () => {
  const members = [...two, { id: "3", name: "a/old" }, { id: "4", name: "a/older" }];
  const brokers = new Brokers(described("Stable", members));
  await withMembership(brokers, async (membership) => {
    await membership.clear();
    assert.deepEqual(brokers.removed, ["2", "3"]);
  }, ["a/old", "gone"]);
});

Deno.test("Membership says what was agreed, and tells the next one who divides what it has", async () => {
  await withMembership(new Brokers(described("Stable", [])), (membership, heard) => {
    assert.deepEqual(membership.word(), { name: "a", url: "http://a", shards: [], generation: 0 });
    membership.joined({ memberId: "2", own: [1, 3], durationMs: 12 });
    membership.heard(5);
    assert.deepEqual(heard, [{ number: 1, own: [1, 3], durationMs: 12 }]);
    assert.deepEqual(membership.word(), { name: "a", url: "http://a", shards: [1, 3], generation: 5 });
    return Promise.resolve();
  });
});

Deno.test("decodeSubscription() gives back what was encoded, and null for anything else", () => {
  const word = { name: "host/node-0/3f9a", url: "http://h:9464", shards: [2, 5], generation: 7 };
  const bytes = encodeSubscription({ ...word, topics: [mailbox, "t"] });
  assert.deepEqual(decodeSubscription(bytes), { ...word, topics: [mailbox, "t"] });
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(decodeSubscription(bytes.subarray(0, length)), null, `cut short at ${length}`);
  }
  const nonsense = [{}, null, [], { ...word, shards: "2" }, { ...word, shards: [1.5] }, { ...word, url: 1 }];
  for (const userData of nonsense) {
    const text = JSON.stringify(word);
    const swapped = Buffer.from(
      bytes.toString("latin1").replace(text, JSON.stringify(userData).padEnd(text.length)),
      "latin1",
    );
    assert.equal(decodeSubscription(swapped), null, JSON.stringify(userData));
  }
  assert.deepEqual(decodeAssignment(Buffer.alloc(0), mailbox), [], "of a member without shards");
  assert.deepEqual(decodeAssignment(Buffer.from("x"), mailbox), []);
});

Deno.test("shardAssigner() gives each member the same partitions of its topics, and foreign ones nothing", async () => {
  const topics = [mailbox, "keyed"];
  const assigner = shardAssigner(4, () => ({ name: "a", url: "", shards: [], generation: 0 }))({
    get cluster(): never {
      throw new Error("The assigner needs nothing of the cluster");
    },
    get logger(): never {
      throw new Error("The assigner logs nothing");
    },
    groupId: "p.nodes",
  });
  const memberMetadata = assigner.protocol({ topics }).metadata;
  const alone = assigner.protocol({ topics: [mailbox] }).metadata;
  const assigned = await assigner.assign({
    members: [
      { memberId: "1", memberMetadata },
      { memberId: "2", memberMetadata: Buffer.from("foreign") },
      { memberId: "3", memberMetadata: alone },
    ],
    topics,
  });
  const shardsOf = (topic: string) =>
    assigned.map(({ memberId, memberAssignment }) => [memberId, decodeAssignment(memberAssignment, topic)]);
  assert.deepEqual(shardsOf(mailbox), [["1", [0, 1]], ["3", [2, 3]]]);
  assert.deepEqual(shardsOf("keyed"), [["1", [0, 1]], ["3", []]]);
});
