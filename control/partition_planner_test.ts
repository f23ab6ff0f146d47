import assert from "node:assert/strict";
import fc from "fast-check";
import { emptyTopology, type NodeId, type PartitionAssignment } from "@gitstratum/core/rpc";
import { type PlannerNode, planPartitions } from "./partition_planner.ts";

const NOTHING = emptyTopology().partitions;

function nodes(count: number, zoneCount = count): PlannerNode[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `m-${index}` as NodeId,
    zone: `z-${index % zoneCount}`,
    state: "active",
  }));
}

function holders({ primary, followers }: PartitionAssignment): NodeId[] {
  return primary === null ? [...followers] : [primary, ...followers];
}

function loads(plan: readonly PartitionAssignment[], of: (p: PartitionAssignment) => NodeId[]) {
  const load = new Map<NodeId, number>();
  for (const id of plan.flatMap(of)) load.set(id, (load.get(id) ?? 0) + 1);
  return load;
}

function spreadOf(load: ReadonlyMap<NodeId, number>, some: readonly PlannerNode[]): number {
  const values = some.map(({ id }) => load.get(id) ?? 0);
  return Math.max(...values) - Math.min(...values);
}

function movedHolders(
  before: readonly PartitionAssignment[],
  after: readonly PartitionAssignment[],
): number {
  return after.reduce((sum, assignment, partition) => {
    const old = holders(before[partition]!);
    return sum + holders(assignment).filter((id) => !old.includes(id)).length;
  }, 0);
}

const POLICY = { replicaCount: 3 };

Deno.test("planPartitions() gives a single node everything", () => {
  const plan = planPartitions(nodes(1), NOTHING, POLICY);
  assert.equal(plan.length, 256);
  for (const assignment of plan) assert.deepEqual(assignment, { primary: "m-0", followers: [] });
});

Deno.test("planPartitions() leaves everything unassigned without nodes", () => {
  assert.deepEqual(planPartitions([], NOTHING, POLICY), NOTHING);
});

Deno.test("planPartitions() divides holders and primaries evenly", () => {
  for (const [count, zones] of [[2, 2], [3, 3], [5, 5], [7, 1], [9, 3]] as const) {
    const some = nodes(count, zones);
    const plan = planPartitions(some, NOTHING, POLICY);
    assert.ok(spreadOf(loads(plan, holders), some) <= 1, `${count} nodes: holders`);
    const primaries = loads(plan, ({ primary }) => primary ? [primary] : []);
    assert.ok(spreadOf(primaries, some) <= 1, `${count} nodes: primaries`);
  }
});

Deno.test("planPartitions() moves no more than a new node's share", () => {
  const before = planPartitions(nodes(5), NOTHING, POLICY);
  const after = planPartitions(nodes(6), before, POLICY);
  const moved = movedHolders(before, after);
  assert.equal(moved, 256 * 3 / 6);
  const others = after.flatMap(holders).filter((id) => id !== "m-5").length;
  assert.equal(others + moved, 256 * 3, "everything that moved went to the new node");
});

Deno.test("planPartitions() makes a new node primary of its share once it followed", () => {
  const before = planPartitions(nodes(3), NOTHING, POLICY);
  const joined = planPartitions(nodes(4), before, POLICY);
  const primaryOf = ({ primary }: PartitionAssignment) => primary ? [primary] : [];
  assert.equal(loads(joined, primaryOf).get("m-3" as NodeId), undefined);
  const settled = planPartitions(nodes(4), joined, POLICY);
  assert.ok(spreadOf(loads(settled, primaryOf), nodes(4)) <= 1);
});

Deno.test("planPartitions() hands a lost node's partitions to followers and moves nothing else", () => {
  const some = nodes(6);
  const before = planPartitions(some, NOTHING, POLICY);
  const after = planPartitions(with1(some, "down"), before, POLICY);
  for (const [partition, assignment] of after.entries()) {
    const old = before[partition]!;
    assert.ok(!holders(assignment).includes("m-1" as NodeId));
    if (old.primary === "m-1") assert.ok(old.followers.includes(assignment.primary!));
  }
  assert.equal(movedHolders(before, after), loads(before, holders).get("m-1" as NodeId));
});

Deno.test("planPartitions() lets a suspect keep everything and gives it nothing new", () => {
  const some = nodes(4);
  const before = planPartitions(some, NOTHING, POLICY);
  assert.deepEqual(planPartitions(with1(some, "suspect"), before, POLICY), before);
  const fresh = planPartitions(with1(some, "suspect"), NOTHING, POLICY);
  assert.equal(loads(fresh, holders).get("m-1" as NodeId), undefined);
});

