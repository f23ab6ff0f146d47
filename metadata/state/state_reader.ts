/**
 * Reads the applied state: the base of every decision, and what look-ups answer.
 *
 * @module
 */

import { STATE_ROW_COUNT_MAX } from "@gitstratum/core";
import type { Lsn, Partition } from "@gitstratum/core/consensus";
import type { ObjectFormat, Oid } from "@gitstratum/core/git";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type GroupId,
  type NetworkId,
  type PushId,
  type RepositoryId,
  type RepositoryListQuery,
  type RepositoryName,
  type RepositorySettings,
  type RequestId,
} from "@gitstratum/core/rpc";
import type { NameDebt, NameEntry } from "../directory/directory_steps.ts";
import type { Rejection } from "../log/log_record.ts";
import type {
  NameState,
  PartitionView,
  PushOutcome,
  ReferenceView,
  RepositoryState,
} from "../partition/partition_view.ts";
import type { StateDatabase } from "./state_database.ts";
import { type SqlRow, Statements } from "./statements.ts";

/** Rows of the partitions in a JSON array. */
const AMONG = "partition IN (SELECT value FROM json_each(?))";
const AMONG_3 = AMONG.replace("?", "?3");
/** Sorts after every id: those are hexadecimal. */
const AFTER_ALL_IDS = "~";

/** States of names in their table. */
const CLAIMED = 0;
const CONFIRMED = 1;
const MOVED = 2;

/** What is read again and again between two commits. */
type Kept = StoredRepository | NameState | undefined;

interface StoredRepository {
  readonly state: RepositoryState;
  /** Node-local. */
  readonly number: number;
}

/**
 * Reads committed state through one connection.
 *
 * A push looks at its repository five times, and a storm of clones at one name a hundred times: rows of
 * names and repositories are kept until the next commit, whoever made it and whatever it changed.
 */
export class StateReader implements PartitionView {
  readonly #sql: Statements;
  readonly #database: Pick<StateDatabase, "commitCount">;
  readonly #kept = new Map<string, Kept>();
  #keptAt = -1;

  /** Reads what was committed to a database. */
  constructor(database: Pick<StateDatabase, "reader" | "commitCount">) {
    this.#sql = new Statements(database.reader);
    this.#database = database;
  }

