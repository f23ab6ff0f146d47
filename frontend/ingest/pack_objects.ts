/**
 * The objects of a push: taking them in once they are inflated, and resolving deltas.
 *
 * Invariants: an object is hashed and checked before anything is built on it; a delta's base was
 * resolved before the delta, so chains have no cycles; of several entries with one id the one that was
 * resolved first counts, and only if all have the same bytes.
 *
 * @module
 */

import type { Hash } from "node:crypto";
import { type GitStratumError, hasCode } from "@gitstratum/core/error";
import {
  DELTA_DEPTH_MAX,
  HISTORY_OBJECT_BYTES_MAX,
  LARGE_DELTA_DEPTH_MAX,
} from "@gitstratum/core/limits";
import {
  type FsckPolicy,
  OBJECT_TYPE_CODES,
  type ObjectFormat,
  oidBytes,
} from "@gitstratum/core/git";
import { encodeWholeEntry } from "@gitstratum/core/pack";
import type { ObjectBytes } from "../pack_assembly/object_bytes.ts";
import { badDelta, badPack, hashCollision, tooLarge } from "./bad_pack.ts";
import { CutEntries } from "./cut_entries.ts";
import { EntryReader } from "./entry_reader.ts";
import { IdTable, wrongType } from "./id_table.ts";
import { type IngestMemory, OUTPUT_SLACK_BYTES, type Region } from "./ingest_memory.ts";
import { ObjectCheck } from "./object_check.ts";
import { ObjectHasher } from "./object_hasher.ts";
import { ObjectLinks } from "./object_links.ts";
import { ObjectSource } from "./object_source.ts";
import {
  BASE_NONE,
  ENTRY_BASE_MOVED,
  ENTRY_IS_CUT,
  ENTRY_IS_DUPLICATE,
  ENTRY_IS_EXTERNAL,
  ENTRY_IS_LARGE,
  ENTRY_IS_PLAIN_TREE,
  ENTRY_IS_RESOLVED,
  ObjectTable,
} from "./object_table.ts";
import type { IngestScratch } from "./ingest_scratch.ts";
import type { Spool } from "./spool.ts";
import type { WorkBudget } from "./work_budget.ts";

/** What the objects of a push are made of. */
export interface PackObjectsOptions {
  readonly format: ObjectFormat;
  readonly memory: IngestMemory;
  readonly spool: Spool;
  readonly budget: WorkBudget;
  readonly policy: FsckPolicy;
  /** Inflated size of the largest object; not above `OBJECT_BYTES_MAX`. */
  readonly objectBytesMax: number;
  /** 8 random bytes. */
  readonly seed: Uint8Array;
  readonly scratch: IngestScratch;
  /** This is a share of a push, and leaves deep chains to whoever adopts it. */
  readonly isShare?: boolean;
}

/** The objects of one push. */
export class PackObjects {
  /** Entries. */
  readonly table: ObjectTable;
  /** Ids. */
  readonly ids: IdTable;
  /** Links. */
  readonly links: ObjectLinks;
  /** Object checks. */
  readonly check: ObjectCheck;
  /** Reads entries again. */
  readonly reader: EntryReader;
  /** Bytes of objects. */
  readonly source: ObjectSource;
  /** Hashes. */
  readonly hasher: ObjectHasher;
  /** Objects that are stored whole. */
  readonly cuts: CutEntries;
  /** Inflated size of the largest object that is taken in. */
  readonly objectBytesMax: number;

  readonly #memory: IngestMemory;
  readonly #budget: WorkBudget;
  readonly #isShare: boolean;

