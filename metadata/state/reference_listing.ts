/**
 * Listings of references from one state of the repository, however long the reading takes.
 *
 * @module
 */

import { type Clock, GitStratumError } from "@gitstratum/core";
import { HiddenReferences, type Oid } from "@gitstratum/core/git";
import type {
  Reference,
  ReferenceListing,
  ReferenceQuery,
  RepositoryKey,
} from "@gitstratum/core/rpc";
import type { RepositoryState } from "../partition/partition_view.ts";
import { livingRepository } from "../decision/push_decision.ts";
import type { Snapshot, StateDatabase } from "./state_database.ts";
import type { StateReader } from "./state_reader.ts";
import { type SqlRow, Statements } from "./statements.ts";

/** References in one batch. */
const BATCH_COUNT = 500;
/** A reader that takes nothing for this long loses its snapshot, which others' disk space waits for. */
const IDLE_MS_MAX = 60_000;

/** A listing that may hold a snapshot until all batches are taken. */
export interface OpenListing extends ReferenceListing {
  readonly references: Batches;
}

type Batches = AsyncIterableIterator<readonly Reference[]> & {
  /** Lets go of the snapshot. */
  return(): Promise<IteratorResult<readonly Reference[]>>;
};

/** The tables that listings are read from. */
export interface ListedTables {
  readonly database: StateDatabase;
  readonly reader: StateReader;
  /** Statements of the reading connection. */
  readonly sql: Statements;
}

/**
 * Lists references that are not hidden; HEAD shows even a hidden branch. The caller takes all batches or calls `return` on the iterator.
 *
 * @throws `not-found` when there is no such repository; `unavailable` when too many listings are open
 */
export function listReferences(
  tables: ListedTables,
  key: RepositoryKey,
  options: { readonly query: ReferenceQuery; readonly clock: Clock },
): OpenListing {
  const { database, reader, sql } = tables;
  const repository = livingRepository(reader, key);
  const scan = new ReferenceScan(sql, {
    number: reader.numberOf(key.repositoryId)!,
    prefixes: disjointPrefixes(options.query.prefixes),
    hidden: new HiddenReferences(repository.settings.hiddenReferences),
  });
  const head = headOf(repository, reader);
  // Nothing is written between here and the snapshot, so that all is read of one state.
  const first = scan.batch();
  if (first.length < BATCH_COUNT) return { head, references: new SoleBatch(first) };
  const snapshot = database.snapshot();
  scan.moveTo(new Statements(snapshot.database));
  return { head, references: new SnapshotBatches(first, { snapshot, scan, clock: options.clock }) };
}

function headOf({ head, repositoryId }: RepositoryState, reader: StateReader) {
  const oid = reader.references(repositoryId).get(head);
  return oid === undefined ? { target: head } : { target: head, oid };
}

/** Prefixes in byte order, without those that another one covers; one empty prefix for all. */
function disjointPrefixes(prefixes: readonly string[]): string[] {
  const encoder = new TextEncoder();
  const kept: string[] = [];
  const sorted = (prefixes.length === 0 ? [""] : [...new Set(prefixes)])
    .map((prefix) => ({ prefix, bytes: encoder.encode(prefix) }))
    .sort((a, b) => compareBytes(a.bytes, b.bytes));
  for (const { prefix } of sorted) {
    // What a prefix covers follows it directly.
    const last = kept.at(-1);
    if (last === undefined || !prefix.startsWith(last)) kept.push(prefix);
  }
  return kept;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    if (a[index] !== b[index]) return a[index]! - b[index]!;
  }
  return a.length - b.length;
}

/** Walks the references below each prefix in turn. */
class ReferenceScan {
  #sql: Statements;
  readonly #number: number;
  readonly #prefixes: readonly string[];
  readonly #hidden: HiddenReferences;
  #at = 0;
  /** Where the prefix is read on from; from its beginning when absent. */
  #from: { readonly comparison: ">" | ">="; readonly name: string } | undefined;

  constructor(
    sql: Statements,
    options: {
      readonly number: number;
      readonly prefixes: readonly string[];
      readonly hidden: HiddenReferences;
    },
  ) {
    this.#sql = sql;
    this.#number = options.number;
    this.#prefixes = options.prefixes;
    this.#hidden = options.hidden;
  }

  /** Reads on through another connection, which shows the same state. */
  moveTo(sql: Statements): void {
    this.#sql = sql;
  }