Deno.test("planPartitions() empties a draining node only when others can take over", () => {
  const before = planPartitions(nodes(4), NOTHING, POLICY);
  const emptied = planPartitions(with1(nodes(4), "draining"), before, POLICY);
  assert.equal(loads(emptied, holders).get("m-1" as NodeId), undefined);
  const few = planPartitions(nodes(3), NOTHING, POLICY);
  const kept = planPartitions(with1(nodes(3), "draining"), few, POLICY);
  for (const assignment of kept) {
    assert.equal(holders(assignment).length, 3);
    assert.notEqual(assignment.primary, "m-1");
  }
});

Deno.test("planPartitions() keeps its promises at the size of a large cluster", () => {
  const nothing = Array.from({ length: 4096 }, () => NOTHING[0]!);
  const before = planPartitions(nodes(100, 10), nothing, POLICY);
  assert.ok(spreadOf(loads(before, holders), nodes(100, 10)) <= 1);
  const lost = planPartitions(with1(nodes(100, 10), "down"), before, POLICY);
  assert.equal(movedHolders(before, lost), loads(before, holders).get("m-1" as NodeId));
  const joined = planPartitions(nodes(101, 10), before, POLICY);
  assert.ok(movedHolders(before, joined) <= 4096 * 3 / 101);
  const many = planPartitions(nodes(1000, 10), NOTHING, POLICY);
  assert.ok(spreadOf(loads(many, holders), nodes(1000, 10)) <= 1);
});

/** What each of the nodes has caught up with; unknown of those that are not named. */
function caughtUp(
  some: readonly PlannerNode[],
  by: Readonly<Record<string, (partition: number) => boolean>>,
): PlannerNode[] {
  return some.map((node) => {
    const has = by[node.id];
    if (has === undefined) return node;
    return { ...node, caughtUp: new Set(NOTHING.keys().filter(has)) };
  });
}
const ALL = () => true;
const NONE = () => false;

Deno.test("planPartitions() makes no node primary that has to replay where a follower has caught up", () => {
  const some = nodes(4);
  const before = planPartitions(some, NOTHING, POLICY);
  const holds = (id: string) => (partition: number) =>
    holders(before[partition]!).includes(id as NodeId);
  const half = (partition: number) => partition < 128 && holds("m-3")(partition);
  const told = { "m-0": NONE, "m-2": holds("m-2"), "m-3": half };
  const after = planPartitions(with1(caughtUp(some, told), "down"), before, POLICY);
  for (const [partition, { primary }] of after.entries()) {
    const old = before[partition]!;
    if (old.primary !== "m-1") continue;
    const ready = old.followers.filter((id) => id === "m-2" || (id === "m-3" && partition < 128));
    if (ready.length > 0) assert.ok(ready.includes(primary!), `${partition}: ${primary}`);
    else assert.ok(old.followers.includes(primary!), "state that is old is better than none");
  }
});

Deno.test("planPartitions() makes a new node primary of its share once it has caught up", () => {
  const primaryOf = ({ primary }: PartitionAssignment) => primary ? [primary] : [];
  const told = { "m-0": ALL, "m-1": ALL, "m-2": ALL };
  const before = planPartitions(caughtUp(nodes(3), told), NOTHING, POLICY);
  const replaying = caughtUp(nodes(4), { ...told, "m-3": NONE });
  let plan: readonly PartitionAssignment[] = planPartitions(replaying, before, POLICY);
  plan = planPartitions(replaying, plan, POLICY);
  assert.equal(loads(plan, primaryOf).get("m-3" as NodeId), undefined);
  assert.ok(loads(plan, holders).get("m-3" as NodeId)! >= 256 * 3 / 4 - 1);
  const ready = caughtUp(nodes(4), { ...told, "m-3": ALL });
  plan = planPartitions(ready, plan, POLICY);
  assert.ok(spreadOf(loads(plan, primaryOf), nodes(4)) <= 1);
});

Deno.test("planPartitions() takes a primary's partitions that lost its tables, and gives them back", () => {
  const told = { "m-0": ALL, "m-1": ALL, "m-2": ALL };
  const before = planPartitions(caughtUp(nodes(3), told), NOTHING, POLICY);
  const emptied = caughtUp(nodes(3), { ...told, "m-1": NONE });
  const during = planPartitions(emptied, before, POLICY);
  assert.ok(during.every(({ primary }) => primary !== "m-1"));
  assert.equal(movedHolders(before, during), 0);
  assert.deepEqual(planPartitions(emptied, during, POLICY), during);
  const after = planPartitions(caughtUp(nodes(3), told), during, POLICY);
  assert.ok(spreadOf(loads(after, (p) => p.primary ? [p.primary] : []), nodes(3)) <= 1);
  // Nobody else is further: who is there goes on.
  const all = { "m-0": NONE, "m-1": NONE, "m-2": NONE };
  assert.deepEqual(planPartitions(caughtUp(nodes(3), all), before, POLICY), before);
  // Its word counts only while it is heard.
  assert.deepEqual(planPartitions(with1(emptied, "suspect"), before, POLICY), before);
});

