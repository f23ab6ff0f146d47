/**
 * The bytes of a push's objects, once they are resolved.
 *
 * Objects up to a limit are brought into the ring of the ingest's memory; larger ones pass through
 * scratch files. Whatever left the ring is rebuilt from the spooled pack, along its delta chain.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { assert } from "@gitstratum/core/assert";
import type { ObjectFormat } from "@gitstratum/core/git";
import { appliedDelta, deltaSizes } from "../pack_assembly/delta_application.ts";
import { type ObjectBytes, pieces, writtenBytes } from "../pack_assembly/object_bytes.ts";
import { badDelta } from "./bad_pack.ts";
import type { EntryReader } from "./entry_reader.ts";
import type { IdTable } from "./id_table.ts";
import { type IngestMemory, OUTPUT_SLACK_BYTES } from "./ingest_memory.ts";
import {
  BASE_NONE,
  ENTRY_IS_DUPLICATE,
  ENTRY_IS_EXTERNAL,
  ENTRY_IS_LARGE,
  type ObjectTable,
} from "./object_table.ts";
import type { WorkBudget } from "./work_budget.ts";

/** What a source reads from. */
export interface ObjectSourceOptions {
  readonly format: ObjectFormat;
  readonly memory: IngestMemory;
  readonly budget: WorkBudget;
  readonly table: ObjectTable;
  readonly ids: IdTable;
  readonly reader: EntryReader;
  /** Existing directory for objects that memory can not hold. */
  readonly scratchDirectory: string;
}

/** Bytes of resolved objects. */
export class ObjectSource {
  readonly #options: ObjectSourceOptions;
  readonly #memory: IngestMemory;
  readonly #table: ObjectTable;
  readonly #reader: EntryReader;
  readonly #external = new Map<number, ObjectBytes>();
  /** The large object that was opened last: often the base of the next. */
  #opened: { readonly entry: number; readonly bytes: ObjectBytes } | undefined;

  /** Makes a source. */
  constructor(options: ObjectSourceOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#table = options.table;
    this.#reader = options.reader;
  }

