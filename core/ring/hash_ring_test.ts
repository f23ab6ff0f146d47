import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { HashRing, type RingNode, ringPosition } from "./hash_ring.ts";

function nodes(count: number, zoneCount: number, name = "node"): RingNode[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `${name}-${index}`,
    zone: `zone-${index % zoneCount}`,
    weight: 1,
  }));
}

const KEYS = Array.from({ length: 20_000 }, (_, index) => `extent-${index}`);

function loadOf(ring: HashRing, count: number): Map<string, number> {
  const load = new Map(ring.nodes.map(({ id }) => [id, 0]));
  for (const key of KEYS) {
    for (const { id } of ring.replicas(key, count)) load.set(id, load.get(id)! + 1);
  }
  return load;
}

function maxOverMean(load: Map<string, number>): number {
  const values = [...load.values()];
  return Math.max(...values) * values.length / values.reduce((sum, value) => sum + value, 0);
}

Deno.test("ringPosition() is the first eight bytes of SHA-256, big-endian", () => {
  const digest = createHash("sha256").update("abc").digest("hex");
  const { high, low } = ringPosition("abc");
  assert.equal(
    high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0"),
    "ba7816bf8f01cfea",
  );
  assert.ok(digest.startsWith("ba7816bf8f01cfea"));
});

Deno.test("HashRing places keys as it did when this was written", () => {
  const ring = new HashRing(nodes(5, 3));
  const placed = ["a", "b", "c"].map((key) => ring.replicas(key, 3).map(({ id }) => id.slice(5)));
  assert.deepEqual(placed.map((ids) => ids.join("")), GOLDEN);
});

const GOLDEN = ["342", "132", "042"];

Deno.test("HashRing.replicas() does what a search of all tokens does", () => {
  const anyNodes = fc.uniqueArray(
    fc.record({
      id: fc.stringMatching(/^[a-z0-9]{1,4}$/),
      zone: fc.constantFrom("x", "y", "z"),
      weight: fc.constantFrom(0, 0.02, 0.05, 0.1),
    }),
    { maxLength: 7, selector: ({ id }) => id },
  );
  fc.assert(
    fc.property(anyNodes, fc.string(), fc.nat({ max: 6 }), (some, key, count) => {
      const found = new HashRing(some).replicas(key, count).map(({ id }) => id);
      assert.deepEqual(found, slowReplicas(some, key, count));
    }),
    { numRuns: 300 },
  );
});

/** The definition, spelled out with big integers and no index. */
function slowReplicas(some: readonly RingNode[], key: string, count: number): string[] {
  const hash = (text: string) => BigInt("0x" + createHash("sha256").update(text).digest("hex"));
  const tokens = some.flatMap((node) =>
    Array.from({ length: Math.round(node.weight * 256) }, (_, index) => {
      const digest = hash(`${node.id}\0${index >> 2}`);
      return { node, at: BigInt.asUintN(64, digest >> BigInt(64 * (3 - index % 4))) };
    })
  ).sort((a, b) => a.at < b.at ? -1 : a.at > b.at ? 1 : a.node.id < b.node.id ? -1 : 1);
  const position = hash(key) >> 192n;
  const around = [
    ...tokens.filter(({ at }) => at >= position),
    ...tokens.filter(({ at }) => at < position),
  ];
  let rest = [...new Set(around.map(({ node }) => node))];
  const picked: RingNode[] = [];
  while (rest.length > 0) {
    const zones = new Set<string>();
    const round = rest.filter(({ zone }) => !zones.has(zone) && zones.add(zone));
    picked.push(...round);
    rest = rest.filter((node) => !round.includes(node));
  }
  return picked.slice(0, count).map(({ id }) => id);
}

Deno.test("HashRing loads ten nodes evenly: at most 1.10 of the mean with three replicas", () => {
  for (const name of ["node", "objects", "rack-a"]) {
    const ratio = maxOverMean(loadOf(new HashRing(nodes(10, 10, name)), 3));
    assert.ok(ratio <= 1.10, `${name}: ${ratio}`);
  }
});

