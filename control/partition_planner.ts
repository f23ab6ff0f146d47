/**
 * Which metadata nodes serve which partition: a pure function of the nodes, the assignment before and
 * the policy.
 *
 * What holds of a plan, in this order of importance:
 * 1. Each partition has as many holders as wanted, or all usable nodes when there are fewer.
 * 2. Nodes that are joining, down or unknown hold nothing; draining ones only while others are too few.
 * 3. Holders are in as many zones as possible.
 * 4. Nodes hold equally many partitions, and are primary of equally many, as far as 3 allows.
 * 5. Nothing else moves: a plan made from itself has the same holders.
 *
 * A primary stays while it is active or suspect. Its successor is one of its followers when there is an
 * active one, rather one that has caught up with the log, and primaries are evened out between nodes
 * that held the partition before and are no further behind. So a node that joins becomes a follower by
 * one plan and a primary by a later one, once it has caught up. A primary that says that it has not,
 * because it lost its tables, gives the partition to an active follower that has.
 *
 * While no holder is active a primary stays, though it should be emptied: it is the one that can serve.
 *
 * What nodes of an earlier release have caught up with is not known. They are taken for ready where they
 * were holders before, but not as ready as one that says so.
 *
 * @module
 */

import type { NodeId, NodeState, PartitionAssignment } from "@gitstratum/core/rpc";

/** A metadata node as the planner sees it. */
export interface PlannerNode {
  /** Its name. */
  readonly id: NodeId;
  /** Its failure domain. */
  readonly zone: string;
  /** How it is. */
  readonly state: NodeState;
  /** Partitions that it could serve at once; absent while nobody knows. */
  readonly caughtUp?: ReadonlySet<number>;
}

/** How long a node would need to serve a partition: no time, who knows, all of the log. */
type Delay = 0 | 1 | 2;

/** Makes the next assignment. */
export function planPartitions(
  nodes: readonly PlannerNode[],
  previous: readonly PartitionAssignment[],
  policy: { readonly replicaCount: number },
): PartitionAssignment[] {
  const plan = new HolderPlan(nodes, previous, policy.replicaCount);
  plan.fill();
  plan.spread();
  plan.balance();
  return assignPrimaries(plan.holders, previous, plan);
}

/** The holders of every partition while a plan is made. */
class HolderPlan {
  readonly holders: NodeId[][];
  /** Nodes that may become primary. */
  readonly activeIds: ReadonlySet<NodeId>;
  /** Nodes that may stay primary: the active and the suspect. */
  readonly keptIds: ReadonlySet<NodeId>;
  readonly #active: readonly PlannerNode[];
  readonly #caughtUp: ReadonlyMap<NodeId, ReadonlySet<number> | undefined>;
  readonly #zones: ReadonlyMap<NodeId, string>;
  readonly #previous: readonly PartitionAssignment[];
  readonly #draining: ReadonlySet<NodeId>;
  readonly #wanted: number;
  readonly #load = new Map<NodeId, number>();

