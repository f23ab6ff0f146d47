import assert from "node:assert/strict";
import { ManualClock } from "@gitstratum/core";
import { emptyTopology, ManualTopology, type NodeState, parseNodeId } from "@gitstratum/core/rpc";
import { departed } from "./departure.ts";

const [OWN, OTHER] = [parseNodeId("metadata-1"), parseNodeId("metadata-2")];

/** A topology in which one of two nodes has all partitions. */
function topologyOf(primary: typeof OWN, other: NodeState = "active") {
  const node = (id: typeof OWN, state: NodeState) => ({
    id,
    state,
    role: "metadata" as const,
    address: `http://${id}`,
    zone: "z",
    weight: 1,
    incarnation: 1,
  });
  const { partitions, ...rest } = emptyTopology();
  return {
    ...rest,
    nodes: [node(OWN, "down"), node(OTHER, other)],
    partitions: partitions.map(() => ({ primary, followers: [] })),
  };
}

function setUp(other: NodeState = "active") {
  const topology = new ManualTopology();
  topology.set(topologyOf(OWN, other));
  const clock = new ManualClock();
  return { topology, clock, leaving: departed({ nodeId: OWN, topology, clock }) };
}

Deno.test("departed() waits until others have the partitions", async () => {
  const { topology, clock, leaving } = setUp();
  let isOver = false;
  leaving.then(() => isOver = true);
  topology.set(topologyOf(OWN));
  await clock.advance(1000);
  assert.equal(isOver, false);
  topology.set(topologyOf(OTHER));
  await leaving;
  assert.equal(clock.sleeping, 0);
});

Deno.test("departed() does not wait for ever", async () => {
  const { clock, leaving } = setUp();
  await clock.advance(5000);
  await leaving;
});

Deno.test("departed() waits for nobody where there is nobody", async () => {
  for (const state of ["down", "suspect", "joining", "draining"] as const) {
    await setUp(state).leaving;
  }
});
