/**
 * Counts what repositories take.
 *
 * Forks share the packs of their network, so the bytes of a network are counted once, and each pack as
 * brought by the repository to which it was pushed.
 *
 * @module
 */

import type { RepositoryKey, RepositoryUsage } from "@gitstratum/core/rpc";
import type { Statements } from "./statements.ts";

const GROUP_BYTES = "history_bytes + content_bytes + index_bytes";

/** What a repository and its network take, as the tables have it. */
export function usageOf(sql: Statements, key: RepositoryKey): RepositoryUsage {
  const bytes = sql.get(
    `SELECT total(${GROUP_BYTES}) AS network,` +
      ` total(${GROUP_BYTES}) FILTER (WHERE repository = ?1) AS brought` +
      " FROM pack_groups WHERE network = ?2",
    key.repositoryId,
    key.networkId,
  );
  const repositories = sql.get(
    "SELECT count(*) AS count FROM repositories WHERE network = ? AND deleted_at_ms IS NULL",
    key.networkId,
  );
  const references = sql.get(
    "SELECT count(*) AS count FROM refs WHERE repository =" +
      " (SELECT number FROM repositories WHERE repository = ?)",
    key.repositoryId,
  );
  return {
    networkBytes: Number(bytes?.["network"]),
    broughtBytes: Number(bytes?.["brought"]),
    networkRepositoryCount: Number(repositories?.["count"]),
    referenceCount: Number(references?.["count"]),
  };
}