  constructor(
    nodes: readonly PlannerNode[],
    previous: readonly PartitionAssignment[],
    replicaCount: number,
  ) {
    const inState = (...states: NodeState[]) => nodes.filter(({ state }) => states.includes(state));
    this.#active = inState("active").toSorted((a, b) => a.id < b.id ? -1 : 1);
    this.activeIds = new Set(this.#active.map(({ id }) => id));
    this.#draining = new Set(inState("draining").map(({ id }) => id));
    this.#caughtUp = new Map(nodes.map(({ id, caughtUp }) => [id, caughtUp]));
    this.#zones = new Map(nodes.map(({ id, zone }) => [id, zone]));
    this.#previous = previous;
    this.#wanted = replicaCount;
    this.keptIds = new Set(inState("active", "suspect").map(({ id }) => id));
    this.holders = previous.map((assignment) =>
      holdersOf(assignment).filter((id) => this.keptIds.has(id)).slice(0, replicaCount)
    );
    for (const id of this.holders.flat()) this.#count(id, 1);
  }

  /** Gives every partition its number of holders. */
  fill(): void {
    for (const [partition, holders] of this.holders.entries()) {
      while (holders.length < this.#wanted) {
        const best = this.#bestNewHolder(partition);
        if (best === undefined) break;
        holders.push(best);
        this.#count(best, 1);
      }
      this.#keepDraining(partition);
    }
  }

  /** Replaces holders that share a zone where another zone has none. */
  spread(): void {
    const zoneCount = new Set(this.#active.map(({ zone }) => zone)).size;
    for (const [partition, holders] of this.holders.entries()) {
      const reachable = Math.min(holders.length, zoneCount);
      while (this.#zoneCount(holders) < reachable && this.#spreadOne(partition));
    }
  }

  /** Moves holders from full nodes to empty ones until they differ by one at most. */
  balance(): void {
    while (this.#balanceOne());
  }

  /** How long a node would need to serve a partition. */
  delay(id: NodeId, partition: number): Delay {
    const caughtUp = this.#caughtUp.get(id);
    if (caughtUp === undefined) return 1;
    return caughtUp.has(partition) ? 0 : 2;
  }

  #spreadOne(partition: number): boolean {
    const holders = this.holders[partition]!;
    const zones = holders.map((id) => this.#zones.get(id));
    const index = zones.findLastIndex((zone, at) => zones.indexOf(zone) !== at);
    const best = this.#bestNewHolder(partition);
    if (index < 0 || best === undefined || zones.includes(this.#zones.get(best))) return false;
    this.#replace(holders, holders[index]!, best);
    return true;
  }

  #balanceOne(): boolean {
    const byLoad = this.#active.map(({ id }) => id)
      .sort((a, b) => this.#loadOf(a) - this.#loadOf(b));
    for (const empty of byLoad) {
      for (const full of byLoad.toReversed()) {
        if (this.#loadOf(full) - this.#loadOf(empty) <= 1) break;
        if (this.#moveOne(full, empty)) return true;
      }
    }
    return false;
  }

  /** Moves one partition, rather one of which `from` is not the primary. */
  #moveOne(from: NodeId, to: NodeId): boolean {
    const movable = this.holders.filter((holders) =>
      holders.includes(from) && !holders.includes(to) &&
      this.#zoneCount(holders.map((id) => id === from ? to : id)) >= this.#zoneCount(holders)
    );
    const best = movable.find((holders) => holders[0] !== from) ?? movable[0];
    if (best === undefined) return false;
    this.#replace(best, from, to);
    return true;
  }

  /** Nodes that are to be emptied keep what nobody else can take. */
  #keepDraining(partition: number): void {
    const holders = this.holders[partition]!;
    for (const id of holdersOf(this.#previous[partition]!)) {
      if (holders.length >= this.#wanted) return;
      if (this.#draining.has(id) && !holders.includes(id)) holders.push(id);
    }
  }

  /**
   * Rather a node in a new zone than another, rather an idle one. Equals are drawn by lot: fixed groups
   * of nodes would leave a lost node's share to its own group.
   */
  #bestNewHolder(partition: number): NodeId | undefined {
    const holders = this.holders[partition]!;
    const zones = new Set(holders.map((id) => this.#zones.get(id)));
    let best: { readonly id: NodeId; readonly cost: number } | undefined;
    for (const { id, zone } of this.#active) {
      if (holders.includes(id)) continue;
      const cost = this.#loadOf(id) + (zones.has(zone) ? 1_000_000 : 0) + lot(partition, id);
      if (best === undefined || cost < best.cost) best = { id, cost };
    }
    return best?.id;
  }

  #replace(holders: NodeId[], from: NodeId, to: NodeId): void {
    holders[holders.indexOf(from)] = to;
    this.#count(from, -1);
    this.#count(to, 1);
  }

  #zoneCount(holders: readonly NodeId[]): number {
    return new Set(holders.map((id) => this.#zones.get(id))).size;
  }

  #loadOf(id: NodeId): number {
    return this.#load.get(id) ?? 0;
  }

  #count(id: NodeId, change: number): void {
    this.#load.set(id, this.#loadOf(id) + change);
  }
}

type Candidates = Pick<HolderPlan, "activeIds" | "keptIds" | "delay">;

/** Chooses one holder of each partition to be its primary. */
function assignPrimaries(
  holders: readonly (readonly NodeId[])[],
  previous: readonly PartitionAssignment[],
  candidates: Candidates,
): PartitionAssignment[] {
  const { activeIds, keptIds } = candidates;
  const load = new Map<NodeId, number>();
  const primaries = holders.map((some, partition) => {
    const before = previous[partition]!.primary;
    if (before === null || !some.includes(before)) return null;
    // Without one that is active nobody could take over from it.
    if (!keptIds.has(before) && some.some((id) => activeIds.has(id))) return null;
    if (isOvertaken(before, { holders: some, partition, candidates })) return null;
    load.set(before, (load.get(before) ?? 0) + 1);
    return before;
  });
  for (const [partition, primary] of primaries.entries()) {
    if (primary !== null) continue;
    const delay = (id: NodeId) => candidates.delay(id, partition);
    const chosen = successor(holders[partition]!, previous[partition]!, { activeIds, load, delay });
    primaries[partition] = chosen ?? null;
    if (chosen !== undefined) load.set(chosen, (load.get(chosen) ?? 0) + 1);
  }
  const informed = holders.map((some, partition) => {
    const before = new Set(holdersOf(previous[partition]!));
    const primary = primaries[partition];
    if (primary === null || primary === undefined) return [];
    const delay = (id: NodeId) => candidates.delay(id, partition);
    const active = some.filter((id) => activeIds.has(id));
    const least = Math.min(...active.map(delay));
    const isKnown = (id: NodeId) => !before.has(primary) || before.has(id);
    return active.filter((id) => delay(id) === least && (least === 0 || isKnown(id)));
  });
  balancePrimaries(primaries, informed, { activeIds, load });
  return holders.map((some, partition) => ({
    primary: primaries[partition]!,
    followers: some.filter((id) => id !== primaries[partition]),
  }));
}

/** Whether an active primary that has to replay its log could leave that to a follower that has not. */
function isOvertaken(
  primary: NodeId,
  parts: {
    readonly holders: readonly NodeId[];
    readonly partition: number;
    readonly candidates: Candidates;
  },
): boolean {
  const { holders, partition, candidates } = parts;
  if (!candidates.activeIds.has(primary) || candidates.delay(primary, partition) < 2) return false;
  return holders.some((id) =>
    candidates.activeIds.has(id) && candidates.delay(id, partition) === 0
  );
}

interface PrimaryLoad {
  readonly activeIds: ReadonlySet<NodeId>;
  readonly load: Map<NodeId, number>;
}

/**
 * Rather an active node than another, rather one that has caught up, rather one that held the partition
 * before, rather an idle one.
 */
function successor(
  holders: readonly NodeId[],
  previous: PartitionAssignment,
  { activeIds, load, delay }: PrimaryLoad & { readonly delay: (id: NodeId) => Delay },
): NodeId | undefined {
  const known = new Set(holdersOf(previous));
  const cost = (id: NodeId) =>
    (activeIds.has(id) ? 0 : 8_000_000) + 2_000_000 * delay(id) + (known.has(id) ? 0 : 1_000_000) +
    (load.get(id) ?? 0);
  return holders.toSorted((a, b) => cost(a) - cost(b))[0];
}

/** Hands partitions from nodes that are primary of many to candidates that are of few. */
function balancePrimaries(
  primaries: (NodeId | null)[],
  candidates: readonly (readonly NodeId[])[],
  { activeIds, load }: PrimaryLoad,
): void {
  for (let moved = true; moved;) {
    moved = false;
    for (const [partition, primary] of primaries.entries()) {
      if (primary === null || !activeIds.has(primary)) continue;
      const most = load.get(primary) ?? 0;
      const idle = candidates[partition]!.find((id) => most - (load.get(id) ?? 0) > 1);
      if (idle === undefined) continue;
      primaries[partition] = idle;
      load.set(primary, most - 1);
      load.set(idle, (load.get(idle) ?? 0) + 1);
      moved = true;
    }
  }
}

/** A fraction below 1 that looks random and is the same for everybody: FNV-1a, finished by a shift. */
function lot(partition: number, id: NodeId): number {
  let hash = 0x811c9dc5;
  for (const character of `${partition}/${id}`) {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

function holdersOf(assignment: PartitionAssignment): NodeId[] {
  return assignment.primary === null
    ? [...assignment.followers]
    : [assignment.primary, ...assignment.followers];
}
