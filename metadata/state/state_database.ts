/**
 * The SQLite file behind a metadata node.
 *
 * One connection writes, another reads what is committed, and a few more hold snapshots for long
 * listings; so a write may pause between two slices without anybody seeing half of it. Commits are
 * not synced: the logs are the truth, and what a power failure takes is replayed from them.
 * {@link StateDatabase.checkpoint} makes everything durable, which is what allows to truncate logs.
 *
 * Tables of a later release are of no use here, and nothing is lost with them: a node that goes back to
 * an earlier release makes its own anew, from snapshots and logs.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  type Clock,
  GitStratumError,
  hasCode,
  REFERENCE_SNAPSHOT_COUNT_MAX,
} from "@gitstratum/core";
import { Mutex } from "../partition/mutex.ts";
import { ensureSchema } from "./schema.ts";
import { runSliced, type Sliced } from "./sliced.ts";
import type { TableDisk } from "./table_disk.ts";

/** A read transaction: one state of the database for as long as it is held. */
export interface Snapshot {
  readonly database: DatabaseSync;
  /** Ends it. Calling again does nothing. */
  release(): void;
}

/** A work that waits for its transaction. */
interface Writing {
  readonly work: () => Sliced<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** In place of a result: the work failed alone. */
const FAILED = Symbol("failed");
/** Works in one transaction: each is answered when the last of them has ended. */
const WRITES_TOGETHER_MAX = 64;
/** Pages of the log before it is copied into the file: pages that change often are copied less. */
const CHECKPOINT_PAGE_COUNT = 4000;
/** Connections kept for the next snapshots; opening one costs a third of a millisecond. */
const IDLE_COUNT_MAX = 4;

/** The open file. */
export class StateDatabase {
  /** For reading committed state. */
  readonly reader: DatabaseSync;
  /** For {@link write} only. */
  readonly writer: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #mark: StatementSync;
  readonly #undo: StatementSync;
  readonly #unmark: StatementSync;
  readonly #waiting: Writing[] = [];
  readonly #path: string;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #onUnwritable: ((error: unknown) => void) | undefined;
  readonly #disk: Pick<TableDisk, "committing"> | undefined;
  readonly #lock = new Mutex();
  readonly #idle: DatabaseSync[] = [];
  #snapshotCount = 0;
  #commitCount = 0;
  #closed = false;

  /**
   * Opens or creates the file. `onUnwritable` is told of each write that failed because of the disk,
   * `onLater` when a later release wrote the tables that were there: they are gone then. `disk` has a
   * say in each commit.
   */
  constructor(
    path: string,
    clock: Pick<Clock, "monotonicMs">,
    options: {
      readonly onUnwritable?: (error: unknown) => void;
      readonly onLater?: (error: unknown) => void;
      readonly disk?: Pick<TableDisk, "committing">;
    } = {},
  ) {
    this.#path = path;
    this.#clock = clock;
    this.#onUnwritable = options.onUnwritable;
    this.#disk = options.disk;
    this.writer = openWriter(path, options.onLater ?? (() => {}));
    // What a savepoint may have to undo is kept in memory: a transaction's changes are there, too.
    this.writer.exec(
      `PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGE_COUNT}; PRAGMA temp_store = MEMORY`,
    );
    // Unlike exec(), statements tell SQLite's code of a failure.
    this.#begin = this.writer.prepare("BEGIN IMMEDIATE");
    this.#commit = this.writer.prepare("COMMIT");
    this.#mark = this.writer.prepare("SAVEPOINT one");
    this.#undo = this.writer.prepare("ROLLBACK TO one");
    this.#unmark = this.writer.prepare("RELEASE one");
    this.reader = connect(path);
    this.reader.exec("PRAGMA query_only = ON");
  }

  /** Another number after each commit: while it stays, so does what {@link reader} reads. */
  get commitCount(): number {
    return this.#commitCount;
  }