Deno.test("HashRing gives a node of twice the weight twice the keys", () => {
  const some = nodes(6, 6).map((node, index) => ({ ...node, weight: index === 0 ? 2 : 1 }));
  const load = loadOf(new HashRing(some), 1);
  const share = load.get("node-0")! / KEYS.length;
  assert.ok(Math.abs(share - 2 / 7) < 0.04, `${share}`);
});

Deno.test("HashRing moves keys to a new node only, and no more than its share", () => {
  const before = new HashRing(nodes(5, 5));
  const after = new HashRing([...nodes(5, 5), { id: "new", zone: "zone-new", weight: 1 }]);
  let moved = 0;
  for (const key of KEYS) {
    const old = before.replicas(key, 3).map(({ id }) => id);
    const now = after.replicas(key, 3).map(({ id }) => id);
    const added = now.filter((id) => !old.includes(id));
    assert.ok(added.length === 0 || (added.length === 1 && added[0] === "new"), key);
    assert.deepEqual(now.filter((id) => id !== "new"), old.slice(0, 3 - added.length));
    moved += added.length;
  }
  assert.ok(
    moved / (3 * KEYS.length) <= 1.2 / 6,
    `${moved / (3 * KEYS.length)} of the copies moved`,
  );
});

Deno.test("HashRing takes nothing from the nodes that stay when one leaves", () => {
  const before = new HashRing(nodes(6, 6));
  const after = new HashRing(nodes(6, 6).slice(1));
  for (const key of KEYS.slice(0, 5000)) {
    const old = before.replicas(key, 3).map(({ id }) => id).filter((id) => id !== "node-0");
    assert.deepEqual(after.replicas(key, 3).map(({ id }) => id).slice(0, old.length), old);
  }
});

Deno.test("HashRing.replicas() spreads over zones, then over what there is", () => {
  const ring = new HashRing(nodes(9, 3));
  for (const key of KEYS.slice(0, 2000)) {
    const six = ring.replicas(key, 6);
    assert.equal(new Set(six.slice(0, 3).map(({ zone }) => zone)).size, 3);
    assert.equal(new Set(six.slice(3).map(({ zone }) => zone)).size, 3);
    assert.equal(new Set(six).size, 6);
  }
  const two = new HashRing(nodes(2, 1));
  assert.equal(two.replicas("key", 3).length, 2);
  assert.deepEqual(new HashRing([]).replicas("key", 3), []);
});

Deno.test("HashRing is the same whatever the order of the nodes", () => {
  const some = nodes(7, 3);
  const one = new HashRing(some);
  const other = new HashRing(some.toReversed());
  for (const key of KEYS.slice(0, 500)) {
    assert.deepEqual(one.replicas(key, 3), other.replicas(key, 3));
  }
});

Deno.test("HashRing loads a thousand nodes evenly, and a further one takes no more than its share", () => {
  const before = new HashRing(nodes(1000, 20));
  const after = new HashRing([...nodes(1000, 20), { id: "new", zone: "zone-0", weight: 1 }]);
  const load = new Map(after.nodes.map(({ id }) => [id, 0]));
  let movedCount = 0;
  const positionCount = 60_000;
  for (let index = 0; index < positionCount; index++) {
    const high = Math.floor((index + 0.5) / positionCount * 2 ** 32);
    const old = before.replicasAt({ high, low: 0 }, 3);
    for (const node of after.replicasAt({ high, low: 0 }, 3)) {
      load.set(node.id, load.get(node.id)! + 1);
      if (!old.some(({ id }) => id === node.id)) movedCount++;
    }
  }
  const ratio = maxOverMean(load);
  assert.ok(ratio <= 1.25, `${ratio}`);
  const share = movedCount / (3 * positionCount) * 1001;
  assert.ok(share > 0.5 && share <= 1.2, `${share} of a node's share moved`);
});