  /** Releases scratch files. */
  close(): void {
    this.#opened?.bytes.close();
    this.#opened = undefined;
    for (const bytes of this.#external.values()) bytes.close();
    this.#external.clear();
  }

  /** Notes the bytes of an object of the network, which the source will close. */
  addExternal(entry: number, bytes: ObjectBytes): void {
    this.#external.set(entry, bytes);
  }

  /** The entry that counts among those with the same object. */
  canonical(entry: number): number {
    return this.#table.is(entry, ENTRY_IS_DUPLICATE)
      ? this.#options.ids.entry(this.#table.ids[entry]!)
      : entry;
  }

  /** Whether an object can be brought into the ring in at most `stepCountMax` steps. */
  isNear(entry: number, stepCountMax: number): boolean {
    const table = this.#table;
    let link = this.canonical(entry);
    for (let step = 0; step <= stepCountMax; step++) {
      if (this.#memory.ring.holds(table.places[link]!)) return true;
      const base = table.bases[link]!;
      if (base === BASE_NONE) return step < stepCountMax;
      link = this.canonical(base);
    }
    return false;
  }

  /** Brings an object into the ring; returns its place, which holds until the next object comes. */
  materialise(entry: number): number {
    const table = this.#table;
    const { ring } = this.#memory;
    const wanted = this.canonical(entry);
    const chain: number[] = [];
    let link = wanted;
    let room = 0;
    while (!ring.survives(table.places[link]!, room)) {
      assert(!table.is(link, ENTRY_IS_LARGE), "Large objects are not brought into the ring");
      chain.push(link);
      const base = table.bases[link]!;
      if (base === BASE_NONE || table.is(this.canonical(base), ENTRY_IS_LARGE)) break;
      room = table.sizes[link]! + OUTPUT_SLACK_BYTES;
      link = this.canonical(base);
    }
    for (const entry of chain.reverse()) this.#bringIn(entry);
    return table.places[wanted]!;
  }

  /** The bytes of an object that is not large; not to be kept over any other call. */
  bytesOf(entry: number): Uint8Array<ArrayBuffer> {
    const place = this.materialise(entry);
    const size = this.#table.sizes[this.canonical(entry)]!;
    return this.#memory.view(this.#memory.ring.pointerOf(place), size);
  }

  /** Hands out an object of any size in pieces, which do not last. */
  read(entry: number, take: (piece: Uint8Array) => void): void {
    if (!this.#table.is(this.canonical(entry), ENTRY_IS_LARGE)) take(this.bytesOf(entry));
    else for (const piece of pieces(this.open(entry))) take(piece);
  }

  /** A second, independent hash of an object: it tells collisions from copies. */
  digest(entry: number): Uint8Array<ArrayBuffer> {
    const hash = createHash(secondHash(this.#options.format));
    this.read(entry, (piece) => hash.update(piece));
    return new Uint8Array(hash.digest());
  }

  /** The bytes of an object of any size; they last until the next call of any method. */
  open(entry: number): ObjectBytes {
    const wanted = this.canonical(entry);
    const chain: number[] = [];
    let bytes: ObjectBytes | undefined;
    for (let link = wanted; bytes === undefined;) {
      bytes = this.#atHand(link, link !== wanted);
      if (bytes !== undefined) break;
      chain.push(link);
      const base = this.#table.bases[link]!;
      if (base === BASE_NONE) break;
      link = this.canonical(base);
    }
    if (chain.length === 0) return bytes!;
    for (let link = chain.pop(); link !== undefined; link = chain.pop()) {
      const next = bytes === undefined ? this.#inflated(link) : this.applied(link, bytes);
      this.#keep(link, next);
      bytes = next;
    }
    return bytes!;
  }

  /** The object that an entry's delta makes of `base`. The caller closes it, or lets it be kept. */
  applied(entry: number, base: ObjectBytes): ObjectBytes {
    const delta = this.#inflated(entry);
    try {
      this.#options.budget.charge(deltaSizes(delta).result);
      return appliedDelta(base, delta, this.#options);
    } finally {
      delta.close();
    }
  }

  /** Keeps a large object open, in place of the one before. */
  #keep(entry: number, bytes: ObjectBytes): void {
    this.#opened?.bytes.close();
    this.#opened = { entry, bytes };
  }

  /** Bytes that need no rebuilding; a base that is not large is taken from the ring. */
  #atHand(entry: number, isBase: boolean): ObjectBytes | undefined {
    if (this.#table.is(entry, ENTRY_IS_EXTERNAL)) return this.#external.get(entry);
    if (this.#opened?.entry === entry) return this.#opened.bytes;
    if (!isBase || this.#table.is(entry, ENTRY_IS_LARGE)) return undefined;
    const source = this.bytesOf(entry);
    this.#keep(entry, writtenBytes(source.length, (out) => out.write(source), this.#options));
    return this.#opened!.bytes;
  }

  /** What an entry inflates to: the object, or the delta. */
  #inflated(entry: number): ObjectBytes {
    const size = this.#reader.inflatedBytes(entry);
    this.#options.budget.charge(size);
    return writtenBytes(size, (out) => {
      this.#reader.inflatePieces(entry, size, (piece) => out.write(piece));
    }, this.#options);
  }

  /** Brings one object into the ring whose base, if it has one, is there or large. */
  #bringIn(entry: number): void {
    const table = this.#table;
    const base = table.bases[entry]!;
    if (table.is(entry, ENTRY_IS_EXTERNAL)) this.#copyIn(entry);
    else if (base === BASE_NONE) this.#inflateIn(entry);
    else {
      const deltaBytes = this.#reader.inflatedBytes(entry);
      const large = table.is(this.canonical(base), ENTRY_IS_LARGE) ||
        deltaBytes > this.#memory.objectBytesMax;
      if (large) this.#copyIn(entry);
      else this.#applyIn(entry, this.canonical(base), deltaBytes);
    }
  }

  #inflateIn(entry: number): void {
    const size = this.#table.sizes[entry]!;
    const { ring } = this.#memory;
    this.#options.budget.charge(size);
    const place = ring.reserve(size + OUTPUT_SLACK_BYTES);
    this.#reader.inflate(entry, ring.pointerOf(place), size);
    this.#table.places[entry] = place;
  }

  #applyIn(entry: number, base: number, deltaBytes: number): void {
    const table = this.#table;
    const { ring, kernels } = this.#memory;
    const size = table.sizes[entry]!;
    this.#options.budget.charge(size + deltaBytes);
    const delta = this.#memory.deltaRoom(deltaBytes);
    this.#reader.inflate(entry, delta, deltaBytes);
    const source = table.places[base]!;
    assert(ring.survives(source, size + OUTPUT_SLACK_BYTES), "A base and its result fit the ring");
    const place = ring.reserve(size + OUTPUT_SLACK_BYTES);
    const status = kernels.applyDelta(
      ring.pointerOf(source),
      table.sizes[base]!,
      delta,
      deltaBytes,
      ring.pointerOf(place),
      size,
    );
    if (status !== "ok") throw badDelta(table.offsets[entry]!, status);
    table.places[entry] = place;
  }

  #copyIn(entry: number): void {
    const bytes = this.open(entry);
    const { ring } = this.#memory;
    const place = ring.reserve(bytes.size + OUTPUT_SLACK_BYTES);
    let pointer = ring.pointerOf(place);
    for (const piece of pieces(bytes)) {
      this.#memory.view(pointer, piece.length).set(piece);
      pointer += piece.length;
    }
    this.#table.places[entry] = place;
  }
}

/** The name of the hash that {@link ObjectSource.digest} computes for objects of a format. */
export function secondHash(format: ObjectFormat): "sha256" | "sha512" {
  return format === "sha1" ? "sha256" : "sha512";
}