  /** What was read since the last commit, or is read now. `key` is of one kind of `Kept`. */
  #keep<T extends Kept>(key: string, read: () => T): T {
    const { commitCount } = this.#database;
    if (this.#keptAt !== commitCount || this.#kept.size >= STATE_ROW_COUNT_MAX) this.#kept.clear();
    this.#keptAt = commitCount;
    if (this.#kept.has(key)) return this.#kept.get(key) as T;
    const found = read();
    this.#kept.set(key, found);
    return found;
  }

  /** Lsn of the last applied record of a partition; 0 before the first. */
  applied(partition: Partition): Lsn {
    const row = this.#sql.get("SELECT lsn FROM applied WHERE partition = ?", partition);
    return Number(row?.["lsn"] ?? 0) as Lsn;
  }

  /** {@inheritDoc PartitionView.repository} */
  repository(id: RepositoryId): RepositoryState | undefined {
    return this.#stored(id)?.state;
  }

  /** {@inheritDoc PartitionView.name} */
  name(name: RepositoryName): NameState | undefined {
    return this.#keep(`name ${name}`, () => {
      const row = this.#sql.get("SELECT * FROM names WHERE name = ?", name);
      return row === undefined ? undefined : nameOf(row);
    });
  }

  /** {@inheritDoc PartitionView.references} */
  references(id: RepositoryId): ReferenceView {
    const number = this.numberOf(id);
    return number === undefined ? NO_REFERENCES : new StoredReferences(this.#sql, number);
  }

  /** The node-local number of a repository. */
  numberOf(id: RepositoryId): number | undefined {
    return this.#stored(id)?.number;
  }

  #stored(id: RepositoryId): StoredRepository | undefined {
    return this.#keep(`repository ${id}`, () => {
      const row = this.#sql.get("SELECT * FROM repositories WHERE repository = ?", id);
      return row && { state: repositoryOf(row), number: Number(row["number"]) };
    });
  }

  /** {@inheritDoc PartitionView.pushOutcome} */
  pushOutcome(id: RepositoryId, pushId: PushId): PushOutcome | undefined {
    const row = this.#sql.get(
      "SELECT command_count, rejections FROM pushes WHERE push = ? AND repository =" +
        " (SELECT number FROM repositories WHERE repository = ?)",
      pushId,
      id,
    );
    if (row === undefined) return undefined;
    return {
      commandCount: Number(row["command_count"]),
      rejections: JSON.parse(String(row["rejections"])) as Rejection[],
    };
  }

  /** {@inheritDoc PartitionView.isDone} */
  isDone(id: RepositoryId, requestId: RequestId): boolean {
    return this.pushOutcome(id, requestId as string as PushId) !== undefined;
  }

  /** Living repositories of some partitions in byte order of their names, after a name. */
  repositoriesAfter(
    after: string,
    options: { readonly partitions: readonly Partition[]; readonly limit: number },
  ): RepositoryState[] {
    return this.#sql.all(
      "SELECT * FROM repositories INDEXED BY repositories_name WHERE name > ?" +
        ` AND deleted_at_ms IS NULL AND removed_at_ms IS NULL AND ${AMONG} ORDER BY name LIMIT ?`,
      after,
      JSON.stringify(options.partitions),
      options.limit,
    ).map(repositoryOf);
  }

  /**
   * Deleted repositories that can be restored, in byte order of their names and ids, after a name, or
   * after an id among those of that name.
   */
  removedAfter(
    place: Pick<RepositoryListQuery, "after" | "afterId">,
    options: { readonly partitions: readonly Partition[]; readonly limit: number },
  ): RepositoryState[] {
    const { after = "", afterId = AFTER_ALL_IDS } = place;
    return this.#sql.all(
      "SELECT * FROM repositories INDEXED BY repositories_removed WHERE name >= ?1" +
        " AND (name > ?1 OR repository > ?2)" +
        ` AND deleted_at_ms IS NULL AND removed_at_ms IS NOT NULL AND ${AMONG_3}` +
        " ORDER BY name, repository LIMIT ?4",
      after,
      afterId,
      JSON.stringify(options.partitions),
      options.limit,
    ).map(repositoryOf);
  }

  /** Repositories of a network that live or can be restored. */
  repositoriesOf(networkId: NetworkId): RepositoryState[] {
    return this.#sql.all(
      "SELECT * FROM repositories WHERE network = ? AND deleted_at_ms IS NULL ORDER BY number",
      networkId,
    ).map(repositoryOf);
  }

  /** Repositories that were removed before a time and can still be restored; at most `limit`. */
  removedBefore(partitions: readonly Partition[], atMs: number, limit: number): RepositoryState[] {
    return this.#sql.all(
      "SELECT * FROM repositories INDEXED BY repositories_removed WHERE removed_at_ms <= ?" +
        ` AND deleted_at_ms IS NULL AND removed_at_ms IS NOT NULL AND ${AMONG} LIMIT ?`,
      atMs,
      JSON.stringify(partitions),
      limit,
    ).map(repositoryOf);
  }

  /** Names that repositories left before a time and that nobody took since; at most `limit`. */
  movedBefore(partitions: readonly Partition[], atMs: number, limit: number): NameState[] {
    return this.#namesBefore(MOVED, atMs, { partitions, limit });
  }

  /** Names that repositories had and of which the directory may not know yet; at most `limit`. */
  nameDebts(partitions: readonly Partition[], limit: number): NameDebt[] {
    return this.#sql.all(
      "SELECT r.repository, r.network, d.name, d.version, d.moves FROM name_debts d" +
        ` JOIN repositories r ON r.number = d.repository WHERE r.${AMONG} LIMIT ?`,
      JSON.stringify(partitions),
      limit,
    ).map((row) => ({ ...entryOf(row), moves: row["moves"] === 1 }));
  }

  /** Names that were claimed before a time and never confirmed; at most `limit`. */
  claimsBefore(partitions: readonly Partition[], atMs: number, limit: number): NameState[] {
    return this.#namesBefore(CLAIMED, atMs, { partitions, limit });
  }

  /** Deletions whose name may still stand in the directory; at most `limit`. */
  unfinishedDeletions(partitions: readonly Partition[], limit: number): NameEntry[] {
    return this.#sql.all(
      "SELECT repository, network, name, name_version AS version FROM repositories" +
        ` WHERE deleted_at_ms IS NOT NULL AND finished = 0 AND ${AMONG} ORDER BY number LIMIT ?`,
      JSON.stringify(partitions),
      limit,
    ).map(entryOf);
  }

  /** The state is a part of the text: each has an index of its own. */
  #namesBefore(
    state: typeof CLAIMED | typeof MOVED,
    atMs: number,
    options: { readonly partitions: readonly Partition[]; readonly limit: number },
  ): NameState[] {
    return this.#sql.all(
      `SELECT * FROM names WHERE state = ${state} AND at_ms <= ? AND ${AMONG}` +
        " ORDER BY at_ms LIMIT ?",
      atMs,
      JSON.stringify(options.partitions),
      options.limit,
    ).map(nameOf);
  }

  /** Whether the network's catalogue holds a group. */
  hasGroup(networkId: NetworkId, groupId: GroupId): boolean {
    const row = this.#sql.get(
      "SELECT 1 FROM pack_groups WHERE network = ? AND group_id = ?",
      networkId,
      groupId,
    );
    return row !== undefined;
  }
}

