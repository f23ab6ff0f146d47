/**
 * Listings of references as pkt-lines, kept in memory for the repositories that are pushed to: each
 * push begins with one, and changes one line of it.
 *
 * Lines lie in small chunks in the order of their names, encoded when they are asked for; a changed
 * reference costs the encoding of its chunk, and a listing a copy of its bytes.
 *
 * Invariant: what is answered is the listing of the version that the tables show. Kept lines follow
 * the applied records, and are read from the tables again when their version, or what is hidden, is
 * another one. Fault model: it may forget at any time; it is bounded, and empty after a start.
 *
 * @module
 */

import { REFERENCE_LINES_BYTES_MAX } from "@gitstratum/core";
import { HiddenReferences } from "@gitstratum/core/git";
import type { RepositoryId } from "@gitstratum/core/rpc";
import type { ReferenceUpdate } from "../log/log_record.ts";
import type { RepositoryState } from "../partition/partition_view.ts";
import { ByteBoundedCache } from "../reach/byte_bounded_cache.ts";
import type { PlacedRecord } from "./materialiser.ts";
import { LineChunks } from "./line_chunks.ts";
import type { Statements } from "./statements.ts";

/** Larger listings are streamed from the tables: reading this many at once takes some 10 ms. */
const KEPT_COUNT_MAX = 8192;
/** Text in order of UTF-16 units is in order of bytes, too. */
const ASCII = /^[\0-\x7f]*$/;

/** The lines of one repository at one version. */
interface KeptLines {
  version: number;
  /** The patterns that `hidden` was made of. */
  readonly patterns: string;
  readonly hidden: HiddenReferences;
  readonly chunks: LineChunks;
}

/** Listings that are kept. */
export class ReferenceLines {
  readonly #sql: Statements;
  readonly #kept: ByteBoundedCache<RepositoryId, KeptLines>;

  /** Reads tables through `sql`; keeps `bytesMax` bytes, `REFERENCE_LINES_BYTES_MAX` if absent. */
  constructor(sql: Statements, bytesMax: number = REFERENCE_LINES_BYTES_MAX) {
    this.#sql = sql;
    this.#kept = new ByteBoundedCache(bytesMax);
  }

  /**
   * The lines of a repository, flush included; undefined when there are too many to be kept, or when
   * they have names beyond ASCII. `repository` and the references are of one state of the tables.
   */
  of(repository: RepositoryState, number: number): Uint8Array<ArrayBuffer> | undefined {
    const { repositoryId, refsVersion, settings } = repository;
    const patterns = JSON.stringify(settings.hiddenReferences);
    const known = this.#kept.get(repositoryId);
    if (known?.version === refsVersion && known.patterns === patterns) return known.chunks.bytes();
    this.#kept.delete(repositoryId);
    const hidden = new HiddenReferences(settings.hiddenReferences);
    const chunks = this.#read(number, hidden);
    if (chunks === undefined) return undefined;
    const kept = { version: refsVersion, patterns, hidden, chunks };
    this.#kept.set(repositoryId, kept, chunks.byteCount);
    return chunks.bytes();
  }

  /** Learns of records that were applied. */
  applied(records: readonly PlacedRecord[]): void {
    for (const { lsn, record } of records) {
      if (record.kind !== "push") continue;
      const { repositoryId } = record;
      const kept = this.#kept.get(repositoryId);
      // Lines that were read between a commit and its notice hold it already.
      if (kept === undefined || kept.version >= lsn) continue;
      if (follow(kept, record.updates)) {
        kept.version = lsn;
        this.#kept.set(repositoryId, kept, kept.chunks.byteCount);
      } else {
        this.#kept.delete(repositoryId);
      }
    }
  }

  /** Forgets everything: some states were passed over without their records. */
  reset(): void {
    this.#kept.clear();
  }

  #read(number: number, hidden: HiddenReferences): LineChunks | undefined {
    const beyond = this.#sql.get(
      "SELECT 1 FROM refs WHERE repository = ? LIMIT 1 OFFSET ?",
      number,
      KEPT_COUNT_MAX,
    );
    if (beyond !== undefined) return undefined;
    const rows = this.#sql.all(
      "SELECT name, lower(hex(oid)) AS oid FROM refs WHERE repository = ? ORDER BY name",
      number,
    );
    const chunks = new LineChunks();
    for (const row of rows) {
      const name = row["name"] as string;
      if (!ASCII.test(name)) return undefined;
      if (!hidden.hides(name)) chunks.set(name, row["oid"] as string);
    }
    return chunks;
  }
}

/** Takes changes over; false when the lines can not be kept any more. */
function follow({ chunks, hidden }: KeptLines, updates: readonly ReferenceUpdate[]): boolean {
  for (const { name, new: oid } of updates) {
    if (!ASCII.test(name)) return false;
    if (hidden.hides(name)) continue;
    if (oid === undefined) chunks.delete(name);
    else chunks.set(name, oid);
  }
  return chunks.count <= KEPT_COUNT_MAX;
}