Deno.test("planPartitions() leaves primaries where they are while nobody can take them", () => {
  const before = planPartitions(nodes(3), NOTHING, POLICY);
  const inStates = (...states: PlannerNode["state"][]) =>
    nodes(3).map((node, index) => ({ ...node, state: states[index]! }));
  const primariesOf = (plan: readonly PartitionAssignment[]) => plan.map(({ primary }) => primary);
  for (
    const states of [
      ["draining", "draining", "draining"],
      ["draining", "suspect", "suspect"],
      ["draining", "draining", "suspect"],
    ] as const
  ) {
    const plan = planPartitions(inStates(...states), before, POLICY);
    assert.deepEqual(primariesOf(plan), primariesOf(before), states.join());
    assert.deepEqual(planPartitions(inStates(...states), plan, POLICY), plan);
  }
  // The first one that can takes all.
  const able = planPartitions(inStates("draining", "active", "draining"), before, POLICY);
  assert.ok(able.every(({ primary }) => primary === "m-1"));
});

function with1(some: readonly PlannerNode[], state: PlannerNode["state"]): PlannerNode[] {
  return some.map((node) => node.id === "m-1" ? { ...node, state } : node);
}

const state = fc.constantFrom(
  "active",
  "active",
  "active",
  "suspect",
  "down",
  "draining",
  "joining",
);
const EVEN = new Set(NOTHING.keys().filter((partition) => partition % 2 === 0));
const cluster = fc.uniqueArray(
  fc.record({
    id: fc.nat({ max: 9 }).map((number) => `m-${number}` as NodeId),
    zone: fc.constantFrom("x", "y", "z"),
    state,
    caughtUp: fc.option(fc.constantFrom(EVEN, new Set<number>(), new Set(NOTHING.keys())), {
      nil: undefined,
    }),
  }).map(({ caughtUp, ...node }) => caughtUp === undefined ? node : { ...node, caughtUp }),
  { maxLength: 8, selector: ({ id }) => id },
) as fc.Arbitrary<PlannerNode[]>;

Deno.test("planPartitions() holds its promises through any history of clusters", () => {
  const history = fc.array(cluster, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(history, fc.integer({ min: 1, max: 4 }), (clusters, replicaCount) => {
      let plan: readonly PartitionAssignment[] = NOTHING;
      for (const some of clusters) {
        const next = planPartitions(some, plan, { replicaCount });
        checkPlan(some, plan, { next, replicaCount });
        plan = checkSettling(some, next, replicaCount);
      }
    }),
    { numRuns: 40 },
  );
});

/** The next plan may hand primaries to new followers; holders stay, and then everything does. */
function checkSettling(
  some: readonly PlannerNode[],
  plan: readonly PartitionAssignment[],
  replicaCount: number,
): readonly PartitionAssignment[] {
  const sorted = (assignment: PartitionAssignment) => holders(assignment).sort();
  const settled = planPartitions(some, plan, { replicaCount });
  assert.deepEqual(settled.map(sorted), plan.map(sorted), "holders are stable");
  assert.deepEqual(planPartitions(some, settled, { replicaCount }), settled, "a plan settles");
  return settled;
}

function checkPlan(
  some: readonly PlannerNode[],
  previous: readonly PartitionAssignment[],
  { next, replicaCount }: { next: readonly PartitionAssignment[]; replicaCount: number },
): void {
  const stateOf = new Map(some.map((node) => [node.id, node.state]));
  const zoneOf = new Map(some.map((node) => [node.id, node.zone]));
  const active = some.filter((node) => node.state === "active");
  const zoneCount = new Set(active.map(({ zone }) => zone)).size;
  for (const [partition, assignment] of next.entries()) {
    const ids = holders(assignment);
    const old = holders(previous[partition]!);
    assert.equal(new Set(ids).size, ids.length, "holders are distinct");
    assert.ok(ids.length <= replicaCount);
    assert.ok(ids.length >= Math.min(replicaCount, active.length), "enough holders");
    for (const id of ids) {
      const found = stateOf.get(id);
      assert.ok(found === "active" || old.includes(id), "only active nodes get new duties");
      assert.ok(found === "active" || found === "suspect" || found === "draining");
    }
    const zones = new Set(ids.map((id) => zoneOf.get(id))).size;
    assert.ok(zones >= Math.min(ids.length, zoneCount), "zones are spread");
    if (ids.length > 0) assert.notEqual(assignment.primary, null);
    const { primary } = assignment;
    const isGiven = primary !== null && primary !== previous[partition]!.primary;
    const hasCaughtUp = ({ id, caughtUp }: PlannerNode) =>
      ids.includes(id) && caughtUp?.has(partition) === true;
    if (isGiven && active.some(hasCaughtUp)) {
      assert.ok(active.some((node) => node.id === primary && hasCaughtUp(node)), "no replay");
    }
  }
}