/** References of one repository, read from the tables. */
class StoredReferences implements ReferenceView {
  readonly #sql: Statements;
  readonly #number: number;

  constructor(sql: Statements, number: number) {
    this.#sql = sql;
    this.#number = number;
  }

  get(name: string): Oid | undefined {
    const row = this.#sql.get(
      "SELECT lower(hex(oid)) AS oid FROM refs WHERE repository = ? AND name = ?",
      this.#number,
      name,
    );
    return row?.["oid"] as Oid | undefined;
  }

  hasBelow(directory: string): boolean {
    const name = this.#nameAfter(`${directory}/`);
    return name !== undefined && name.startsWith(`${directory}/`);
  }

  *namesBelow(directory: string): Generator<string> {
    const prefix = `${directory}/`;
    let name = this.#nameAfter(prefix);
    while (name !== undefined && name.startsWith(prefix)) {
      yield name;
      name = this.#nameAfter(name);
    }
  }

  #nameAfter(after: string): string | undefined {
    const row = this.#sql.get(
      "SELECT name FROM refs WHERE repository = ? AND name > ? ORDER BY name LIMIT 1",
      this.#number,
      after,
    );
    return row?.["name"] as string | undefined;
  }
}

const NO_REFERENCES: ReferenceView = {
  get: () => undefined,
  hasBelow: () => false,
  namesBelow: () => [],
};

function entryOf(row: SqlRow): NameEntry {
  return {
    repositoryId: row["repository"] as RepositoryId,
    networkId: row["network"] as NetworkId,
    name: row["name"] as RepositoryName,
    version: Number(row["version"]),
  };
}

function repositoryOf(row: SqlRow): RepositoryState {
  const { deleted_at_ms: deletedAtMs, removed_at_ms: removedAtMs, parent } = row;
  return {
    repositoryId: row["repository"] as RepositoryId,
    networkId: row["network"] as NetworkId,
    name: row["name"] as RepositoryName,
    objectFormat: row["object_format"] as ObjectFormat,
    head: row["head"] as string,
    createdAtMs: Number(row["created_at_ms"]),
    settings: settingsOf(row["settings"]),
    refsVersion: Number(row["refs_version"]),
    nameVersion: Number(row["name_version"]),
    deleted: deletedAtMs !== null || removedAtMs !== null,
    ...(deletedAtMs === null && removedAtMs !== null ? { removedAtMs: Number(removedAtMs) } : {}),
    ...(parent === null ? {} : { parentId: parent as RepositoryId }),
  };
}

function settingsOf(json: unknown): RepositorySettings {
  if (typeof json !== "string") return DEFAULT_REPOSITORY_SETTINGS;
  // Written by the materialiser from a validated record; a member that it did not know is the default.
  return { ...DEFAULT_REPOSITORY_SETTINGS, ...JSON.parse(json) as RepositorySettings };
}

function nameOf(row: SqlRow): NameState {
  return {
    name: row["name"] as RepositoryName,
    repositoryId: row["repository"] as RepositoryId,
    networkId: row["network"] as NetworkId,
    version: Number(row["version"]),
    confirmed: row["state"] === CONFIRMED,
    moved: row["state"] === MOVED,
    atMs: Number(row["at_ms"]),
  };
}