  /** The next batch; empty at the end. */
  batch(): Reference[] {
    const found: Reference[] = [];
    while (found.length < BATCH_COUNT && this.#at < this.#prefixes.length) {
      if (this.#below(this.#prefixes[this.#at]!, found)) continue;
      this.#at++;
      this.#from = undefined;
    }
    return found;
  }

  /** Adds references with the prefix: false when there are no more, true to be called again. */
  #below(prefix: string, found: Reference[]): boolean {
    for (const row of this.#rows(prefix)) {
      const name = row["name"] as string;
      if (!name.startsWith(prefix)) return false;
      this.#from = { comparison: ">", name };
      if (this.#hidden.hides(name)) {
        const next = this.#hidden.afterHidden(name);
        if (next === undefined) continue;
        this.#from = { comparison: ">=", name: next };
        return true;
      }
      found.push(referenceOf(name, row));
      if (found.length === BATCH_COUNT) return true;
    }
    return false;
  }

  /** Rows from where the scan stands. Read one by one: a prefix may have few of very many. */
  #rows(prefix: string): Iterable<SqlRow> {
    const columns = "name, lower(hex(oid)) AS oid, lower(hex(peeled)) AS peeled";
    const { comparison, name } = this.#from ?? { comparison: ">=", name: prefix };
    return this.#sql.prepare(
      `SELECT ${columns} FROM refs WHERE repository = ? AND name ${comparison} ? ORDER BY name`,
    ).iterate(this.#number, name);
  }
}

function referenceOf(name: string, row: SqlRow): Reference {
  const oid = row["oid"] as Oid;
  const peeled = row["peeled"] as string;
  return peeled === "" ? { name, oid } : { name, oid, peeled: peeled as Oid };
}

/** A listing that was read at once, and holds nothing. */
class SoleBatch implements Batches {
  #batch: readonly Reference[] | undefined;

  constructor(batch: readonly Reference[]) {
    this.#batch = batch;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<readonly Reference[]>> {
    const batch = this.#batch;
    this.#batch = undefined;
    return Promise.resolve(
      batch === undefined || batch.length === 0
        ? { done: true, value: undefined }
        : { done: false, value: batch },
    );
  }

  return(): Promise<IteratorResult<readonly Reference[]>> {
    this.#batch = undefined;
    return this.next();
  }
}

/** The batches of a scan; holds the snapshot until they are taken, returned, or left alone. */
class SnapshotBatches implements Batches {
  readonly #snapshot: Snapshot;
  readonly #scan: ReferenceScan;
  readonly #clock: Clock;
  readonly #released = new AbortController();
  #next: Reference[];
  #lastTakenMs: number;
  #abandoned = false;

  /** `first` was taken from the scan already. */
  constructor(
    first: Reference[],
    parts: {
      readonly snapshot: Snapshot;
      readonly scan: ReferenceScan;
      readonly clock: Clock;
    },
  ) {
    this.#snapshot = parts.snapshot;
    this.#scan = parts.scan;
    this.#clock = parts.clock;
    this.#lastTakenMs = parts.clock.monotonicMs();
    this.#next = first;
    void this.#watch();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // deno-lint-ignore require-await -- the protocol is asynchronous
  async next(): Promise<IteratorResult<readonly Reference[]>> {
    if (this.#abandoned) {
      throw new GitStratumError("aborted", "Stop a listing that nobody read", {
        data: { idleMsMax: IDLE_MS_MAX },
      });
    }
    this.#lastTakenMs = this.#clock.monotonicMs();
    const batch = this.#next;
    if (!this.#released.signal.aborted) this.#advance();
    else this.#next = [];
    return batch.length === 0 ? { done: true, value: undefined } : { done: false, value: batch };
  }

  #advance(): void {
    try {
      this.#next = this.#scan.batch();
    } catch (error) {
      this.#release();
      throw error;
    }
    if (this.#next.length < BATCH_COUNT) this.#release();
  }

  // deno-lint-ignore require-await -- the protocol is asynchronous
  async return(): Promise<IteratorResult<readonly Reference[]>> {
    this.#next = [];
    this.#release();
    return { done: true, value: undefined };
  }

  #release(): void {
    if (this.#released.signal.aborted) return;
    this.#released.abort();
    this.#snapshot.release();
  }

  /** Lets go of the snapshot when the reader has gone without saying so. */
  async #watch(): Promise<void> {
    while (!this.#released.signal.aborted) {
      const idleMs = this.#clock.monotonicMs() - this.#lastTakenMs;
      if (idleMs >= IDLE_MS_MAX) {
        this.#abandoned = true;
        return this.#release();
      }
      try {
        await this.#clock.sleep(IDLE_MS_MAX - idleMs, this.#released.signal);
      } catch {
        // The sleep ends early when the listing does.
        return;
      }
    }
  }
}
