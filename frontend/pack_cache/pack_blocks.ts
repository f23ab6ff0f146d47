/**
 * Packs framed in side-band packets, in blocks of equal size.
 *
 * Every packet but the last is full, and every block but the last holds the same number of packets. So
 * a block is found by its number, a cut between blocks is a cut between packets, and the length of the
 * framed pack tells the length of the pack.
 *
 * @module
 */

import { PACK_BLOCK_BYTES_MAX } from "@gitstratum/core";
import {
  SIDE_BAND_HEADER_BYTES,
  type SideBandMode,
  sideBandPayloadMax,
  writeSideBandHeader,
} from "@gitstratum/core/protocol";
import { releaseGiven } from "../pack_assembly/given_memory.ts";

/** Bytes of a full packet on the wire. */
function packetBytesOf(mode: SideBandMode): number {
  return SIDE_BAND_HEADER_BYTES + sideBandPayloadMax(mode);
}

/** Bytes of every block but the last. */
export function packBlockBytes(mode: SideBandMode): number {
  return PACK_BLOCK_BYTES_MAX - PACK_BLOCK_BYTES_MAX % packetBytesOf(mode);
}

/** Bytes of the pack in so many framed bytes. */
export function packBytesWithin(framedBytes: number, mode: SideBandMode): number {
  return framedBytes - Math.ceil(framedBytes / packetBytesOf(mode)) * SIDE_BAND_HEADER_BYTES;
}

/** Fills blocks. */
class BlockFramer {
  readonly #packetBytes: number;
  readonly #blockBytes: number;
  #block: Uint8Array;
  #used = 0;

  constructor(mode: SideBandMode) {
    this.#packetBytes = packetBytesOf(mode);
    this.#blockBytes = packBlockBytes(mode);
    this.#block = new Uint8Array(this.#blockBytes);
  }

  /** Takes bytes of the pack; returns the blocks that they filled. */
  add(bytes: Uint8Array): Uint8Array[] {
    const full: Uint8Array[] = [];
    for (let from = 0; from < bytes.length;) {
      if (this.#used % this.#packetBytes === 0) this.#used += SIDE_BAND_HEADER_BYTES;
      const room = this.#packetBytes - this.#used % this.#packetBytes;
      const part = bytes.subarray(from, from + room);
      this.#block.set(part, this.#used);
      this.#used += part.length;
      from += part.length;
      if (part.length === room) this.#endPacket(this.#packetBytes);
      if (this.#used < this.#blockBytes) continue;
      full.push(this.#block);
      this.#block = new Uint8Array(this.#blockBytes);
      this.#used = 0;
    }
    return full;
  }

  /** The last block; undefined when it would be empty. */
  end(): Uint8Array | undefined {
    const open = this.#used % this.#packetBytes;
    if (open > 0) this.#endPacket(open);
    return this.#used === 0 ? undefined : this.#block.slice(0, this.#used);
  }

  #endPacket(packetBytes: number): void {
    const contentBytes = packetBytes - SIDE_BAND_HEADER_BYTES;
    writeSideBandHeader(this.#block, { band: 1, contentBytes }, this.#used - packetBytes);
  }
}

/** The bytes of a pack, framed. Blocks are the consumer's to keep; what was given away is used up. */
export async function* packBlocks(
  pack: AsyncIterable<Uint8Array>,
  mode: SideBandMode,
): AsyncGenerator<Uint8Array> {
  const framer = new BlockFramer(mode);
  for await (const bytes of pack) {
    const blocks = framer.add(bytes);
    releaseGiven(bytes);
    yield* blocks;
  }
  const last = framer.end();
  if (last !== undefined) yield last;
}

/** The pack within framed blocks, as {@link packBlocks} makes them, however they are cut. */
export async function* bareBlocks(
  framed: AsyncIterable<Uint8Array>,
  mode: SideBandMode,
): AsyncGenerator<Uint8Array> {
  const packetBytes = packetBytesOf(mode);
  let at = 0;
  for await (const bytes of framed) {
    for (let from = 0; from < bytes.length;) {
      const inPacket = at % packetBytes;
      const end = inPacket < SIDE_BAND_HEADER_BYTES ? SIDE_BAND_HEADER_BYTES : packetBytes;
      const part = bytes.subarray(from, from + end - inPacket);
      if (end === packetBytes) yield part;
      at += part.length;
      from += part.length;
    }
  }
}
