/** The thread of a shard host; `host_handle.ts` starts it. What is thrown here ends the thread, and it is restarted. */

import { workerData } from "node:worker_threads";
import type { ShardQuery } from "../core/shard_api.ts";
import { Shard } from "../core/shard.ts";
import { RemoteLog } from "../log/remote_log.ts";
import { RemoteStore } from "../store/remote_store.ts";
import { loadActorModule } from "./actor_module.ts";
import { machineClock } from "./clock.ts";
import { ShardHost } from "./host.ts";
import type { HostStart } from "./host_protocol.ts";
import { serve } from "../rpc.ts";
import { TurnBoard } from "./turn_board.ts";

const start: HostStart = workerData;
const { registry, counters } = await loadActorModule(start.definitionsUrl);
const { shardCount, limits } = start;
const board = new TurnBoard(start.board);

const host = new ShardHost({
  name: `host-${start.host}`,
  machines: start.shards.map((shard) => new Shard({ shard, shardCount, registry, limits, witness: board })),
  log: new RemoteLog(start.log),
  store: new RemoteStore(start.store),
  clock: machineClock,
  board,
  counters,
  post: (message) => start.main.postMessage(message),
});

serve(start.main, {
  ask: (shard: number, folded: number, request: ShardQuery["request"]) => host.ask(shard, folded, request),
  metrics: () => host.metrics(),
  ping: () => {},
  stop: () => host.stop(),
});
host.start(start.deaths);