  /** Makes an empty set of objects. */
  constructor(options: PackObjectsOptions) {
    const { format, memory, spool, policy, seed, budget, scratch } = options;
    const table = new ObjectTable();
    const width = oidBytes(format);
    this.table = table;
    this.#isShare = options.isShare === true;
    this.#memory = memory;
    this.#budget = budget;
    this.objectBytesMax = options.objectBytesMax;
    this.ids = new IdTable(memory, { width, seed });
    this.links = new ObjectLinks(this.ids, { format, memory });
    this.check = new ObjectCheck(this.ids, { format, policy, memory });
    this.reader = new EntryReader(memory, { spool, table, width });
    this.hasher = new ObjectHasher(memory, format);
    this.cuts = new CutEntries(() => scratch.open());
    this.source = new ObjectSource({
      format,
      memory,
      budget,
      table,
      ids: this.ids,
      reader: this.reader,
      scratchDirectory: scratch.directory,
    });
  }

  /** Releases scratch files. */
  close(): void {
    this.source.close();
    this.cuts.close();
    this.ids.close();
    this.check.close();
  }

  /**
   * Makes sure that links lead to objects of the types they expect, as far as the push has them.
   *
   * @throws `invalid`
   */
  checkLinkTypes(): void {
    const { ids, table } = this;
    for (let row = 0; row < ids.count; row++) {
      const expected = ids.expectedType(row);
      const entry = ids.entry(row);
      if (entry < 0 || expected === 0) continue;
      if (table.types[entry] !== expected) throw wrongType(ids.hex(row));
    }
  }

  /** Takes in a whole object of `size` bytes that stands at `place` of the ring. */
  takeWhole(entry: number, place: number, size: number): void {
    this.#take(entry, { place, type: this.table.codes[entry]!, size });
  }

  /** Takes in a whole object of the spool, which is not large. @throws `invalid` */
  takeSpooled(entry: number): void {
    const size = this.table.sizes[entry]!;
    const { ring } = this.#memory;
    this.#budget.charge(size);
    const place = ring.reserve(size + OUTPUT_SLACK_BYTES);
    this.reader.inflate(entry, ring.pointerOf(place), size);
    this.takeWhole(entry, place, size);
  }

