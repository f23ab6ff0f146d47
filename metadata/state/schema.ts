/**
 * Tables of a metadata node: one SQLite file for all its partitions (docs/decisions/metadata-sqlite.md).
 *
 * Everything here is derived from the logs. Repositories have a node-local number, so that reference
 * rows stay short; it never leaves the node.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { GitStratumError } from "@gitstratum/core";
import { partitionOf } from "@gitstratum/core/ring";
import { WEBHOOK_TABLES } from "../webhooks/webhook_schema.ts";

/** Raised with every change of {@link TABLES}. */
export const SCHEMA_VERSION = 7;

const SNAPSHOTS = `
-- Snapshots of partitions in extents: after which lsn, and what their bytes are.
CREATE TABLE snapshots (
  partition INTEGER NOT NULL,
  lsn INTEGER NOT NULL,
  snapshot TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  extent_bytes INTEGER NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (partition, lsn)
) STRICT, WITHOUT ROWID;
`;

const AUDIT = `
-- What somebody did, one row for each record of the log that is an act.
CREATE TABLE audit_acts (
  partition INTEGER NOT NULL,
  lsn INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  repository TEXT NOT NULL,
  -- Its name of that time.
  name TEXT NOT NULL,
  owner TEXT NOT NULL,
  user TEXT,
  provenance TEXT,
  details TEXT NOT NULL,
  PRIMARY KEY (partition, lsn)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_acts_at ON audit_acts (at_ms, partition, lsn);
CREATE INDEX audit_acts_repository ON audit_acts (repository, at_ms, partition, lsn);
CREATE INDEX audit_acts_owner ON audit_acts (owner, at_ms, partition, lsn);
CREATE INDEX audit_acts_user ON audit_acts (user, at_ms, partition, lsn) WHERE user IS NOT NULL;

-- The references that an act changed.
CREATE TABLE audit_changes (
  partition INTEGER NOT NULL,
  lsn INTEGER NOT NULL,
  position INTEGER NOT NULL,
  reference TEXT NOT NULL,
  old_oid BLOB,
  new_oid BLOB,
  PRIMARY KEY (partition, lsn, position)
) STRICT, WITHOUT ROWID;
`;

const NAMES_BY_STATE = `
CREATE INDEX names_claimed ON names (at_ms) WHERE state = 0;
CREATE INDEX names_moved ON names (at_ms) WHERE state = 2;
`;

const REPOSITORIES_BY_NAME = `
CREATE INDEX repositories_name ON repositories (name)
  WHERE deleted_at_ms IS NULL AND removed_at_ms IS NULL;
CREATE INDEX repositories_removed ON repositories (name)
  WHERE deleted_at_ms IS NULL AND removed_at_ms IS NOT NULL;
`;

const NAME_DEBTS = `
-- Names that repositories had, by their name version then, of which the directory is to be told.
-- moves: 1 = the name shall lead to the repository, 0 = it shall be free.
CREATE TABLE name_debts (
  repository INTEGER NOT NULL,
  version INTEGER NOT NULL,
  name TEXT NOT NULL,
  moves INTEGER NOT NULL,
  PRIMARY KEY (repository, version)
) STRICT, WITHOUT ROWID;
`;

