/**
 * What tests of actors are written with.
 *
 * - `TestNode`: a whole node in the test's own thread, with the real shards and frames, a log and a store in memory, and
 *   a clock that is moved by hand. Actors can be made to throw, hosts and the node to die; tests reply for services.
 * - `probe`: an actor that records what it is sent.
 * - `simulateDefinition`: seeded runs with faults at every step, compared with a plain fold of the log.
 *
 * None of it needs a permission: `deno test` is enough. `tests/unit/testkit_example_test.ts` shows all of it.
 */

export { probe, type Received } from "./testkit/probe.ts";
export { type Delivery } from "./testkit/requests.ts";
export {
  type Random,
  simulateDefinition,
  type SimulationOptions,
  type SimulationResult,
} from "./testkit/simulate_definition.ts";
export {
  type Definitions,
  type ServiceRequest,
  TestNode,
  type TestNodeOptions,
} from "./testkit/test_node.ts";
