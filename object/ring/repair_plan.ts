/**
 * What has to be done so that owners know the newest of what some replicas know: a pure planner, for
 * repair, for hand-over to a new ring, and for draining alike.
 *
 * @module
 */

import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import type { LifeVersion, ReplicaRecord } from "./replica_record.ts";

/** One step of a repair. */
export type RepairAction =
  /** Copy an extent from the first of the sources that gives it, to each of the targets. */
  | {
    readonly kind: "copy";
    readonly id: ExtentId;
    readonly version: LifeVersion;
    readonly bytes: number;
    readonly from: readonly NodeId[];
    readonly to: readonly NodeId[];
  }
  /** Tell of a removal. */
  | {
    readonly kind: "bury";
    readonly id: ExtentId;
    readonly version: LifeVersion;
    readonly to: readonly NodeId[];
  }
  /** Nobody asked has an intact copy of the newest version: people have to know. */
  | { readonly kind: "lost"; readonly id: ExtentId; readonly nodes: readonly NodeId[] }
  /** Copies of one version differ: people have to decide. */
  | { readonly kind: "divergent"; readonly id: ExtentId; readonly nodes: readonly NodeId[] };

/** What replicas know. */
export interface RepairInput {
  /** All records of the same extents by each replica that was asked. */
  readonly holdings: ReadonlyMap<NodeId, readonly ReplicaRecord[]>;
  /** Where an extent belongs. */
  readonly ownersOf: (id: ExtentId) => readonly NodeId[];
}

interface Holder {
  readonly node: NodeId;
  readonly record: ReplicaRecord;
}

/** Plans in order of id. Owners that were not asked get nothing. */
export function planRepair({ holdings, ownersOf }: RepairInput): RepairAction[] {
  const holders = new Map<ExtentId, Holder[]>();
  for (const [node, records] of holdings) {
    for (const record of records) {
      const known = holders.get(record.id);
      if (known === undefined) holders.set(record.id, [{ node, record }]);
      else known.push({ node, record });
    }
  }
  return [...holders.entries()]
    .sort(([a], [b]) => a < b ? -1 : 1)
    .flatMap(([id, known]) => {
      const owners = ownersOf(id).filter((node) => holdings.has(node));
      return planExtent(id, known, owners) ?? [];
    });
}

function planExtent(
  id: ExtentId,
  holders: readonly Holder[],
  owners: readonly NodeId[],
): RepairAction | undefined {
  const version = Math.max(...holders.map(({ record }) => record.version)) as LifeVersion;
  const newest = holders.filter(({ record }) => record.version === version);
  const intact = newest.filter(({ record }) => !(record.kind === "living" && record.damaged));
  const complete = new Set(intact.map(({ node }) => node));
  const to = owners.filter((node) => !complete.has(node));
  const first = newest[0]!.record;
  if (first.kind === "removed") {
    return to.length === 0 ? undefined : { kind: "bury", id, version, to };
  }
  const nodes = newest.map(({ node }) => node);
  const lengths = new Set(intact.map(({ record }) => record.kind === "living" ? record.bytes : -1));
  if (lengths.size > 1) return { kind: "divergent", id, nodes };
  if (intact.length === 0) return { kind: "lost", id, nodes };
  if (to.length === 0) return undefined;
  return { kind: "copy", id, version, bytes: [...lengths][0]!, from: [...complete], to };
}
