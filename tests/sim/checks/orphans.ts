/**
 * Whether a sweep left nothing that no catalogue names.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import type { SimCluster } from "../cluster/sim_cluster.ts";

/** Tables whose rows name extents by the first 32 digits of their ids. */
const CATALOGUES = [
  ["pack_groups", "group_id"],
  ["freed_groups", "group_id"],
  ["spilled", "payload"],
  ["snapshots", "snapshot"],
] as const;

/** Keys of extents that object nodes keep and no metadata node's catalogue names. */
export function findOrphans(cluster: SimCluster): readonly string[] {
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
    for (const { key } of opened?.store.list({ limit: 100_000 }) ?? []) {
      if (/^[0-9a-f]{32}/.test(key) && !named.has(key.slice(0, 32))) orphans.add(key);
    }
  }
  return [...orphans];
}
