/**
 * A share of a large push's deltas, resolved apart from the rest.
 *
 * Whoever has a share works on its own copy of the entry table, its own ids, links and checks, and
 * reads the same spool. It resolves whole delta trees: those that offset deltas build on entries from
 * `split` on. Nothing passes between the two while they work; what came of the share is adopted
 * afterwards, object by object, in the order in which it was resolved.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { FsckPolicy, ObjectFormat, Oid } from "@gitstratum/core/git";
import { KernelError } from "@gitstratum/wasm";
import { DeltaResolver } from "./delta_resolver.ts";
import type { IngestMemory } from "./ingest_memory.ts";
import type { IngestScratch } from "./ingest_scratch.ts";
import { NumberList } from "./number_list.ts";
import type { LinkColumns } from "./object_links.ts";
import {
  ENTRY_IS_DUPLICATE,
  ENTRY_IS_LARGE,
  ENTRY_IS_RESOLVED,
  type EntryColumns,
  ObjectTable,
} from "./object_table.ts";
import { PackObjects } from "./pack_objects.ts";
import type { Spool } from "./spool.ts";
import { WorkBudget } from "./work_budget.ts";

/** What a share is. Everything can be cloned between threads. */
export interface DeltaShare {
  readonly format: ObjectFormat;
  readonly policy: FsckPolicy;
  /** Inflated size of the largest object that is taken in. */
  readonly objectBytesMax: number;
  /** 8 random bytes. */
  readonly seed: Uint8Array;
  readonly columns: EntryColumns;
  /** First entry whose delta tree belongs to the share. */
  readonly split: number;
  /** Offset behind the last entry of the pack. */
  readonly entriesEnd: number;
  /** Bytes that may be inflated and rebuilt. */
  readonly workBytes: number;
}

/** What came of a share. Everything can be cloned between threads. */
export interface ResolvedShare {
  /** Entries in the order in which they were resolved; the next five have a row for each. */
  readonly entries: Uint32Array<ArrayBuffer>;
  readonly bases: Int32Array<ArrayBuffer>;
  readonly types: Uint8Array<ArrayBuffer>;
  readonly sizes: Float64Array<ArrayBuffer>;
  /** Rows of their ids in {@link ids}. */
  readonly rows: Int32Array<ArrayBuffer>;
  /** Ids that the share's objects have or link to, one after the other, and their flags. */
  readonly ids: Uint8Array<ArrayBuffer>;
  readonly idFlags: Uint8Array<ArrayBuffer>;
  readonly links: LinkColumns;
  /** What the checks of the share's objects warn of. */
  readonly warnings: readonly string[];
  /** Blobs that the share's trees give special names. */
  readonly modules: readonly Oid[];
  readonly attributes: readonly Oid[];
  /** Bytes that were inflated and rebuilt. */
  readonly workBytes: number;
}

/** Somebody who takes a share off an ingest. */
export interface DeltaHelper {
  /** Deltas below which the work is not worth sharing. */
  readonly deltaCountMin: number;
  /** Resolves a share, at the same time if possible. @throws what the ingest would */
  resolve(share: DeltaShare): Promise<ResolvedShare>;
  /** Ends whatever goes on. */
  close(): void;
}

/** What a share is resolved with; nobody else uses the memory. */
export interface DeltaShareOptions {
  readonly memory: IngestMemory;
  readonly spool: Spool;
  readonly scratch: IngestScratch;
  /** Whether nobody waits for the share any more. */
  readonly isEnded?: () => boolean;
}

/**
 * Resolves a share.
 *
 * @throws `invalid` when an object is refused
 * @throws `unavailable` when the ingest has ended
 */
export function resolveShare(share: DeltaShare, options: DeltaShareOptions): ResolvedShare {
  const table = tableOf(share, options.memory);
  const budget = WorkBudget.forShare(share.workBytes);
  const { format, policy, seed, objectBytesMax } = share;
  const objects = new PackObjects({
    format,
    policy,
    seed,
    objectBytesMax,
    budget,
    table,
    ...options,
  });
  try {
    objects.reader.scanned(share.entriesEnd);
    const resolver = new DeltaResolver(objects, deferredOf(table), table.count);
    for (const _ of resolver.resolveShare(share.split)) {
      if (options.isEnded?.()) {
        throw new GitStratumError("unavailable", "Give up a share of an ingest that has ended");
      }
    }
    return resultOf(objects, resolver.resolved, share.workBytes - budget.left);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new GitStratumError("exhausted", "Run out of memory in an ingest", { cause: error });
  } finally {
    objects.close();
  }
}

/** The table as it was when the share was cut; what this memory can not hold is large. */
function tableOf(share: DeltaShare, memory: IngestMemory): ObjectTable {
  const table = ObjectTable.of(share.columns);
  for (let entry = 0; entry < table.count; entry++) {
    const isLarge = table.is(entry, ENTRY_IS_RESOLVED) &&
      table.sizes[entry]! > memory.objectBytesMax;
    if (isLarge) table.flags[entry]! |= ENTRY_IS_LARGE;
  }
  return table;
}

/** Deltas on entries of the pack. Those that name an id are for whoever has the ids. */
function deferredOf(table: ObjectTable): NumberList {
  const deferred = new NumberList();
  for (let entry = 0; entry < table.count; entry++) {
    if (!table.is(entry, ENTRY_IS_RESOLVED) && table.bases[entry]! >= 0) deferred.push(entry);
  }
  return deferred;
}

function resultOf(objects: PackObjects, resolved: NumberList, workBytes: number): ResolvedShare {
  const { table, ids, links, check } = objects;
  const entries = resolved.items.slice();
  return {
    entries,
    bases: Int32Array.from(entries, (entry) => table.bases[entry]!),
    types: Uint8Array.from(entries, (entry) => table.types[entry]!),
    sizes: Float64Array.from(entries, (entry) => table.sizes[entry]!),
    rows: Int32Array.from(entries, (entry) => table.ids[entry]!),
    ids: ids.count === 0 ? new Uint8Array() : ids.range(0, ids.count).slice(),
    idFlags: Uint8Array.from({ length: ids.count }, (_, row) => ids.flags(row)),
    links: links.columns(),
    ...check.named(),
    warnings: check.warnings,
    workBytes,
  };
}

/** Makes what came of a share part of the objects it was cut from. @throws `invalid` */
export function adoptShare(objects: PackObjects, share: ResolvedShare): void {
  const { ids, table, links, check } = objects;
  const width = ids.width;
  const rows = new Int32Array(share.idFlags.length);
  for (let row = 0; row < rows.length; row++) {
    rows[row] = ids.insertBytes(share.ids.subarray(row * width, (row + 1) * width));
    ids.addFlags(rows[row]!, share.idFlags[row]!);
  }
  for (let index = 0; index < share.entries.length; index++) {
    objects.adopt(share.entries[index]!, {
      base: share.bases[index]!,
      type: share.types[index]!,
      size: share.sizes[index]!,
      row: rows[share.rows[index]!]!,
    });
  }
  const isTaken = (entry: number) => !table.is(entry, ENTRY_IS_DUPLICATE);
  links.append(share.links, { rows, isTaken });
  check.addNamed(share);
  check.addWarnings(share.warnings);
}