  /**
   * Runs `work` alone, as a transaction of its own or, with others that wait, as a part of one. Nothing
   * of it is seen before it resolves, nor ever when it rejects. Not durable by itself.
   *
   * @throws what `work` throws; `disk-full`, `unavailable` when the file can not be written
   */
  write<T>(work: () => Sliced<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve: (result) => resolve(result as T), reject });
      // The first one opens the transaction; whoever comes before it runs gets in, too.
      if (this.#waiting.length === 1) void this.#lock.run(() => this.#writeTogether());
    });
  }

  /** Runs the works that wait in one transaction, which costs less than one for each. */
  async #writeTogether(): Promise<void> {
    // Partitions whose records became durable together ask in the same turn.
    await null;
    const works = this.#waiting.splice(0, WRITES_TOGETHER_MAX);
    if (this.#waiting.length > 0) void this.#lock.run(() => this.#writeTogether());
    const done: { readonly writing: Writing; readonly result: unknown }[] = [];
    try {
      this.#begin.run();
      for (const writing of works) {
        const result = await this.#writeOne(writing, works.length > 1);
        if (result !== FAILED) done.push({ writing, result });
      }
      if (this.#disk?.committing !== undefined) await this.#disk.committing(this.writer);
      this.#commit.run();
      this.#commitCount++;
    } catch (error) {
      // One that failed late may have been made.
      this.#commitCount++;
      // Those that failed on their own have been told already.
      for (const { reject } of works) reject(databaseError(error));
      if (DISK_ERRORS.has(errcodeOf(error) ?? 0)) this.#onUnwritable?.(error);
      this.#rollBack();
      return;
    }
    for (const { writing, result } of done) writing.resolve(result);
  }

  #rollBack(): void {
    try {
      if (this.writer.isTransaction) this.writer.exec("ROLLBACK");
    } catch (error) {
      // The next write can not begin, and tells its caller so.
      this.#onUnwritable?.(error);
    }
  }

  /** Runs one work of a transaction. @throws what ends the whole transaction */
  async #writeOne(writing: Writing, isAmongOthers: boolean): Promise<unknown> {
    if (!isAmongOthers) return await runSliced(writing.work(), this.#clock);
    this.#mark.run();
    try {
      const result = await runSliced(writing.work(), this.#clock);
      this.#unmark.run();
      return result;
    } catch (error) {
      // A full or broken disk is everybody's, and may have ended the transaction.
      if (DISK_ERRORS.has(errcodeOf(error) ?? 0) || !this.writer.isTransaction) throw error;
      this.#undo.run();
      this.#unmark.run();
      writing.reject(databaseError(error));
      return FAILED;
    }
  }

  /**
   * Syncs everything committed so far to the disk.
   *
   * @returns false when a snapshot stood in the way: try again later
   */
  checkpoint(): Promise<boolean> {
    return this.#lock.run(async () => {
      await this.#disk?.committing?.(this.writer);
      const row = this.writer.prepare("PRAGMA wal_checkpoint(FULL)").get();
      return row?.["busy"] === 0 && row["log"] === row["checkpointed"];
    });
  }

  /**
   * Begins a read transaction on the state of this moment.
   *
   * @throws `unavailable` when too many are held
   */
  snapshot(): Snapshot {
    if (this.#snapshotCount >= REFERENCE_SNAPSHOT_COUNT_MAX) {
      throw new GitStratumError("unavailable", "Hold no more read snapshots", {
        data: { countMax: REFERENCE_SNAPSHOT_COUNT_MAX },
      });
    }
    const database = this.#idle.pop() ?? connect(this.#path);
    database.exec("BEGIN");
    // The read transaction begins with the first read, not with BEGIN.
    database.prepare("SELECT lsn FROM applied LIMIT 1").get();
    this.#snapshotCount++;
    let held = true;
    return {
      database,
      release: () => {
        if (!held) return;
        held = false;
        this.#snapshotCount--;
        this.#retire(database);
      },
    };
  }

  #retire(database: DatabaseSync): void {
    database.exec("ROLLBACK");
    if (this.#closed || this.#idle.length >= IDLE_COUNT_MAX) database.close();
    else this.#idle.push(database);
  }

  /** Closes the file after the running write. Snapshots that are held close with their release. */
  close(): Promise<void> {
    return this.#lock.run(() => {
      this.#closed = true;
      for (const database of [...this.#idle, this.reader, this.writer]) database.close();
      return Promise.resolve();
    });
  }
}

/** SQLITE_FULL: no room in the file system. */
const SQLITE_FULL = 13;
/** Besides, SQLITE_READONLY, SQLITE_IOERR and SQLITE_CANTOPEN: the disk takes nothing at all. */
const DISK_ERRORS: ReadonlySet<number> = new Set([SQLITE_FULL, 8, 10, 14]);

/** SQLite's primary result code; undefined when the failure was not SQLite's. */
function errcodeOf(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : undefined;
}

/** What a failed write means to those who know nothing of SQLite. */
function databaseError(error: unknown): unknown {
  const errcode = errcodeOf(error);
  if (errcode === undefined) return error;
  const code = errcode === SQLITE_FULL ? "disk-full" : "unavailable";
  return new GitStratumError(code, "Write the tables of the metadata", {
    data: { errcode },
    cause: error,
  });
}

/** Files that SQLite has for one database. */
const FILE_SUFFIXES = ["", "-wal", "-shm"] as const;

function openWriter(path: string, onLater: (error: unknown) => void): DatabaseSync {
  const database = connect(path);
  try {
    ensureSchema(database);
    return database;
  } catch (error) {
    database.close();
    if (!hasCode(error, "unsupported")) throw error;
    onLater(error);
  }
  for (const suffix of FILE_SUFFIXES) removeFile(path + suffix);
  const anew = connect(path);
  ensureSchema(anew);
  return anew;
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function connect(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  // A page cache of 8 MiB holds the inner pages of large trees; the rest is the system's cache.
  database.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;" +
      "PRAGMA cache_size = -8192; PRAGMA foreign_keys = OFF",
  );
  return database;
}
