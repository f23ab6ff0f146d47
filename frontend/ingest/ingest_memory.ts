/**
 * The linear memory of one ingest: windows for input, buffers for output, and the ring in which
 * objects stand while others are rebuilt from them.
 *
 * Invariant: nothing here grows with the pack; only the delta buffer grows, up to the largest object
 * that is held in memory.
 *
 * @module
 */

import { assert } from "@gitstratum/core/assert";
import { INGEST_RING_START_BYTES, KIB } from "@gitstratum/core/limits";
import { Inflater, Kernels } from "@gitstratum/wasm";
import { ObjectRing } from "./object_ring.ts";

/** Bytes of the pack that are at hand while it is scanned, and while single entries are read. */
export const WINDOW_BYTES = 256 * KIB;
/** Pieces in which a large object leaves the inflater. */
export const PIECE_BYTES = 128 * KIB;
/** Room behind an object, so that the inflater's fast path reaches its last byte. */
export const OUTPUT_SLACK_BYTES = 320;
/** Room for the head of a hashed object ("commit 123\0") and for a hash. */
const SMALL_BYTES = 64;

/** The largest object that is held in a ring: base, result and the gap at its end fit together. */
export function objectBytesMaxOf(ringBytes: number): number {
  return Math.floor(ringBytes / 3) - OUTPUT_SLACK_BYTES;
}

/** A region of the linear memory with a fixed size. */
export interface Region {
  readonly pointer: number;
  readonly bytes: number;
}

/** Memory and kernels of one ingest at a time; it may serve many, one after the other. */
export class IngestMemory {
  /** The kernels over this memory. */
  readonly kernels: Kernels;
  /** Input of the scan. */
  readonly scanWindow: Region;
  /** Inflates during the scan: stays in the middle of an entry while input is awaited. */
  readonly scanInflater: Inflater;
  /** Input of single entries. */
  readonly entryWindow: Region;
  /** Inflates single entries. */
  readonly entryInflater: Inflater;
  /** Output of large objects on their way. */
  readonly piece: Region;
  /** Head of the object that is hashed. */
  readonly hashHead: Region;
  /** Where a hash is put. */
  readonly hash: Region;
  /** Where an id from outside is put to be looked up. */
  readonly idRoom: Region;
  /** Objects that others may be rebuilt from. */
  readonly ring: ObjectRing;
  /** Largest object or delta that is held in this memory. */
  readonly objectBytesMax: number;

  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  #delta: Region = { pointer: 0, bytes: 0 };

  private constructor(kernels: Kernels, ringBytes: number) {
    const region = (bytes: number): Region => ({ pointer: kernels.alloc(bytes), bytes });
    this.kernels = kernels;
    this.scanWindow = region(WINDOW_BYTES);
    this.entryWindow = region(WINDOW_BYTES);
    this.piece = region(PIECE_BYTES);
    this.hashHead = region(SMALL_BYTES);
    this.hash = region(SMALL_BYTES);
    this.idRoom = region(SMALL_BYTES);
    this.scanInflater = new Inflater(kernels);
    this.entryInflater = new Inflater(kernels);
    this.ring = new ObjectRing(kernels.alloc(ringBytes), {
      bytes: ringBytes,
      startBytes: INGEST_RING_START_BYTES,
    });
    this.objectBytesMax = objectBytesMaxOf(ringBytes);
  }

  /** Makes a memory whose ring has `ringBytes` bytes at most. */
  static create(ringBytes: number): IngestMemory {
    return new IngestMemory(Kernels.create(), ringBytes);
  }

  /** The whole linear memory. Not to be kept over a call that may allocate. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length !== this.kernels.memoryBytes) {
      this.#bytes = this.kernels.view(0, this.kernels.memoryBytes);
    }
    return this.#bytes;
  }

  /** The bytes of a part of the memory. Not to be kept over a call that may allocate. */
  view(pointer: number, bytes: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(pointer, pointer + bytes);
  }

  /** Room for a delta of `bytes` bytes; whatever was there is given up. */
  deltaRoom(bytes: number): number {
    assert(bytes <= this.objectBytesMax, "A delta in memory is not large");
    const wanted = bytes + OUTPUT_SLACK_BYTES;
    if (this.#delta.bytes < wanted) {
      this.kernels.free(this.#delta.pointer);
      const room = Math.min(
        Math.max(wanted, 2 * this.#delta.bytes, 64 * KIB),
        this.objectBytesMax + OUTPUT_SLACK_BYTES,
      );
      this.#delta = { pointer: this.kernels.alloc(room), bytes: room };
    }
    return this.#delta.pointer;
  }
}
