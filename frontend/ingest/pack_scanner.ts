/**
 * The first pass over a pack, while it arrives: entries, whole objects, and deltas whose base is at
 * hand. A state machine: {@link PackScanner.step} takes what has arrived and stops where more is
 * needed, in the middle of an entry if need be.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { assert } from "@gitstratum/core/assert";
import { OBJECT_BYTES_MAX, PUSH_OBJECT_COUNT_MAX } from "@gitstratum/core/limits";
import { type ObjectFormat, oidBytes } from "@gitstratum/core/git";
import {
  EntryHeadReader,
  isDeltaCode,
  OFS_DELTA,
  PACK_HEADER_BYTES,
  readPackHeader,
} from "@gitstratum/core/pack";
import { badPack, tooLarge } from "./bad_pack.ts";
import { ID_IS_BASE } from "./id_table.ts";
import {
  type IngestMemory,
  OUTPUT_SLACK_BYTES,
  PIECE_BYTES,
  WINDOW_BYTES,
} from "./ingest_memory.ts";
import { NumberList } from "./number_list.ts";
import { baseOfRow, ENTRY_IS_LARGE, ENTRY_IS_RESOLVED, rowOfBase } from "./object_table.ts";
import type { PackObjects } from "./pack_objects.ts";
import type { Spool } from "./spool.ts";
import type { WorkBudget } from "./work_budget.ts";
import type { WorkSplit } from "./work_split.ts";

/** Entries after which a step returns, so that its caller can tell of progress. */
const STEP_ENTRY_COUNT = 4096;

/** How a step ended: it wants more bytes, or to be called again, or the pack is complete. */
export type ScanStatus = "needs-input" | "more" | "done";

/** Where the scan is. */
type ScanState =
  | { readonly kind: "header" }
  | { readonly kind: "head" }
  /** Inflating into linear memory, from `start` on. */
  | { readonly kind: "memory"; readonly pointer: number; readonly place: number }
  /** Inflating in pieces: a large object is hashed, a large delta only counted. */
  | { readonly kind: "pieces"; readonly hash: Hash | undefined }
  | { readonly kind: "trailer" }
  | { readonly kind: "done" };

/** What a scan works with. */
export interface PackScannerOptions {
  readonly format: ObjectFormat;
  readonly memory: IngestMemory;
  readonly spool: Spool;
  readonly budget: WorkBudget;
  readonly objects: PackObjects;
  /** Gives a part of the entries to somebody else. */
  readonly split?: WorkSplit;
}

/** Scans one pack. */
export class PackScanner {
  /** Entries that the header announced. */
  objectCount = 0;
  /** Deltas that wait for their base. */
  readonly deferred: NumberList = new NumberList();

  readonly #memory: IngestMemory;
  readonly #spool: Spool;
  readonly #budget: WorkBudget;
  readonly #objects: PackObjects;
  readonly #split: WorkSplit | undefined;
  readonly #width: number;
  readonly #head: EntryHeadReader;
  readonly #trailerHash: Hash;

  #state: ScanState = { kind: "header" };
  /** Offset in the pack of the window's first byte. */
  #windowStart = 0;
  /** Bytes in the window, and how many of them were scanned and hashed. */
  #filled = 0;
  #at = 0;
  #hashed = 0;
  #available = 0;

  #entry = -1;
  /** Bytes that the entry inflates to, and how many of them came. */
  #size = 0;
  #produced = 0;

  /** Makes a scan that has seen nothing. */
  constructor(options: PackScannerOptions) {
    this.#memory = options.memory;
    this.#spool = options.spool;
    this.#budget = options.budget;
    this.#objects = options.objects;
    this.#split = options.split;
    this.#width = oidBytes(options.format);
    this.#head = new EntryHeadReader(this.#width);
    this.#trailerHash = createHash(options.format);
  }

  /** Entries that were scanned. */
  get scannedCount(): number {
    return this.#objects.table.count - (this.#isInEntry ? 1 : 0);
  }

  /** Offset of the first byte that was not scanned. */
  get position(): number {
    return this.#windowStart + this.#at;
  }

