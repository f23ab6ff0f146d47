/**
 * Inflates single entries of a spooled pack, in any order.
 *
 * @module
 */

import { assert } from "@gitstratum/core/assert";
import { KIB } from "@gitstratum/core/limits";
import { EntryHeadReader } from "@gitstratum/core/pack";
import { badPack } from "./bad_pack.ts";
import {
  type IngestMemory,
  OUTPUT_SLACK_BYTES,
  PIECE_BYTES,
  type Region,
  WINDOW_BYTES,
} from "./ingest_memory.ts";
import type { ObjectTable } from "./object_table.ts";
import type { Spool } from "./spool.ts";

/** Entries are read in order of their place, more or less: the next ones come along. */
const READ_AHEAD_BYTES = 32 * KIB;

/** Reads entries that were scanned before. */
export class EntryReader {
  readonly #memory: IngestMemory;
  readonly #spool: Spool;
  readonly #table: ObjectTable;
  readonly #head: EntryHeadReader;
  /** Part of the spool that stands in the window. */
  #windowStart = 0;
  #windowBytes = 0;
  /** Bytes of the pack that were scanned: the end of what may be read. */
  #end = 0;

  /** Makes a reader. */
  constructor(
    memory: IngestMemory,
    options: { readonly spool: Spool; readonly table: ObjectTable; readonly width: number },
  ) {
    this.#memory = memory;
    this.#spool = options.spool;
    this.#table = options.table;
    this.#head = new EntryHeadReader(options.width);
  }

  /** Notes that entries up to `end` may be read. */
  scanned(end: number): void {
    this.#end = end;
  }

  /** Size of what an entry inflates to: the object, or the delta. */
  inflatedBytes(entry: number): number {
    const at = this.#window(this.#table.offsets[entry]!, this.#table.headBytes[entry]!);
    const status = this.#head.read(this.#memory.bytes, at.pointer, at.pointer + at.bytes);
    assert(status === "ok", "A scanned entry has a head");
    return this.#head.size;
  }

  /** Inflates an entry to `pointer`, where `size` bytes and the usual slack are free. */
  inflate(entry: number, pointer: number, size: number): void {
    const inflater = this.#memory.entryInflater;
    inflater.start();
    let offset = this.#table.offsets[entry]! + this.#table.headBytes[entry]!;
    let produced = 0;
    for (;;) {
      const at = this.#rest(offset);
      const room = size + OUTPUT_SLACK_BYTES - produced;
      const status = inflater.run(at.pointer, at.bytes, pointer + produced, room);
      offset += inflater.consumed;
      produced += inflater.produced;
      if (status === "done" && produced === size) return;
      if (status !== "needs-input" || at.bytes === 0) throw this.#changed(entry);
    }
  }

  /** Inflates an entry of any size in pieces. */
  inflatePieces(entry: number, size: number, take: (piece: Uint8Array) => void): void {
    const inflater = this.#memory.entryInflater;
    const { piece } = this.#memory;
    inflater.start({ streaming: true });
    let offset = this.#table.offsets[entry]! + this.#table.headBytes[entry]!;
    let produced = 0;
    for (;;) {
      const at = this.#rest(offset);
      const status = inflater.run(at.pointer, at.bytes, piece.pointer, PIECE_BYTES);
      offset += inflater.consumed;
      produced += inflater.produced;
      take(this.#memory.view(piece.pointer, inflater.produced));
      if (status === "done" && produced === size) return;
      const goesOn = status === "needs-output" || (status === "needs-input" && at.bytes > 0);
      if (!goesOn || produced > size) throw this.#changed(entry);
    }
  }

  /** What stands in the window from `offset` on: nothing only at the end of what was scanned. */
  #rest(offset: number): Region {
    return this.#window(offset, offset < this.#end ? 1 : 0);
  }

  /** Brings at least `bytes` bytes at `offset` into the window. */
  #window(offset: number, bytes: number): Region {
    const { entryWindow } = this.#memory;
    const skipped = offset - this.#windowStart;
    if (skipped >= 0 && skipped + bytes <= this.#windowBytes) {
      return { pointer: entryWindow.pointer + skipped, bytes: this.#windowBytes - skipped };
    }
    assert(offset + bytes <= this.#end, "Only what was scanned is read");
    // A small entry comes with its neighbours; who reads on in a row gets the whole window.
    const inRow = skipped === this.#windowBytes;
    const wanted = inRow ? WINDOW_BYTES : READ_AHEAD_BYTES;
    this.#windowStart = offset;
    this.#windowBytes = Math.min(wanted, this.#end - offset);
    this.#spool.read(this.#memory.view(entryWindow.pointer, this.#windowBytes), offset);
    return { pointer: entryWindow.pointer, bytes: this.#windowBytes };
  }

  #changed(entry: number): Error {
    return badPack("Reject a pack that changed while it was read", { entry });
  }
}
