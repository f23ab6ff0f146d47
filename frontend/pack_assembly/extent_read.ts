/**
 * Reads of stored packs, each so short that a few of them are a known amount of memory.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core/error";
import { SIDE_BAND_PAYLOAD_MAX } from "@gitstratum/core/limits";
import type { RecipePack } from "@gitstratum/core/recipe";
import {
  type EntryLocation,
  type ExtentRange,
  type ExtentStore,
  packRanges,
} from "@gitstratum/core/rpc";

/**
 * Longest single read, about 1 MiB: large enough that its fixed cost vanishes, small enough to hold
 * several, and a whole number of side-band packets.
 */
export const READ_BYTES_MAX = 16 * SIDE_BAND_PAYLOAD_MAX;

/** Bytes of a pack, cut at the ends of extents and at {@link READ_BYTES_MAX}. */
export function* boundedRanges(
  pack: RecipePack,
  range: { readonly offset: number; readonly length: number },
): Generator<ExtentRange> {
  const { offset, length } = range;
  for (const part of packRanges(pack.pack, { offset, length, extentBytes: pack.extentBytes })) {
    for (let done = 0; done < part.length; done += READ_BYTES_MAX) {
      const length = Math.min(READ_BYTES_MAX, part.length - done);
      yield { id: part.id, offset: part.offset + done, length };
    }
  }
}

/**
 * Reads a range of an extent.
 *
 * @throws `corrupt` when the extent ends before the range, and whatever the store throws
 */
export async function readExactly(
  extents: Pick<ExtentStore, "read">,
  range: ExtentRange,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await extents.read(range.id, range);
  if (bytes.length === range.length) return bytes;
  throw new GitStratumError("corrupt", "Read fewer bytes than the extent should hold", {
    data: { extent: range.id, wanted: range.length, found: bytes.length },
  });
}

/** The bytes of a pack in the order of {@link boundedRanges}. @throws as {@link readExactly} */
export async function* readChunks(
  extents: Pick<ExtentStore, "read">,
  stored: EntryLocation,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const range of boundedRanges(stored, stored)) yield await readExactly(extents, range);
}