  /** Takes in a whole large object whose bytes went into `hash`. */
  takeLargeWhole(entry: number, size: number, hash: Hash): void {
    const { table } = this;
    table.flags[entry]! |= ENTRY_IS_LARGE;
    this.hasher.end(hash);
    if (this.#register(entry, table.codes[entry]!, size)) this.#inspectLarge(entry);
  }

  /**
   * Resolves a delta that stands in memory, if its base does too.
   *
   * @returns false when it has to wait: the base is gone, or the result is large
   * @throws `invalid` when the delta is bad, or makes a bad object
   */
  tryDelta(entry: number, base: number, delta: Region): boolean {
    const { table } = this;
    const { kernels, ring, objectBytesMax } = this.#memory;
    const source = this.source.canonical(base);
    const offset = table.offsets[entry]!;
    const sizes = kernels.deltaSizes(delta.pointer, delta.bytes);
    if (sizes === undefined) throw badDelta(offset, "truncated");
    if (sizes.baseBytes !== table.sizes[source]) throw badDelta(offset, "base-size-mismatch");
    const size = sizes.resultBytes;
    if (size > this.objectBytesMax) throw tooLarge(offset, size, this.objectBytesMax);
    if (size > objectBytesMax) return false;
    const from = table.places[source]!;
    if (!ring.survives(from, size + OUTPUT_SLACK_BYTES)) return false;
    this.#budget.charge(size);
    const place = ring.reserve(size + OUTPUT_SLACK_BYTES);
    const target = ring.pointerOf(place);
    const { pointer, bytes } = delta;
    const status = kernels.applyDelta(
      ring.pointerOf(from),
      sizes.baseBytes,
      pointer,
      bytes,
      target,
      size,
    );
    if (status !== "ok") throw badDelta(offset, status);
    this.#linkToBase(entry, source);
    const like = { pointer: ring.pointerOf(from), bytes: sizes.baseBytes };
    this.#take(entry, { place, type: table.types[source]!, size }, like);
    this.#cutDeepChain(entry);
    return true;
  }

  /** Resolves a delta whose base is resolved, wherever both are. @throws `invalid` */
  resolve(entry: number, base: number): void {
    const { table, reader } = this;
    const source = this.source.canonical(base);
    const bytes = reader.inflatedBytes(entry);
    if (!table.is(source, ENTRY_IS_LARGE) && bytes <= this.#memory.objectBytesMax) {
      if (this.#resolveInMemory(entry, source, bytes)) return;
      // The base may stand so far back in the ring that the result would overwrite it.
      table.places[source] = -1;
      if (this.#resolveInMemory(entry, source, bytes)) return;
    }
    this.#resolveLarge(entry, source);
  }

  #resolveInMemory(entry: number, base: number, bytes: number): boolean {
    this.source.materialise(base);
    this.#budget.charge(bytes);
    const pointer = this.#memory.deltaRoom(bytes);
    this.reader.inflate(entry, pointer, bytes);
    return this.tryDelta(entry, base, { pointer, bytes });
  }

  /** Adds an object of the network as a delta base; returns the row of the table that stands for it. */
  addExternal(
    row: number,
    object: { readonly typeCode: number; readonly depth: number; readonly bytes: ObjectBytes },
  ): number {
    const { table } = this;
    const entry = table.add();
    table.codes[entry] = object.typeCode;
    table.types[entry] = object.typeCode;
    table.sizes[entry] = object.bytes.size;
    table.depths[entry] = Math.min(object.depth, 0xffff);
    table.ids[entry] = row;
    table.flags[entry] = ENTRY_IS_RESOLVED | ENTRY_IS_EXTERNAL;
    if (object.bytes.size > this.#memory.objectBytesMax) table.flags[entry]! |= ENTRY_IS_LARGE;
    this.source.addExternal(entry, object.bytes);
    return entry;
  }

  #take(
    entry: number,
    object: { readonly place: number; readonly type: number; readonly size: number },
    base?: Region,
  ): void {
    const { table } = this;
    const { place, type, size } = object;
    table.places[entry] = place;
    const pointer = this.#memory.ring.pointerOf(place);
    this.hasher.hash(type, pointer, size);
    if (!this.#register(entry, type, size)) return;
    const region = { pointer, bytes: size };
    const isLikeBase = base !== undefined && table.is(table.bases[entry]!, ENTRY_IS_PLAIN_TREE) &&
      this.ids.linkTreeChanges(base, region);
    if (isLikeBase) table.flags[entry]! |= ENTRY_IS_PLAIN_TREE;
    else this.#inspect(entry, type, region);
  }

  #linkToBase(entry: number, base: number): void {
    const { table } = this;
    if (table.bases[entry] !== base) table.flags[entry]! |= ENTRY_BASE_MOVED;
    table.bases[entry] = base;
    table.depths[entry] = table.depths[base]! + 1;
  }

  /** Stores an object whole when its chain is too deep; for a share, whoever adopts it does. */
  #cutDeepChain(entry: number): void {
    const { table } = this;
    if (table.depths[entry]! <= DELTA_DEPTH_MAX || table.is(entry, ENTRY_IS_DUPLICATE)) return;
    if (this.#isShare) {
      table.depths[entry] = 0;
      return;
    }
    table.flags[entry]! |= ENTRY_IS_CUT;
    table.depths[entry] = 0;
    this.cuts.add(entry, encodeWholeEntry(table.types[entry]!, this.source.bytesOf(entry)));
  }

  /** Resolves a delta of which base, instructions or result are large, through scratch files. */
  #resolveLarge(entry: number, base: number): void {
    const { table } = this;
    this.#budget.requireWorker();
    const offset = table.offsets[entry]!;
    this.#linkToBase(entry, base);
    if (table.depths[entry]! > LARGE_DELTA_DEPTH_MAX) {
      throw badDelta(offset, "its chain is too deep");
    }
    const bytes = this.#openNew(entry);
    if (bytes.size > this.objectBytesMax) throw tooLarge(offset, bytes.size, this.objectBytesMax);
    if (bytes.size > this.#memory.objectBytesMax) table.flags[entry]! |= ENTRY_IS_LARGE;
    const type = table.types[base]!;
    const hash = this.hasher.begin(type, bytes.size);
    const size = bytes.size;
    table.sizes[entry] = size;
    this.source.read(entry, (piece) => hash.update(piece));
    this.hasher.end(hash);
    if (!this.#register(entry, type, size)) return;
    if (table.is(entry, ENTRY_IS_LARGE)) this.#inspectLarge(entry);
    else {
      const pointer = this.#memory.ring.pointerOf(this.source.materialise(entry));
      this.#inspect(entry, type, { pointer, bytes: size });
    }
  }

  /** Rebuilds an object for the first time: what is wrong now is the delta's fault. */
  #openNew(entry: number): ObjectBytes {
    try {
      return this.source.open(entry);
    } catch (error) {
      if (!hasCode(error, "corrupt")) throw error;
      const problem = String(error.data.problem ?? error.message);
      throw badDelta(this.table.offsets[entry]!, problem, error);
    }
  }

  /**
   * Takes over an object that was resolved and checked elsewhere: a whole one, or a delta of `base`,
   * which was taken over before. Its id is the one in `row`.
   *
   * @throws `invalid` when another object has the same id
   */
  adopt(
    entry: number,
    object: {
      readonly base: number;
      readonly type: number;
      readonly size: number;
      readonly row: number;
    },
  ): void {
    const { table } = this;
    const { base, type, size, row } = object;
    if (size > this.#memory.objectBytesMax) table.flags[entry]! |= ENTRY_IS_LARGE;
    if (base !== BASE_NONE) this.#linkToBase(entry, this.source.canonical(base));
    this.#note(entry, row, { type, size });
    if (!table.is(entry, ENTRY_IS_LARGE)) this.#cutDeepChain(entry);
  }

  /** Notes the object whose id was computed; false when the pack has it already. */
  #register(entry: number, type: number, size: number): boolean {
    return this.#note(entry, this.ids.insert(this.#memory.hash.pointer), { type, size });
  }

  #note(
    entry: number,
    row: number,
    object: { readonly type: number; readonly size: number },
  ): boolean {
    const { table, ids } = this;
    const { type, size } = object;
    table.sizes[entry] = size;
    table.types[entry] = type;
    table.ids[entry] = row;
    table.flags[entry]! |= ENTRY_IS_RESOLVED;
    const first = ids.entry(row);
    if (first < 0) {
      ids.setEntry(row, entry);
      return true;
    }
    const digest = this.source.digest(entry).toHex();
    if (digest !== this.source.digest(first).toHex()) throw hashCollision(ids.hex(row));
    table.flags[entry]! |= ENTRY_IS_DUPLICATE;
    return false;
  }

