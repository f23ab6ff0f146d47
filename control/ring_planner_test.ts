import assert from "node:assert/strict";
import fc from "fast-check";
import type { NodeId, NodeState, RingAssignment } from "@gitstratum/core/rpc";
import { planRing, type RingPlannerNode } from "./ring_planner.ts";

/**
 * A node as `a:draining:3` says: name, state (active unless told), and the ring that it holds; `lost` is
 * one that has been down for long.
 */
function node(text: string): RingPlannerNode {
  const [id, ...facts] = text.split(":");
  const ringVersion = facts.find((fact) => /^[0-9]+$/.test(fact)) ?? "0";
  const isLost = facts.includes("lost");
  const state = isLost ? "down" : facts.find((fact) => fact !== ringVersion) ?? "active";
  return {
    id: id as NodeId,
    zone: "z",
    weight: 1,
    state: state as NodeState,
    ringVersion: Number(ringVersion),
    isLost,
  };
}

/** Version, current ring and ring before, as `v2 a b < a`. */
function told({ version, current, previous }: RingAssignment): string {
  const names = (members: RingAssignment["current"]) => members.map(({ id }) => id).join(" ");
  const base = `v${version} ${names(current)}`;
  return previous === undefined ? base.trim() : `${base} < ${names(previous)}`;
}

/** Plays a transcript. A line is `NODES -> RING`: what is the case, what follows from it. */
function play(transcript: string): void {
  let ring: RingAssignment | undefined;
  for (const line of transcript.trim().split("\n").map((text) => text.trim())) {
    const [said, wanted] = line.split(" -> ");
    const nodes = said!.trim().split(/\s+/).filter((word) => word !== "nobody").map(node);
    ring = planRing(nodes, ring);
    assert.equal(told(ring), wanted, line);
    if (ring.previous !== undefined) continue;
    assert.equal(planRing(nodes, ring), ring, `${line}: a plan made from itself`);
  }
}

Deno.test("planRing() makes the first ring of whoever is active", () => {
  play(`
    nobody           -> v0
    a b:joining c    -> v1 a c
  `);
});

Deno.test("planRing() hands over to a node that joins and then drops the ring before", () => {
  play(`
    a b              -> v1 a b
    a b c:joining    -> v1 a b
    a b c            -> v2 a b c < a b
    a:1 b:2 c:2      -> v2 a b c < a b
    a:2 b:2 c:1      -> v2 a b c < a b
    a:2 b:2 c:2      -> v2 a b c
  `);
});

Deno.test("planRing() lets nodes that are away or start again keep their place", () => {
  play(`
    a b c            -> v1 a b c
    a b:suspect c    -> v1 a b c
    a b:down c       -> v1 a b c
    a b:joining c    -> v1 a b c
    a b c            -> v1 a b c
  `);
});

Deno.test("planRing() empties a node that drains, and one that is forgotten", () => {
  play(`
    a b c                  -> v1 a b c
    a b c:draining         -> v2 a b < a b c
    a:2 b:2 c:draining     -> v2 a b
    a:2                    -> v3 a < a b
    a:3                    -> v3 a
    a:3:draining           -> v3 a
  `);
});

Deno.test("planRing() goes back without a hand-over when a change is taken back", () => {
  play(`
    a b              -> v1 a b
    a b c            -> v2 a b c < a b
    a b c:draining   -> v3 a b
  `);
});

Deno.test("planRing() keeps the last settled ring when the current one changes again", () => {
  play(`
    a b              -> v1 a b
    a b c            -> v2 a b c < a b
    a:2 b:2 c d      -> v3 a b c d < a b
    a:3 b:3 c:2 d:3  -> v3 a b c d < a b
    a:3 b:3 c:3 d:3  -> v3 a b c d
  `);
});

