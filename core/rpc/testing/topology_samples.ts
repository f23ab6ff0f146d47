/**
 * Topologies for tests: named nodes in rising versions, and any that there can be.
 *
 * @module
 */

import fc from "fast-check";
import {
  emptyTopology,
  type NodeId,
  type RingAssignment,
  type Topology,
  type TopologyNode,
} from "../topology/topology.ts";

/** A topology of active metadata nodes. */
export function sampleTopology(version: number, ids: readonly string[]): Topology {
  const nodes = ids.toSorted().map((id): TopologyNode => ({
    id: id as NodeId,
    role: "metadata",
    address: `http://${id}.test`,
    zone: "z",
    weight: 1,
    state: "active",
    incarnation: 1,
  }));
  return { ...emptyTopology(), version, nodes };
}

/** Without it, some objects would have no prototype, which no parser makes. */
const PLAIN = { noNullPrototype: true } as const;

const id = fc.stringMatching(/^[a-z][a-z0-9-]{0,3}$/).map((text) => text as NodeId);

const node: fc.Arbitrary<TopologyNode> = fc.record({
  id,
  role: fc.constantFrom("control", "metadata", "object", "frontend"),
  address: fc.constantFrom("http://a.test", "https://b.test:1234"),
  zone: fc.constantFrom("x", "y"),
  weight: fc.constantFrom(0, 1, 2.5),
  state: fc.constantFrom("joining", "active", "suspect", "down", "draining"),
  incarnation: fc.integer({ min: 1, max: 3 }),
}, PLAIN);

const members = fc.array(
  fc.record({ id, zone: fc.constantFrom("x", "y"), weight: fc.constantFrom(1, 2) }, PLAIN),
  { maxLength: 4 },
);

const rings: fc.Arbitrary<RingAssignment> = fc.record({
  version: fc.nat(5),
  current: members,
  previous: members,
}, { requiredKeys: ["version", "current"], noNullPrototype: true });

/** Any topology of a version; most partitions have no primary. */
export function anyTopology(version: number): fc.Arbitrary<Topology> {
  return fc.record({
    nodes: fc.uniqueArray(node, { maxLength: 6, selector: ({ id }) => id }),
    assigned: fc.array(
      fc.tuple(fc.nat(255), fc.option(id), fc.array(id, { maxLength: 2 })),
      { maxLength: 5 },
    ),
    ring: fc.record({
      replicaCount: fc.constantFrom(1, 3),
      writeQuorum: fc.constantFrom(1, 2),
    }, PLAIN),
    rings: fc.option(rings, { nil: undefined }),
  }).map(({ nodes, assigned, ring, rings }) => {
    const partitions = [...emptyTopology().partitions];
    for (const [number, primary, followers] of assigned) {
      partitions[number] = { primary, followers };
    }
    nodes.sort((a, b) => a.id < b.id ? -1 : 1);
    return { version, nodes, partitions, ring, ...(rings === undefined ? {} : { rings }) };
  });
}