  #inspect(entry: number, type: number, region: Region): void {
    const row = this.table.ids[entry]!;
    if (this.check.check(row, type, region)) this.table.flags[entry]! |= ENTRY_IS_PLAIN_TREE;
    try {
      this.links.add(entry, type, region);
    } catch (error) {
      throw this.#named(error, row);
    }
  }

  #named(error: unknown, row: number): unknown {
    if (!hasCode(error, "invalid") || error.data.object !== undefined) return error;
    const named: GitStratumError = error;
    return badPack(named.message, { ...named.data, object: this.ids.hex(row) }, error);
  }

  #inspectLarge(entry: number): void {
    const { table } = this;
    const type = table.types[entry]!;
    const size = table.sizes[entry]!;
    if (type === OBJECT_TYPE_CODES.blob) {
      const row = table.ids[entry]!;
      if (this.check.isSpecial(row)) this.check.checkSpecial(row, { kind: "large" });
      return;
    }
    if (size > HISTORY_OBJECT_BYTES_MAX) {
      throw tooLarge(table.offsets[entry]!, size, HISTORY_OBJECT_BYTES_MAX);
    }
    const { kernels } = this.#memory;
    const pointer = kernels.alloc(size);
    let at = pointer;
    this.source.read(entry, (piece) => {
      this.#memory.bytes.set(piece, at);
      at += piece.length;
    });
    this.#inspect(entry, type, { pointer, bytes: size });
    kernels.free(pointer);
  }
}
