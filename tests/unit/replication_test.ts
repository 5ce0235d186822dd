import assert from "node:assert/strict";
import { replicationWarning } from "../../runtime/log/kafka/replication.ts";

const cases = [
  { replicas: 1, minInSync: 1, brokers: 1, says: /one replica, .* not a power cut.*use three brokers/ },
  { replicas: 1, minInSync: 1, brokers: 2, says: /factor 1 .* 2 brokers: .*to 2 .*min\.insync\.replicas=1 / },
  { replicas: 1, minInSync: 1, brokers: 3, says: /factor 1 .* 3 brokers: .*to 3 .*min\.insync\.replicas=2 / },
  {
    replicas: 2,
    minInSync: 1,
    brokers: 3,
    says: /factor 2 .* 3 brokers: .*one broker alone.*to 3 .*min\.insync\.replicas=2 /,
  },
  { replicas: 3, minInSync: 1, brokers: 3, says: /factor 3 .*replicas=1: .*; set min\.insync\.replicas=2 / },
  {
    replicas: 2,
    minInSync: 1,
    brokers: 2,
    says: /factor 2 .*=1, as there are 2 brokers: .*one broker alone.*use three/,
  },
  {
    replicas: 2,
    minInSync: 2,
    brokers: 3,
    says: /3 brokers: .*disks of two of them; raise the factor to 3 /,
  },
  { replicas: 2, minInSync: 2, brokers: 2, says: null },
  { replicas: 3, minInSync: 2, brokers: 3, says: null },
  { replicas: 3, minInSync: 2, brokers: 5, says: null },
  { replicas: 3, minInSync: 3, brokers: 3, says: null },
  { replicas: 3, minInSync: 2, brokers: 2, says: null },
] as const;

for (const { says, ...found } of cases) {
  const what = `${found.replicas} replicas, ${found.minInSync} in sync, of ${found.brokers} brokers`;
  Deno.test(`replicationWarning() says ${says === null ? "nothing" : "what to do"} of ${what}`, () => {
    const warning = replicationWarning({ topic: "p.mailbox", ...found });
    if (says === null) assert.equal(warning, null);
    else assert.match(warning ?? "", says);
  });
}