Deno.test("planRing() waits for a new member that is away until it leaves the ring", () => {
  play(`
    a b              -> v1 a b
    a b c            -> v2 a b c < a b
    a:2 b:2 c:down   -> v2 a b c < a b
    a:2 b:2          -> v3 a b
  `);
});

Deno.test("planRing() takes a new member that is lost off again, and takes it back when it is", () => {
  play(`
    a b              -> v1 a b
    a b c            -> v2 a b c < a b
    a:2 b:2 c:lost   -> v3 a b
    a:2 b:2 c:lost   -> v3 a b
    a:3 b:3 c        -> v4 a b c < a b
  `);
  play(`
    a b              -> v1 a b
    a b c d          -> v2 a b c d < a b
    a b c:lost d     -> v3 a b d < a b
    a:3 b:3 d:3      -> v3 a b d
  `);
  // In the place of one that is gone: what is left takes over its share.
  play(`
    a b c            -> v1 a b c
    a b d            -> v2 a b d < a b c
    a:2 b:2 d:lost   -> v3 a b < a b c
    a:3 b:3 d:lost   -> v3 a b
  `);
});

Deno.test("planRing() keeps a member that is lost when it has its share, or nobody else is there", () => {
  play(`
    a b c            -> v1 a b c
    a b c:lost       -> v1 a b c
    a b c:lost d     -> v2 a b c d < a b c
    a b c:lost d:down -> v2 a b c d < a b c
    a:lost b:lost c:lost d:lost -> v3 a b c
  `);
  play(`
    a:lost           -> v0
    a                -> v1 a
    b                -> v2 b < a
    b:lost           -> v2 b < a
  `);
});

Deno.test("planRing() takes a change of weight or zone for a change of the ring", () => {
  const before = planRing([node("a"), node("b")]);
  const heavier = planRing([node("a"), { ...node("b"), weight: 2 }], before);
  assert.equal(heavier.version, 2);
  assert.deepEqual(heavier.previous, before.current);
  const gone = planRing([node("a"), { ...node("b"), weight: 0 }], before);
  assert.equal(told(gone), "v2 a < a b");
});

Deno.test("planRing() never drops a ring that somebody may still have to hand over from", () => {
  const anyNode = fc.record({
    id: fc.constantFrom("a", "b", "c", "d").map((id) => id as NodeId),
    zone: fc.constant("z"),
    weight: fc.constantFrom(0, 1, 1, 2),
    state: fc.constantFrom<NodeState[]>(
      "active",
      "active",
      "suspect",
      "down",
      "joining",
      "draining",
    ),
    ringVersion: fc.nat(6),
    isLost: fc.boolean(),
  }, { noNullPrototype: true });
  const cluster = fc.uniqueArray(anyNode, { maxLength: 4, selector: ({ id }) => id });
  fc.assert(fc.property(fc.array(cluster, { maxLength: 8 }), (clusters) => {
    let ring: RingAssignment = { version: 0, current: [] };
    for (const nodes of clusters) {
      const next = planRing(nodes, ring);
      checkStep(nodes, ring, next);
      ring = next;
    }
  }));
});

function checkStep(
  nodes: readonly RingPlannerNode[],
  before: RingAssignment,
  next: RingAssignment,
): void {
  const settled = before.previous ?? before.current;
  const isSame = JSON.stringify(next.current) === JSON.stringify(before.current);
  assert.equal(next.version, isSame ? before.version : before.version + 1);
  if (before.current.length > 0) assert.ok(next.current.length > 0, "data has somewhere to be");
  if (next.previous !== undefined) {
    assert.deepEqual(next.previous, settled);
    return;
  }
  if (settled.length === 0 || JSON.stringify(next.current) === JSON.stringify(settled)) return;
  // The ring before was dropped: everybody said so, of this very version.
  for (const { id } of next.current) {
    const told = nodes.find((node) => node.id === id)?.ringVersion ?? 0;
    assert.ok(told >= next.version, `${id} holds ${told}`);
  }
}
