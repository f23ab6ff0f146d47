/**
 * A share of a large push's objects, taken in apart from the rest, while the pack arrives.
 *
 * A share consists of whole delta trees, with their roots. Whoever has it works on tables of its own
 * and reads the same spool: entries come in batches, in the order of the pack, after they were scanned
 * elsewhere. Nothing else passes between the two; what came of the share is adopted afterwards, object
 * by object, bases before their deltas, by the rules of any object.
 *
 * @module
 */

import { assert } from "@gitstratum/core/assert";
import { GitStratumError } from "@gitstratum/core/error";
import type { FsckPolicy, ObjectFormat, Oid } from "@gitstratum/core/git";
import { isDeltaCode } from "@gitstratum/core/pack";
import { KernelError } from "@gitstratum/wasm";
import { DeltaResolver } from "./delta_resolver.ts";
import type { IngestMemory } from "./ingest_memory.ts";
import type { IngestScratch } from "./ingest_scratch.ts";
import { NumberList } from "./number_list.ts";
import type { LinkColumns } from "./object_links.ts";
import { ENTRY_IS_DUPLICATE, ENTRY_IS_RESOLVED } from "./object_table.ts";
import { PackObjects } from "./pack_objects.ts";
import type { Spool } from "./spool.ts";
import { WorkBudget } from "./work_budget.ts";

/** What the objects of a share must be. */
export interface ShareTerms {
  readonly format: ObjectFormat;
  readonly policy: FsckPolicy;
  /** Inflated size of the largest object that is taken in. */
  readonly objectBytesMax: number;
  /** 8 random bytes. */
  readonly seed: Uint8Array;
  /** Entries of the whole pack, as it says; there is a permit for them. */
  readonly entryCount: number;
}

/** Entries of a share, a row for each, numbered on from the batch before. */
export interface ShareBatch {
  /** Offset of the entry in the pack as it came, in bytes. */
  readonly offsets: Float64Array<ArrayBuffer>;
  /** Inflated size: of the object, or of the delta. */
  readonly sizes: Float64Array<ArrayBuffer>;
  /** Type number as in the entry. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** Bytes of the entry's head. */
  readonly headBytes: Uint8Array<ArrayBuffer>;
  /** The share's entry that a delta builds on, or `BASE_NONE`. */
  readonly bases: Int32Array<ArrayBuffer>;
  /** What the entry is expected to cost, in KiB: see `WorkSplit`. */
  readonly costsKib: Uint32Array<ArrayBuffer>;
  /** Bytes of the pack that were scanned, these entries and all before included. */
  readonly scannedBytes: number;
}

/** What came of a share. Everything can be cloned between threads. */
export interface ResolvedShare {
  /** Entries in the order in which they were resolved; the next four have a row for each. */
  readonly entries: Uint32Array<ArrayBuffer>;
  readonly types: Uint8Array<ArrayBuffer>;
  readonly sizes: Float64Array<ArrayBuffer>;
  /** The entry that a delta builds on, or `BASE_NONE`. */
  readonly bases: Int32Array<ArrayBuffer>;
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
export interface ShareHelper {
  /** Entries of a pack below which the work is not worth sharing. */
  readonly entryCountMin: number;
  /** Whole objects above this are not given away. */
  readonly objectBytesMax: number;
  /** What was given away and is not done, in KiB of cost. */
  readonly backlogKib: number;
  /** Prepares for entries. */
  begin(terms: ShareTerms): void;
  /** Takes entries over. */
  take(batch: ShareBatch): void;
  /** Resolves what is left. @throws what the ingest would */
  finish(): Promise<ResolvedShare>;
  /** Ends whatever goes on. */
  close(): void;
}

/** What a share is taken in with; nobody else uses the memory. */
export interface PackShareOptions {
  readonly memory: IngestMemory;
  readonly spool: Spool;
  readonly scratch: IngestScratch;
  /** Whether nobody waits for the share any more. */
  readonly isEnded?: () => boolean;
  /** Told of what was done, in KiB of cost. */
  readonly done?: (costKib: number) => void;
}

/**
 * Steps to a base for which a delta does not have to wait. Waiting saves some of them, but whoever
 * waits has nothing to do.
 */
const STEP_COUNT_MAX = 16;

/** Takes a share in. */
export class PackShare {
  readonly #options: PackShareOptions;
  readonly #objects: PackObjects;
  readonly #budget = WorkBudget.forPush();
  readonly #deferred = new NumberList();
  /** Entries in the order in which they were resolved. */
  readonly #resolved = new NumberList();
  #scannedBytes = 0;
  #grantedBytes = 0;

