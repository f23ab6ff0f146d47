import assert from "node:assert/strict";
import { ObjectRingCache } from "./object_rings.ts";
import { emptyTopology, type NodeId, type NodeState, type Topology } from "../topology/topology.ts";

function topologyOf(version: number, states: readonly NodeState[]): Topology {
  const nodes = states.map((state, index) => ({
    id: `object-${index}` as NodeId,
    role: "object" as const,
    address: `http://object-${index}`,
    zone: `zone-${index}`,
    weight: 1,
    state,
    incarnation: 1,
  }));
  return { ...emptyTopology(), version, nodes };
}

const ids = (ring: { readonly nodes: readonly { readonly id: string }[] } | undefined) =>
  ring?.nodes.map(({ id }) => id.slice(-1)).join("");

Deno.test("ObjectRingCache.of() goes by the rings that a topology names, whatever its nodes' states", () => {
  const member = (n: number) => ({ id: `object-${n}` as NodeId, zone: "z", weight: 1 });
  const rings = { version: 7, current: [member(0), member(2)], previous: [member(0), member(1)] };
  const found = new ObjectRingCache().of({ ...topologyOf(1, ["down", "draining"]), rings });
  assert.deepEqual([found.version, ids(found.current), ids(found.previous)], [7, "02", "01"]);
});

Deno.test("ObjectRingCache.of() keeps the place of nodes that are away and gives joining ones none", () => {
  const rings = new ObjectRingCache().of(topologyOf(1, ["active", "suspect", "down", "joining"]));
  assert.deepEqual([ids(rings.current), ids(rings.previous)], ["012", undefined]);
});

Deno.test("ObjectRingCache.of() has draining nodes on the ring before only", () => {
  const rings = new ObjectRingCache().of(topologyOf(1, ["active", "draining", "active"]));
  assert.deepEqual([ids(rings.current), ids(rings.previous)], ["02", "012"]);
});

Deno.test("ObjectRingCache.of() draws no ring anew while its nodes stay the same", () => {
  const cache = new ObjectRingCache();
  const { current } = cache.of(topologyOf(1, ["active", "active"]));
  assert.equal(cache.of(topologyOf(2, ["active", "down"])).current, current);
  const changed = cache.of(topologyOf(3, ["active", "draining"]));
  assert.equal(changed.previous, current);
  assert.notEqual(changed.current, current);
});
