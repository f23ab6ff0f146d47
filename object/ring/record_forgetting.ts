/**
 * Forgetting what need not be known any more: old tombstones, and copies on former owners.
 *
 * Invariants: a tombstone is forgotten only when every owner has it, it is older than `keepMs`
 * everywhere, the ring is not changing, and nobody keeps a hint of its extent: then nothing is left
 * that could bring the extent back. A former owner's copy is forgotten only when every owner knows as
 * much; what one of them does not know is told to it first. When a node is away nothing that concerns
 * it is forgotten.
 *
 * @module
 */

import { assert, EXTENT_LIST_COUNT_MAX } from "@gitstratum/core";
import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import { listAll } from "./anti_entropy.ts";
import type { NodeCaller } from "./node_caller.ts";
import { placeExtent, type RingView } from "./placement.ts";
import type { HintName } from "./replica_node.ts";
import { planRepair } from "./repair_plan.ts";
import type { RepairRunner } from "./repair_runner.ts";
import type { ReplicaRecord } from "./replica_record.ts";

/** Where to forget. */
export interface ForgettingOptions {
  /** Calls nodes. */
  readonly caller: NodeCaller;
  /** The ring, which is not changing. */
  readonly view: RingView;
}

/**
 * Forgets tombstones that every owner has had for longer than `keepMs`, by `nowMs`.
 *
 * @returns how many extents are forgotten
 * @throws `unavailable` when a node is away: nothing is forgotten then
 */
export async function forgetTombstones(
  options: ForgettingOptions & { readonly nowMs: number; readonly keepMs: number },
): Promise<number> {
  const { caller, view, nowMs, keepMs } = options;
  assert(view.previous === undefined, "Tombstones stay while the ring changes");
  const nodes = view.current.nodes.map(({ id }) => id as NodeId);
  const hinted = new Set<ExtentId>();
  const known = new Map<ExtentId, Map<NodeId, ReplicaRecord>>();
  for (const node of nodes) {
    for (const { id } of await listHints(caller, node)) hinted.add(id);
    for (const record of await listAll(caller, node)) {
      const byNode = known.get(record.id) ?? new Map<NodeId, ReplicaRecord>();
      known.set(record.id, byNode.set(node, record));
    }
  }
  const isOld = (record: ReplicaRecord | undefined) =>
    record?.kind === "removed" && record.removedAtMs + keepMs <= nowMs;
  let forgottenCount = 0;
  for (const [id, byNode] of known) {
    const versions = new Set([...byNode.values()].map(({ version }) => version));
    const owners = placeExtent(view, id).owners;
    const everywhere = versions.size === 1 && owners.every((node) => isOld(byNode.get(node)));
    if (!everywhere || hinted.has(id)) continue;
    const [version] = versions;
    const record = { id, version: version! };
    await Promise.all(
      [...byNode.keys()].map((node) => caller.call(node, (replica) => replica.forget([record]))),
    );
    forgottenCount++;
  }
  return forgottenCount;
}

/**
 * Forgets what a node holds but does not own, where every owner knows as much.
 *
 * A write that is late by seconds may reach a former owner when the hand-over is closed. No comparison
 * looks there any more, so a runner, if there is one, tells owners what they do not know; the next call
 * finds it known.
 *
 * @returns how many records are forgotten, and how many stay
 */
export async function forgetStrays(
  options: ForgettingOptions & {
    readonly self: NodeId;
    readonly runner?: Pick<RepairRunner, "run">;
  },
): Promise<{ readonly forgottenCount: number; readonly keptCount: number }> {
  const { caller, view, self, runner } = options;
  assert(
    view.previous === undefined,
    "Former owners keep their copies until the hand-over is closed",
  );
  let forgottenCount = 0;
  let keptCount = 0;
  for (const record of await listAll(caller, self)) {
    const { owners } = placeExtent(view, record.id);
    if (owners.includes(self)) continue;
    const known = await knowledgeOf(owners, record.id, caller);
    if (known.size > 0 && known.size === owners.length && isKnownBy(known, record)) {
      await caller.call(self, (node) => node.forget([record]));
      forgottenCount++;
      continue;
    }
    keptCount++;
    const holdings = new Map([[self, [record]], ...known]);
    await runner?.run(planRepair({ holdings, ownersOf: () => owners }));
  }
  return { forgottenCount, keptCount };
}

/** What owners that can be reached know of an extent. */
async function knowledgeOf(
  owners: readonly NodeId[],
  id: ExtentId,
  caller: NodeCaller,
): Promise<ReadonlyMap<NodeId, readonly ReplicaRecord[]>> {
  const found = await Promise.allSettled(
    owners.map((owner) => caller.call(owner, (node) => node.find(id))),
  );
  return new Map(
    found.flatMap((one, index) =>
      one.status === "rejected"
        ? []
        : [[owners[index]!, one.value === undefined ? [] : [one.value]] as const]
    ),
  );
}

/** Whether all know as much of an extent as a record says. */
function isKnownBy(
  known: ReadonlyMap<NodeId, readonly ReplicaRecord[]>,
  record: ReplicaRecord,
): boolean {
  return [...known.values()].every(([theirs]) => {
    if (theirs === undefined) return false;
    const { kind, version } = theirs;
    if (version !== record.version || kind === "removed") return version >= record.version;
    return !theirs.damaged && record.kind === "living" && theirs.bytes === record.bytes;
  });
}

async function listHints(caller: NodeCaller, node: NodeId): Promise<HintName[]> {
  const found: HintName[] = [];
  for (;;) {
    const after = found.at(-1);
    const page = await caller.call(
      node,
      (replica) =>
        replica.hints({ limit: EXTENT_LIST_COUNT_MAX, ...(after === undefined ? {} : { after }) }),
    );
    found.push(...page);
    if (page.length < EXTENT_LIST_COUNT_MAX) return found;
  }
}