  /**
   * Scans what has arrived: `available` bytes of the pack so far, all of it when `ended`.
   *
   * @throws `invalid` when the pack is not what it should be
   */
  step(available: number, ended: boolean): ScanStatus {
    this.#budget.grant(available - this.#available);
    this.#available = available;
    const stopAt = this.#objects.table.count + STEP_ENTRY_COUNT;
    while (this.#objects.table.count < stopAt) {
      if (this.#state.kind === "done") return this.#finish(ended);
      if (this.#advance()) continue;
      if (this.#fill()) continue;
      if (!ended) return "needs-input";
      throw badPack("Reject a truncated pack", {
        bytes: available,
        objects: this.scannedCount,
        wanted: this.objectCount,
      });
    }
    return "more";
  }

  get #isInEntry(): boolean {
    return this.#state.kind === "memory" || this.#state.kind === "pieces";
  }

  /** One step on; false when there are too few bytes in the window. */
  #advance(): boolean {
    switch (this.#state.kind) {
      case "header":
        return this.#readHeader();
      case "head":
        return this.#readHead();
      case "memory":
        return this.#inflateToMemory(this.#state.pointer, this.#state.place);
      case "pieces":
        return this.#inflatePieces(this.#state.hash);
      case "trailer":
        return this.#readTrailer();
      case "done":
        return true;
    }
  }

  #finish(ended: boolean): ScanStatus {
    if (this.#available > this.position) {
      throw badPack("Reject garbage behind a pack", { bytes: this.#available - this.position });
    }
    return ended ? "done" : "needs-input";
  }

  #readHeader(): boolean {
    if (this.#filled - this.#at < PACK_HEADER_BYTES) return false;
    const pointer = this.#memory.scanWindow.pointer + this.#at;
    const header = readPackHeader(this.#memory.view(pointer, PACK_HEADER_BYTES));
    if (!header.ok) {
      const what = header.reason === "signature" ? "signature" : "version";
      throw badPack(`Reject a pack with the wrong ${what}`, { found: header.found });
    }
    if (header.objectCount > PUSH_OBJECT_COUNT_MAX) {
      throw badPack("Reject a pack with too many objects", {
        found: header.objectCount,
        max: PUSH_OBJECT_COUNT_MAX,
      });
    }
    this.objectCount = header.objectCount;
    this.#objects.table.expected = header.objectCount;
    if (this.#split?.begin(header.objectCount)) this.#objects.ids.expect(header.objectCount);
    this.#at += PACK_HEADER_BYTES;
    this.#nextEntry();
    return true;
  }

  #nextEntry(): void {
    this.#objects.reader.scanned(this.position);
    this.#state = this.#objects.table.count === this.objectCount
      ? { kind: "trailer" }
      : { kind: "head" };
  }

  #readHead(): boolean {
    const { scanWindow, bytes } = this.#memory;
    const start = scanWindow.pointer + this.#at;
    const status = this.#head.read(bytes, start, scanWindow.pointer + this.#filled);
    if (status === "needs-input") return false;
    const offset = this.position;
    if (status === "malformed") {
      const type = this.#head.typeCode;
      throw badPack("Reject a pack with a malformed entry", { offset, type });
    }
    const { typeCode, size, headBytes } = this.#head;
    // A delta may be longer than what it makes, which is looked at when it is applied.
    const sizeMax = isDeltaCode(typeCode) ? OBJECT_BYTES_MAX : this.#objects.objectBytesMax;
    if (size > sizeMax) throw tooLarge(offset, size, sizeMax);
    this.#budget.charge(size);
    const { table } = this.#objects;
    const entry = table.add();
    table.offsets[entry] = offset;
    table.sizes[entry] = size;
    table.codes[entry] = typeCode;
    table.headBytes[entry] = headBytes;
    if (isDeltaCode(typeCode)) this.#noteBase(entry, start + headBytes - this.#width);
    this.#at += headBytes;
    this.#entry = entry;
    this.#size = size;
    this.#produced = 0;
    this.#startBody(typeCode, this.#split?.givesAway(entry) === true);
    return true;
  }

  #noteBase(entry: number, oidPointer: number): void {
    const { table, ids } = this.#objects;
    if (this.#head.typeCode === OFS_DELTA) {
      const offset = table.offsets[entry]!;
      const base = table.entryAtOffset(offset - this.#head.distance);
      if (base < 0 || base >= entry) {
        throw badPack("Reject a delta whose base is no entry of the pack", {
          offset,
          distance: this.#head.distance,
        });
      }
      table.bases[entry] = base;
      return;
    }
    const row = ids.insert(oidPointer);
    ids.addFlags(row, ID_IS_BASE);
    table.bases[entry] = baseOfRow(row);
  }

  /** What is given away is inflated all the same: nothing else tells where it ends. */
  #startBody(typeCode: number, isGiven: boolean): void {
    const isDelta = isDeltaCode(typeCode);
    const { ring, scanInflater, objectBytesMax } = this.#memory;
    if (this.#size > objectBytesMax) {
      this.#budget.requireWorker();
      scanInflater.start({ streaming: true });
      const hash = isDelta ? undefined : this.#objects.hasher.begin(typeCode, this.#size);
      this.#state = { kind: "pieces", hash };
      return;
    }
    scanInflater.start();
    const passes = isDelta || isGiven;
    const place = passes ? -1 : ring.reserve(this.#size + OUTPUT_SLACK_BYTES);
    const pointer = passes ? this.#memory.deltaRoom(this.#size) : ring.pointerOf(place);
    this.#state = { kind: "memory", pointer, place };
  }

  #inflateToMemory(pointer: number, place: number): boolean {
    const { scanInflater } = this.#memory;
    const done = this.#inflate(
      pointer + this.#produced,
      this.#size + OUTPUT_SLACK_BYTES - this.#produced,
    );
    this.#produced += scanInflater.produced;
    if (!done) return this.#wantsMore();
    this.#checkSize();
    const entry = this.#entry;
    this.#nextEntry();
    if (place >= 0) this.#objects.takeWhole(entry, place, this.#size);
    else if (this.#split?.isGiven(entry)) this.#split.scanned(entry, this.position);
    else if (!this.#resolvesNow(entry, pointer)) this.#defer(entry);
    return true;
  }

  #defer(entry: number): void {
    this.deferred.push(entry);
    this.#split?.deferred(entry);
  }

  #inflatePieces(hash: Hash | undefined): boolean {
    const { scanInflater, piece } = this.#memory;
    const done = this.#inflate(piece.pointer, PIECE_BYTES);
    this.#produced += scanInflater.produced;
    hash?.update(this.#memory.view(piece.pointer, scanInflater.produced));
    if (!done) return this.#wantsMore();
    this.#checkSize();
    const entry = this.#entry;
    this.#nextEntry();
    if (hash !== undefined) this.#objects.takeLargeWhole(entry, this.#size, hash);
    else if (this.#split?.isGiven(entry)) this.#split.scanned(entry, this.position);
    else this.#defer(entry);
    return true;
  }

  /** Inflates what is in the window; true when the stream ended. */
  #inflate(output: number, capacity: number): boolean {
    const { scanInflater, scanWindow } = this.#memory;
    const status = scanInflater.run(
      scanWindow.pointer + this.#at,
      this.#filled - this.#at,
      output,
      capacity,
    );
    this.#at += scanInflater.consumed;
    if (status === "corrupt") {
      throw badPack("Reject a pack with a corrupt zlib stream", { offset: this.#entryOffset });
    }
    return status === "done";
  }

  get #entryOffset(): number {
    return this.#objects.table.offsets[this.#entry]!;
  }

  /** Whether to go on without more input: only when output was the limit. */
  #wantsMore(): boolean {
    if (this.#produced > this.#size) this.#checkSize();
    return this.#at < this.#filled;
  }

  #checkSize(): void {
    if (this.#produced === this.#size) return;
    throw badPack(
      this.#produced > this.#size
        ? "Reject an entry that inflates to more than it says"
        : "Reject an entry that inflates to less than it says",
      { offset: this.#entryOffset, wanted: this.#size, found: this.#produced },
    );
  }

  /** Resolves a delta if its base is known and in memory. */
  #resolvesNow(entry: number, pointer: number): boolean {
    const { table, ids, source } = this.#objects;
    let base = table.bases[entry]!;
    if (base < 0) base = ids.entry(rowOfBase(base));
    if (base < 0 || !table.is(base, ENTRY_IS_RESOLVED)) return false;
    base = source.canonical(base);
    if (table.is(base, ENTRY_IS_LARGE) || !this.#memory.ring.holds(table.places[base]!)) {
      return false;
    }
    return this.#objects.tryDelta(entry, base, { pointer, bytes: this.#size });
  }

  #readTrailer(): boolean {
    if (this.#filled - this.#at < this.#width) return false;
    this.#hashScanned();
    const wanted = new Uint8Array(this.#trailerHash.digest());
    const found = this.#memory.view(this.#memory.scanWindow.pointer + this.#at, this.#width);
    if (!wanted.every((byte, index) => byte === found[index])) {
      throw badPack("Reject a pack with the wrong trailer", {
        wanted: wanted.toHex(),
        found: found.toHex(),
      });
    }
    this.#at += this.#width;
    this.#state = { kind: "done" };
    return true;
  }

  /** Moves what is left to the window's start and fills it up; false when nothing more is there. */
  #fill(): boolean {
    this.#hashScanned();
    const { scanWindow, bytes } = this.#memory;
    const start = scanWindow.pointer;
    bytes.copyWithin(start, start + this.#at, start + this.#filled);
    this.#windowStart += this.#at;
    this.#filled -= this.#at;
    this.#at = 0;
    this.#hashed = 0;
    const offset = this.#windowStart + this.#filled;
    const count = Math.min(WINDOW_BYTES - this.#filled, this.#available - offset);
    assert(count > 0 || this.#available === offset, "A window has room for more than a head");
    if (count === 0) return false;
    this.#spool.read(this.#memory.view(start + this.#filled, count), offset);
    this.#filled += count;
    return true;
  }

  #hashScanned(): void {
    if (this.#at === this.#hashed) return;
    const start = this.#memory.scanWindow.pointer + this.#hashed;
    this.#trailerHash.update(this.#memory.view(start, this.#at - this.#hashed));
    this.#hashed = this.#at;
  }
}
