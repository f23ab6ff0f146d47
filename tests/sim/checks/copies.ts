/**
 * Whether every extent has all its copies, where the ring wants them, and none that was removed is left.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import type { ObjectNode } from "@gitstratum/object";
import { placeExtent, type ReplicaRecord, SegmentReplica } from "@gitstratum/object/ring";
import type { ExtentId } from "@gitstratum/core/rpc";
import type { SimNode } from "../cluster/sim_node.ts";

/** More than a run makes. */
const RECORD_COUNT_MAX = 100_000;

/** What is missing; nothing when all is well. */
export async function checkCopies(nodes: readonly SimNode<ObjectNode>[]): Promise<string[]> {
  const held = new Map<string, ReadonlyMap<ExtentId, ReplicaRecord>>();
  for (const { id, opened } of nodes) {
    if (opened === undefined) return [`${id} is down`];
    held.set(id, await recordsOf(opened));
  }
  const newest = new Map<ExtentId, ReplicaRecord>();
  for (const records of held.values()) {
    for (const [id, record] of records) {
      const known = newest.get(id);
      if (known === undefined || known.version < record.version) newest.set(id, record);
    }
  }
  const view = nodes[0]!.opened!.ring!.view();
  const missing: string[] = [];
  for (const [id, { kind, version }] of newest) {
    for (const owner of placeExtent(view, id).owners) {
      const record = held.get(owner)?.get(id);
      const isThere = record?.version === version &&
        !(record.kind === "living" && record.damaged);
      if (!isThere) missing.push(`${owner} lacks ${id} (${kind} ${version})`);
    }
  }
  return missing;
}

/** All that a node knows of extents. */
export async function recordsOf(node: ObjectNode): Promise<Map<ExtentId, ReplicaRecord>> {
  const replica = new SegmentReplica(node.store);
  const records = new Map<ExtentId, ReplicaRecord>();
  for (const record of await replica.list({ limit: RECORD_COUNT_MAX })) {
    records.set(record.id, record);
  }
  assert(records.size < RECORD_COUNT_MAX, "A run is small");
  return records;
}
