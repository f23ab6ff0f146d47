/**
 * Divides the entries of a large pack, while it is scanned, between the one who scans and a helper.
 *
 * A delta goes where its base went, so that nobody needs what the other one has made; a whole object
 * goes to the helper while that has less left to do. So both end at about the same time, whatever
 * deltas could not be resolved at once.
 *
 * @module
 */

import { INGEST_SHARE_AHEAD_BYTES, KIB } from "@gitstratum/core/limits";
import { isDeltaCode } from "@gitstratum/core/pack";
import { NumberList } from "./number_list.ts";
import { BASE_NONE, type ObjectTable } from "./object_table.ts";
import type { ResolvedShare, ShareHelper, ShareTerms } from "./pack_share.ts";

/** What an object costs beside its bytes, in KiB: calls, hashing's beginning and end. */
const OBJECT_COST_KIB = 8;
/** Entries and cost, of which one is enough for a message. */
const BATCH_ENTRY_COUNT = 512;
const BATCH_COST_KIB = 4096;
const AHEAD_KIB = INGEST_SHARE_AHEAD_BYTES / KIB;

/** What became of a share, or why nothing did. */
export type ShareOutcome =
  | { readonly share: ResolvedShare; readonly numbers: Uint32Array<ArrayBuffer> }
  | { readonly error: unknown };

/** The division of one pack. */
export class WorkSplit {
  readonly #helper: ShareHelper;
  readonly #terms: Omit<ShareTerms, "entryCount">;
  readonly #table: ObjectTable;
  #isShared = false;
  /** By entry: its number in the share and 1, or 0. */
  readonly #places = new NumberList();
  /** By entry: what resolving any delta of its tree costs, in KiB. */
  readonly #costsKib = new NumberList();
  /** By number in the share: the entry. */
  readonly #numbers = new NumberList();
  /** How many of the share the helper has been told of. */
  #toldCount = 0;
  #untoldKib = 0;
  /** What the one who scans has put off. */
  #deferredKib = 0;

  /** Makes a division that gives nothing away before {@link begin}. */
  constructor(
    helper: ShareHelper,
    options: { readonly terms: Omit<ShareTerms, "entryCount">; readonly table: ObjectTable },
  ) {
    this.#helper = helper;
    this.#terms = options.terms;
    this.#table = options.table;
  }

  /** Begins a pack of `entryCount` entries; whether it is one that is shared. */
  begin(entryCount: number): boolean {
    this.#isShared = entryCount >= this.#helper.entryCountMin;
    if (this.#isShared) this.#helper.begin({ ...this.#terms, entryCount });
    return this.#isShared;
  }

  /** Decides about an entry of which head and base are known; true when it is the helper's. */
  givesAway(entry: number): boolean {
    if (!this.#isShared) return false;
    const { codes, bases, sizes } = this.#table;
    const base = bases[entry]!;
    const size = sizes[entry]!;
    const isDelta = isDeltaCode(codes[entry]!);
    const costKib = isDelta && base >= 0
      ? this.#costsKib.at(base)
      : Math.ceil(size / KIB) + OBJECT_COST_KIB;
    const isGiven = isDelta ? base >= 0 && this.isGiven(base) : this.#isForHelper(size);
    this.#costsKib.push(costKib);
    this.#places.push(isGiven ? this.#numbers.count + 1 : 0);
    if (isGiven) this.#numbers.push(entry);
    return isGiven;
  }

  /** Whether an entry is the helper's. */
  isGiven(entry: number): boolean {
    return this.#isShared && this.#places.at(entry) !== 0;
  }

  /** Notes that an entry was scanned; `end` is the offset behind it. */
  scanned(entry: number, end: number): void {
    this.#untoldKib += this.#costsKib.at(entry);
    const untoldCount = this.#numbers.count - this.#toldCount;
    if (untoldCount >= BATCH_ENTRY_COUNT || this.#untoldKib >= BATCH_COST_KIB) this.#tell(end);
  }

  /** Notes that the one who scans has put a delta of its own off. */
  deferred(entry: number): void {
    if (this.#isShared) this.#deferredKib += this.#costsKib.at(entry);
  }

  /** Waits for the helper; undefined when the pack was not shared. Never rejects. */
  finish(end: number): Promise<ShareOutcome | undefined> {
    if (!this.#isShared) return Promise.resolve(undefined);
    this.#tell(end);
    return this.#helper.finish().then(
      (share) => ({ share, numbers: this.#numbers.items }),
      (error: unknown) => ({ error }),
    );
  }

  #isForHelper(size: number): boolean {
    const helper = this.#helper;
    return size <= helper.objectBytesMax &&
      helper.backlogKib + this.#untoldKib <= this.#deferredKib + AHEAD_KIB;
  }

  #tell(end: number): void {
    const given = this.#numbers.items.subarray(this.#toldCount);
    const { offsets, sizes, codes, headBytes, bases } = this.#table;
    this.#helper.take({
      offsets: Float64Array.from(given, (entry) => offsets[entry]!),
      sizes: Float64Array.from(given, (entry) => sizes[entry]!),
      codes: Uint8Array.from(given, (entry) => codes[entry]!),
      headBytes: Uint8Array.from(given, (entry) => headBytes[entry]!),
      bases: Int32Array.from(given, (entry) => this.#numberOf(bases[entry]!)),
      costsKib: Uint32Array.from(given, (entry) => this.#costsKib.at(entry)),
      scannedBytes: end,
    });
    this.#toldCount += given.length;
    this.#untoldKib = 0;
  }

  #numberOf(base: number): number {
    return base < 0 ? BASE_NONE : this.#places.at(base) - 1;
  }
}