  /** Makes a share without entries. */
  constructor(terms: ShareTerms, options: PackShareOptions) {
    this.#options = options;
    this.#objects = new PackObjects({
      ...terms,
      ...options,
      budget: this.#budget,
      isShare: true,
    });
    this.#objects.ids.expect(terms.entryCount);
  }

  /**
   * Takes entries in: whole objects, and deltas of which the base is at hand.
   *
   * @throws `invalid` when an object is refused
   * @throws `unavailable` when the ingest has ended
   */
  take(batch: ShareBatch): void {
    const grant = batch.scannedBytes - this.#scannedBytes;
    this.#budget.grant(grant);
    this.#grantedBytes += grant;
    this.#scannedBytes = batch.scannedBytes;
    this.#objects.reader.scanned(batch.scannedBytes);
    for (let row = 0; row < batch.offsets.length; row++) {
      this.#requireWanted();
      const entry = this.#add(batch, row);
      if (!this.#takeEntry(entry)) this.#deferred.push(entry);
      else {
        this.#resolved.push(entry);
        this.#options.done?.(batch.costsKib[row]!);
      }
    }
  }

  /** Resolves the rest. @throws like {@link take} */
  finish(): ResolvedShare {
    const { table } = this.#objects;
    const resolver = new DeltaResolver(this.#objects, this.#deferred, table.count);
    for (const _ of resolver.resolveFromPack()) this.#requireWanted();
    for (const entry of resolver.resolved.items) this.#resolved.push(entry);
    assert(this.#resolved.count === table.count, "A share has the bases of its deltas");
    const { left } = this.#budget;
    const granted = WorkBudget.forPush();
    granted.grant(this.#grantedBytes);
    return resultOf(this.#objects, this.#resolved, granted.left - left);
  }

  /** Gives the memory back. */
  close(): void {
    this.#objects.close();
  }

  #add(batch: ShareBatch, row: number): number {
    const { table } = this.#objects;
    const entry = table.add();
    table.offsets[entry] = batch.offsets[row]!;
    table.sizes[entry] = batch.sizes[row]!;
    table.codes[entry] = batch.codes[row]!;
    table.headBytes[entry] = batch.headBytes[row]!;
    table.bases[entry] = batch.bases[row]!;
    return entry;
  }

  /** False when the entry is a delta that has to wait. */
  #takeEntry(entry: number): boolean {
    const { table, source } = this.#objects;
    if (!isDeltaCode(table.codes[entry]!)) {
      this.#objects.takeSpooled(entry);
      return true;
    }
    const base = table.bases[entry]!;
    if (!table.is(base, ENTRY_IS_RESOLVED)) return false;
    if (!source.isNear(base, STEP_COUNT_MAX)) return false;
    this.#objects.resolve(entry, base);
    return true;
  }

  #requireWanted(): void {
    if (this.#options.isEnded?.()) throw shareIsEnded();
  }
}

/** The error of a share for which nobody waits any more. */
export function shareIsEnded(): GitStratumError {
  return new GitStratumError("unavailable", "Give up a share of an ingest that has ended");
}

/** The error to tell of: a kernel without memory is a push that is too much. */
export function shareError(error: unknown): unknown {
  if (!(error instanceof KernelError)) return error;
  return new GitStratumError("exhausted", "Run out of memory in an ingest", { cause: error });
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

/** The memory of a share that can be handed to another thread instead of being copied. */
export function buffersOf(share: ResolvedShare): ArrayBuffer[] {
  const { entries, types, sizes, bases, rows, ids, idFlags, links } = share;
  const columns = [entries, types, sizes, bases, rows, ids, idFlags, ...Object.values(links)];
  return columns.map((column: { readonly buffer: ArrayBuffer }) => column.buffer);
}

/**
 * Makes what came of a share part of the objects it was cut from; `numbers` tells which entry of
 * theirs each of the share's is.
 *
 * @throws `invalid`
 */
export function adoptShare(
  objects: PackObjects,
  share: ResolvedShare,
  numbers: Uint32Array<ArrayBuffer>,
): void {
  const { ids, table, links, check } = objects;
  const width = ids.width;
  const rows = new Int32Array(share.idFlags.length);
  for (let row = 0; row < rows.length; row++) {
    rows[row] = ids.insertBytes(share.ids.subarray(row * width, (row + 1) * width));
    ids.addFlags(rows[row]!, share.idFlags[row]!);
  }
  for (let index = 0; index < share.entries.length; index++) {
    const base = share.bases[index]!;
    objects.adopt(numbers[share.entries[index]!]!, {
      base: base < 0 ? base : numbers[base]!,
      type: share.types[index]!,
      size: share.sizes[index]!,
      row: rows[share.rows[index]!]!,
    });
  }
  const isTaken = (entry: number) => !table.is(entry, ENTRY_IS_DUPLICATE);
  links.append(share.links, { rows, isTaken, entryOf: (entry) => numbers[entry]! });
  check.addNamed(share);
  check.addWarnings(share.warnings);
}
