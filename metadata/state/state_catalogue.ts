/**
 * The pack catalogue, read from the tables.
 *
 * @module
 */

import type { GroupId, NetworkId, PackGroup, RepositoryId } from "@gitstratum/core/rpc";
import type { CataloguedGroup, CatalogueVersion, PackCatalogue } from "./pack_catalogue.ts";
import type { SqlRow, Statements } from "./statements.ts";

/** {@link PackCatalogue} over a connection that reads committed state. */
export class StateCatalogue implements PackCatalogue {
  readonly #sql: Statements;

  /** Makes a catalogue over the statements of a connection. */
  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** {@inheritDoc PackCatalogue.groups} */
  groups(networkId: NetworkId, after = 0): readonly CataloguedGroup[] {
    return this.#sql.all(
      "SELECT * FROM pack_groups WHERE network = ? AND sequence > ? ORDER BY sequence",
      networkId,
      after,
    ).map((row) => ({
      sequence: Number(row["sequence"]),
      group: groupOf(row),
      repositoryId: row["repository"] as RepositoryId,
    }));
  }

  /** {@inheritDoc PackCatalogue.version} */
  version(networkId: NetworkId): CatalogueVersion {
    const row = this.#sql.get(
      "SELECT sequence, generation FROM networks WHERE network = ?",
      networkId,
    );
    return {
      sequence: Number(row?.["sequence"] ?? 0),
      generation: Number(row?.["generation"] ?? 0),
    };
  }
}

function groupOf(row: SqlRow): PackGroup {
  return {
    groupId: row["group_id"] as GroupId,
    historyBytes: Number(row["history_bytes"]),
    contentBytes: Number(row["content_bytes"]),
    indexBytes: Number(row["index_bytes"]),
    historyCount: Number(row["history_count"]),
    contentCount: Number(row["content_count"]),
    extentBytes: Number(row["extent_bytes"]),
  };
}
