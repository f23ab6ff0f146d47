/**
 * Whether a sweep left nothing that no catalogue names.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { recordsOf } from "./copies.ts";
import type { SimCluster } from "../cluster/sim_cluster.ts";

/** Tables whose rows name extents by the first 32 digits of their ids. */
const CATALOGUES = [
  ["pack_groups", "group_id"],
  ["freed_groups", "group_id"],
  ["spilled", "payload"],
  ["snapshots", "snapshot"],
] as const;

/** Ids of extents that object nodes keep and no metadata node's catalogue names. */
export async function findOrphans(cluster: SimCluster): Promise<readonly string[]> {
  const named = new Set<string>();
  for (const { path } of cluster.metadataRoles) {
    using database = new DatabaseSync(`${path}/metadata.sqlite`, { readOnly: true });
    for (const [table, column] of CATALOGUES) {
      for (const row of database.prepare(`SELECT ${column} AS name FROM ${table}`).all()) {
        named.add(String(row["name"]));
      }
    }
  }
  const orphans = new Set<string>();
  for (const { opened } of cluster.objects) {
    if (opened === undefined) continue;
    // What a crash left of a removed extent is no extent: it goes with its tombstone.
    for (const { id, kind } of (await recordsOf(opened)).values()) {
      if (kind === "living" && !named.has(id.slice(0, 32))) orphans.add(id);
    }
  }
  return [...orphans];
}