const TABLES = `${WEBHOOK_TABLES}${SNAPSHOTS}${AUDIT}${NAME_DEBTS}
-- How far each partition's log has been applied.
CREATE TABLE applied (
  partition INTEGER PRIMARY KEY,
  lsn INTEGER NOT NULL
) STRICT;

-- state: 0 = claimed, 1 = confirmed, 2 = the repository has moved to another name.
CREATE TABLE names (
  name TEXT PRIMARY KEY,
  repository TEXT NOT NULL,
  network TEXT NOT NULL,
  state INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  version INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
${NAMES_BY_STATE}
CREATE INDEX names_partition ON names (partition);

-- A row whose deleted_at_ms is set bars its id for ever. finished: its name has been released.
-- A row with removed_at_ms alone can be restored.
CREATE TABLE repositories (
  number INTEGER PRIMARY KEY,
  repository TEXT NOT NULL UNIQUE,
  network TEXT NOT NULL,
  name TEXT NOT NULL,
  object_format TEXT NOT NULL,
  head TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  refs_version INTEGER NOT NULL,
  deleted_at_ms INTEGER,
  finished INTEGER NOT NULL DEFAULT 0,
  -- As JSON; NULL = none was ever changed.
  settings TEXT,
  partition INTEGER NOT NULL,
  name_version INTEGER NOT NULL DEFAULT 0,
  removed_at_ms INTEGER,
  -- The repository that it was forked from.
  parent TEXT
) STRICT;
CREATE INDEX repositories_partition ON repositories (partition);
${REPOSITORIES_BY_NAME}
CREATE INDEX repositories_network ON repositories (network) WHERE deleted_at_ms IS NULL;
CREATE INDEX repositories_unfinished ON repositories (number)
  WHERE deleted_at_ms IS NOT NULL AND finished = 0;

CREATE TABLE refs (
  repository INTEGER NOT NULL,
  name TEXT NOT NULL,
  oid BLOB NOT NULL,
  peeled BLOB,
  PRIMARY KEY (repository, name)
) STRICT, WITHOUT ROWID;

-- What references pointed at before: reachable for a grace time.
CREATE TABLE former_refs (
  repository INTEGER NOT NULL,
  lsn INTEGER NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  oid BLOB NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (repository, lsn, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX former_refs_at ON former_refs (at_ms);

CREATE TABLE networks (
  network TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  partition INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX networks_partition ON networks (partition);

CREATE TABLE pack_groups (
  network TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  group_id TEXT NOT NULL,
  repository TEXT NOT NULL,
  history_bytes INTEGER NOT NULL,
  content_bytes INTEGER NOT NULL,
  index_bytes INTEGER NOT NULL,
  history_count INTEGER NOT NULL,
  content_count INTEGER NOT NULL,
  extent_bytes INTEGER NOT NULL,
  PRIMARY KEY (network, sequence)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX pack_groups_id ON pack_groups (network, group_id);

-- Groups that nothing refers to any more, until their extents are removed.
CREATE TABLE freed_groups (
  group_id TEXT PRIMARY KEY,
  network TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  history_bytes INTEGER NOT NULL,
  content_bytes INTEGER NOT NULL,
  index_bytes INTEGER NOT NULL,
  extent_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX freed_groups_at ON freed_groups (at_ms);

CREATE TABLE pushes (
  repository INTEGER NOT NULL,
  push TEXT NOT NULL,
  lsn INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  command_count INTEGER NOT NULL,
  rejections TEXT NOT NULL,
  provenance TEXT NOT NULL,
  PRIMARY KEY (repository, push)
) STRICT, WITHOUT ROWID;
CREATE INDEX pushes_at ON pushes (at_ms);

-- Extents that hold records too large for the log, until the log is truncated past them.
CREATE TABLE spilled (
  payload TEXT PRIMARY KEY,
  partition INTEGER NOT NULL,
  lsn INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  extent_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** What brings the tables of an older version to the next one. */
const MIGRATIONS: Readonly<Record<number, string>> = {
  1: "ALTER TABLE repositories ADD COLUMN settings TEXT;",
  2: `
    ALTER TABLE names ADD COLUMN partition INTEGER NOT NULL DEFAULT 0;
    UPDATE names SET partition = partition_of(name);
    CREATE INDEX names_partition ON names (partition);
    ALTER TABLE repositories ADD COLUMN partition INTEGER NOT NULL DEFAULT 0;
    UPDATE repositories SET partition = partition_of(network);
    CREATE INDEX repositories_partition ON repositories (partition);
    CREATE INDEX repositories_name ON repositories (name) WHERE deleted_at_ms IS NULL;
    ALTER TABLE networks ADD COLUMN partition INTEGER NOT NULL DEFAULT 0;
    UPDATE networks SET partition = partition_of(network);
    CREATE INDEX networks_partition ON networks (partition);
  `,
  3: SNAPSHOTS,
  4: AUDIT,
  5: `
    ALTER TABLE names ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
    DROP INDEX names_claimed;
    ${NAMES_BY_STATE}
    ALTER TABLE repositories ADD COLUMN name_version INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE repositories ADD COLUMN removed_at_ms INTEGER;
    ALTER TABLE repositories ADD COLUMN parent TEXT;
    DROP INDEX repositories_name;
    ${REPOSITORIES_BY_NAME}
    ${NAME_DEBTS}
  `,
  6: WEBHOOK_TABLES,
};

/**
 * Makes the tables in a new file, or brings those of an old one up to date.
 *
 * @throws `unsupported` when a later release wrote the file
 */
export function ensureSchema(database: DatabaseSync): void {
  const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (found === SCHEMA_VERSION) return;
  database.function("partition_of", (key) => partitionOf(String(key)));
  database.exec(`BEGIN; ${stepsFrom(found)} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
}

function stepsFrom(found: number): string {
  if (found === 0) return TABLES;
  let steps = "";
  for (let version = found; version !== SCHEMA_VERSION; version++) {
    const step = MIGRATIONS[version];
    if (step === undefined) {
      throw new GitStratumError("unsupported", "Open metadata of another schema version", {
        data: { wanted: SCHEMA_VERSION, found },
      });
    }
    steps += step;
  }
  return steps;
}
