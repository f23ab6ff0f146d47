/**
 * A {@link RevisionStore} in one SQLite file.
 *
 * Tables: `change` holds every change once, values included; `current` points each living key at the
 * change that made it; `overtaken` lists changes that a later one replaced, by the revision that did,
 * so that compaction touches only what goes.
 *
 * Invariants: one process has the file open (exclusive lock, released by the kernel when the process
 * dies); a commit is fsynced (WAL with `synchronous=FULL`). Fault model: a full disk fails the running
 * transaction only; after any other I/O error the connection is not used again, because a second
 * fsync may report success for pages that were lost.
 *
 * @module
 */

import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { GitStratumError } from "../error.ts";
import type { KeyRange, KeyValue, Revision, WatchEvent } from "./consensus.ts";
import type { EventPage, RevisionStore, StoredPut } from "./revision_store.ts";

/** Written to `PRAGMA user_version`; another number is refused. */
const SCHEMA_VERSION = 1;

const SCHEMA = `
  CREATE TABLE change (
    id INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB,
    create_revision INTEGER NOT NULL,
    version INTEGER NOT NULL,
    lease TEXT
  );
  CREATE INDEX change_revision ON change (revision);
  CREATE TABLE current (
    key TEXT PRIMARY KEY,
    change_id INTEGER NOT NULL,
    lease TEXT
  ) WITHOUT ROWID;
  CREATE INDEX current_lease ON current (lease) WHERE lease IS NOT NULL;
  CREATE TABLE overtaken (
    revision INTEGER NOT NULL,
    change_id INTEGER NOT NULL,
    PRIMARY KEY (revision, change_id)
  ) WITHOUT ROWID;
  CREATE TABLE lease (id TEXT PRIMARY KEY, ttl_ms INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE state (revision INTEGER NOT NULL, compacted INTEGER NOT NULL);
  INSERT INTO state VALUES (0, 0);
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

const SELECT_CURRENT = `
  SELECT change.key, value, create_revision, revision, version, change.lease
  FROM current JOIN change ON change.id = current.change_id`;

/** Pages of SQLite's log (16 MiB) before it is copied into the file: few pages change, and often. */
const CHECKPOINT_PAGE_COUNT = 4000;

/** Keys, history and leases in a file. */
export class SqliteRevisionStore implements RevisionStore {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements: Statements;
  #revision: Revision = 0;
  #compacted: Revision = 0;
  #broken = false;

  /**
   * Opens or creates the file, which never grows beyond `fileBytesMax` when that is given.
   *
   * @throws `unavailable` when another process (or another store of this one) has it open
   * @throws `unsupported` when a later release wrote it
   */
  constructor(path: string, options: { readonly fileBytesMax?: number } = {}) {
    this.#path = path;
    this.#database = openExclusively(path);
    if (options.fileBytesMax !== undefined) limitPages(this.#database, options.fileBytesMax);
    this.#statements = prepare(this.#database);
    this.#readState();
  }

  /** The last revision. */
  get revision(): Revision {
    return this.#revision;
  }

  /** The last compacted revision. */
  get compacted(): Revision {
    return this.#compacted;
  }

  /** Runs work in one SQLite transaction, with one fsync. */
  atomically<T>(work: () => T): T {
    if (this.#broken) {
      throw new GitStratumError("unavailable", "Reopen the consensus store after a device error", {
        data: { path: this.#path },
      });
    }
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#rollback();
      throw this.#explain(error);
    }
  }

  /** One key's current state. */
  get(key: string): KeyValue | undefined {
    const row = this.#statements.get.get(key);
    return row && toKeyValue(row);
  }

  /** Keys of a range in order. */
  range(range: KeyRange, limit: number): { entries: KeyValue[]; more: boolean } {
    const rows = this.#statements.range.all(range.from, range.to, limit + 1);
    return { entries: rows.slice(0, limit).map(toKeyValue), more: rows.length > limit };
  }

  /** The names of a range. */
  keys(range: KeyRange): string[] {
    return this.#statements.keys.all(range.from, range.to).map((row) => row.key as string);
  }

  /** Makes or changes a key. */
  put(put: StoredPut, revision: Revision): void {
    const before = this.#statements.place.get(put.key);
    if (before) this.#statements.overtake.run(revision, before.change_id!);
    const lease = put.lease ?? null;
    const createRevision = before ? before.create_revision! : revision;
    const version = before ? (before.version as number) + 1 : 1;
    const { lastInsertRowid } = this.#statements.addChange.run(
      revision,
      put.key,
      put.value,
      createRevision,
      version,
      lease,
    );
    this.#statements.setCurrent.run(put.key, lastInsertRowid, lease);
  }

  /** Deletes a key. */
  delete(key: string, revision: Revision): boolean {
    const before = this.#statements.place.get(key);
    if (!before) return false;
    this.#statements.overtake.run(revision, before.change_id!);
    const { lastInsertRowid } = this.#statements.addChange.run(revision, key, null, 0, 0, null);
    // A deletion is of no use to anybody once history passed it.
    this.#statements.overtake.run(revision, lastInsertRowid);
    this.#statements.dropCurrent.run(key);
    return true;
  }

  /** Makes a revision the last one. */
  advance(revision: Revision): void {
    this.#statements.setRevision.run(revision);
    this.#revision = revision;
  }

  /** Events of a range after a revision. */
  events(
    range: KeyRange,
    options: { readonly after: Revision; readonly count: number },
  ): EventPage {
    const events: WatchEvent[] = [];
    for (const row of this.#statements.events.iterate(options.after, range.from, range.to)) {
      const event = toEvent(row);
      const last = events.at(-1);
      if (last && events.length >= options.count && last.revision !== event.revision) {
        return { events, through: last.revision };
      }
      events.push(event);
    }
    return { events, through: this.#revision };
  }

  /** Deletes overtaken changes, by the revision that overtook them. */
  compact(revision: Revision): void {
    this.#statements.dropChanges.run(revision);
    this.#statements.dropOvertaken.run(revision);
    this.#statements.setCompacted.run(revision);
    this.#compacted = revision;
  }

  /** All leases. */
  leases(): ReadonlyMap<string, number> {
    return new Map(
      this.#statements.leases.all().map((row) => [row.id as string, row.ttl_ms as number]),
    );
  }

  /** Remembers a lease. */
  addLease(id: string, ttlMs: number): void {
    this.#statements.addLease.run(id, ttlMs);
  }

  /** Forgets a lease. */
  removeLease(id: string): void {
    this.#statements.removeLease.run(id);
  }

  /** The keys attached to a lease. */
  keysOfLease(id: string): string[] {
    return this.#statements.keysOfLease.all(id).map((row) => row.key as string);
  }

  /** Closes the file, which releases the lock. */
  close(): void {
    this.#database.close();
  }

  #readState(): void {
    const state = this.#statements.state.get()!;
    this.#revision = state.revision as number;
    this.#compacted = state.compacted as number;
  }

  #rollback(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch (error) {
      // SQLite rolls back by itself after some errors; then there is no transaction left to end.
      if (!messageOf(error).includes("no transaction is active")) this.#broken = true;
    }
    if (!this.#broken) this.#readState();
  }

  #explain(error: unknown): unknown {
    const message = messageOf(error);
    if (message.includes("database or disk is full")) {
      return new GitStratumError("disk-full", "Find no room for the consensus store", {
        data: { path: this.#path },
        cause: error,
      });
    }
    if (!message.includes("disk I/O error")) return error;
    this.#broken = true;
    return new GitStratumError("unavailable", "Lose the device of the consensus store", {
      data: { path: this.#path },
      cause: error,
    });
  }
}

type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

const SQL = {
  state: "SELECT revision, compacted FROM state",
  setRevision: "UPDATE state SET revision = ?",
  setCompacted: "UPDATE state SET compacted = ?",
  get: `${SELECT_CURRENT} WHERE current.key = ?`,
  range: `${SELECT_CURRENT} WHERE current.key >= ? AND current.key < ?
    ORDER BY current.key LIMIT ?`,
  keys: "SELECT key FROM current WHERE key >= ? AND key < ? ORDER BY key",
  place: `SELECT change_id, create_revision, version
    FROM current JOIN change ON change.id = current.change_id WHERE current.key = ?`,
  addChange: `INSERT INTO change (revision, key, value, create_revision, version, lease)
    VALUES (?, ?, ?, ?, ?, ?)`,
  setCurrent: `INSERT INTO current (key, change_id, lease) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET change_id = excluded.change_id, lease = excluded.lease`,
  dropCurrent: "DELETE FROM current WHERE key = ?",
  overtake: "INSERT INTO overtaken (revision, change_id) VALUES (?, ?)",
  events: `SELECT revision, key, value FROM change
    WHERE revision > ? AND key >= ? AND key < ? ORDER BY revision, id`,
  dropChanges: `DELETE FROM change WHERE id IN
    (SELECT change_id FROM overtaken WHERE revision <= ?)`,
  dropOvertaken: "DELETE FROM overtaken WHERE revision <= ?",
  leases: "SELECT id, ttl_ms FROM lease",
  addLease: "INSERT INTO lease (id, ttl_ms) VALUES (?, ?)",
  removeLease: "DELETE FROM lease WHERE id = ?",
  keysOfLease: "SELECT key FROM current WHERE lease = ? ORDER BY key",
} as const;

function prepare(database: DatabaseSync): Statements {
  const entries = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  return Object.fromEntries(entries) as Statements;
}

function openExclusively(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    // The lock mode comes first: WAL then needs no shared memory and no other process gets in.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGE_COUNT}`);
    database.exec("BEGIN EXCLUSIVE");
    createSchema(database, path);
    database.exec("COMMIT");
    return database;
  } catch (error) {
    database.close();
    if (!messageOf(error).includes("database is locked")) throw error;
    throw new GitStratumError("unavailable", "Refuse a consensus store that is open elsewhere", {
      data: { path },
      cause: error,
    });
  }
}

function limitPages(database: DatabaseSync, bytesMax: number): void {
  const pageBytes = database.prepare("PRAGMA page_size").get()!.page_size as number;
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(bytesMax / pageBytes))}`);
}

function createSchema(database: DatabaseSync, path: string): void {
  const found = database.prepare("PRAGMA user_version").get()!.user_version;
  if (found === SCHEMA_VERSION) return;
  if (found === 0) return database.exec(SCHEMA);
  throw new GitStratumError("unsupported", "Expect a known version of the consensus store", {
    data: { path, wanted: SCHEMA_VERSION, found: Number(found) },
  });
}

type Row = Record<string, SQLOutputValue>;

function toKeyValue(row: Row): KeyValue {
  return {
    key: row.key as string,
    value: row.value as Uint8Array,
    createRevision: row.create_revision as number,
    modRevision: row.revision as number,
    version: row.version as number,
    ...(row.lease === null ? {} : { lease: row.lease as string }),
  };
}

function toEvent(row: Row): WatchEvent {
  const place = { key: row.key as string, revision: row.revision as number };
  if (row.value === null) return { kind: "delete", ...place };
  return { kind: "put", ...place, value: row.value as Uint8Array };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
