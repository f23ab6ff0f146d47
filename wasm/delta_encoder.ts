/**
 * Finds deltas (gitformat-pack) between objects: from similar ones, what one of them adds.
 *
 * Purpose: an object whose stored delta base stays behind is sent as a delta against a relative that
 * goes along. A base is indexed once for all targets that follow it.
 *
 * Invariants: what {@link DeltaEncoder.encode} returns makes exactly the target of the base. The
 * memory of an encoder is bounded by the largest sizes that it saw.
 *
 * @module
 */

import { Kernels } from "./kernels.ts";

/** Bytes of the base that one row of the index stands for. */
const BLOCK_BYTES = 16;
const HEAD_BITS_MIN = 8;

type RegionName = "base" | "heads" | "nexts" | "target" | "delta";

interface Region {
  pointer: number;
  bytes: number;
}

/** An encoder with memory of its own. The last base must not change while it is used again. */
export class DeltaEncoder {
  readonly #kernels = Kernels.create();
  readonly #regions: Readonly<Record<RegionName, Region>> = {
    base: { pointer: 0, bytes: 0 },
    heads: { pointer: 0, bytes: 0 },
    nexts: { pointer: 0, bytes: 0 },
    target: { pointer: 0, bytes: 0 },
    delta: { pointer: 0, bytes: 0 },
  };
  #base: Uint8Array | undefined;
  #headBits = HEAD_BITS_MIN;

  /** Bytes of memory. */
  get memoryBytes(): number {
    return this.#kernels.memoryBytes;
  }

  /**
   * A delta of at most `bytesMax` bytes that makes `target` of `base`; undefined when there is none
   * or none was found.
   *
   * @throws KernelError "out-of-memory"
   */
  encode(
    base: Uint8Array,
    target: Uint8Array,
    bytesMax: number,
  ): Uint8Array<ArrayBuffer> | undefined {
    this.#index(base);
    const { base: indexed, heads, nexts } = this.#regions;
    const from = this.#write("target", target);
    const to = this.#room("delta", bytesMax);
    const bytes = this.#kernels.raw.searchDelta(
      indexed.pointer,
      base.length,
      heads.pointer,
      this.#headBits,
      nexts.pointer,
      from,
      target.length,
      to,
      bytesMax,
    );
    return bytes < 0 ? undefined : this.#kernels.read(to, bytes);
  }

  #index(base: Uint8Array): void {
    if (this.#base === base) return;
    this.#base = undefined;
    const blocks = Math.floor(base.length / BLOCK_BYTES);
    this.#headBits = Math.max(HEAD_BITS_MIN, Math.ceil(Math.log2(blocks + 1)));
    const heads = this.#room("heads", 4 * 2 ** this.#headBits);
    const nexts = this.#room("nexts", 4 * blocks);
    const pointer = this.#write("base", base);
    this.#kernels.raw.indexDeltaBase(pointer, base.length, heads, this.#headBits, nexts);
    this.#base = base;
  }

  #write(name: "base" | "target", data: Uint8Array): number {
    const pointer = this.#room(name, data.length);
    this.#kernels.write(pointer, data);
    return pointer;
  }

  #room(name: RegionName, bytes: number): number {
    const region = this.#regions[name];
    if (region.pointer !== 0 && region.bytes >= bytes) return region.pointer;
    this.#kernels.free(region.pointer);
    region.pointer = 0;
    region.pointer = this.#kernels.alloc(bytes);
    region.bytes = bytes;
    return region.pointer;
  }
}
