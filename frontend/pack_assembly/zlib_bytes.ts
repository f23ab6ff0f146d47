/**
 * Zlib streams of any size, passed through the runtime's compressor into scratch space.
 *
 * @module
 */

import type { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createDeflate, createInflate } from "node:zlib";
import { GitStratumError } from "@gitstratum/core";
import { type ObjectBytes, ObjectBytesWriter, pieces } from "./object_bytes.ts";

/**
 * Large objects are compressed fast, because a client waits. Level 1 of the runtime's zlib would make
 * what does not compress 6 % longer.
 */
const FAST_LEVEL = 3;

/** Where bytes of any size go. */
interface ScratchSpace {
  readonly scratchDirectory: string;
}

/**
 * What a zlib stream inflates to.
 *
 * @throws `corrupt` unless that is exactly `size` bytes
 */
export function inflatedBytes(
  stream: AsyncIterable<Uint8Array>,
  size: number,
  scratch: ScratchSpace,
): Promise<ObjectBytes> {
  const out = new ObjectBytesWriter(size, scratch);
  return passed(stream, createInflate(), { out, finish: () => out.finishExact() });
}

/** An object's zlib stream. */
export function deflatedBytes(object: ObjectBytes, scratch: ScratchSpace): Promise<ObjectBytes> {
  // A compressor that stores what it cannot compress needs far less; a lazy one, an eighth more.
  const sizeMax = object.size + Math.ceil(object.size / 8) + 1024;
  const out = new ObjectBytesWriter(sizeMax, scratch);
  const deflate = createDeflate({ level: FAST_LEVEL });
  return passed(pieces(object), deflate, { out, finish: () => out.finish() });
}

/** Fills a writer; gives it up when that fails, and names broken zlib streams for what they are. */
async function passed(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  transform: Transform,
  target: { readonly out: ObjectBytesWriter; readonly finish: () => ObjectBytes },
): Promise<ObjectBytes> {
  try {
    await pipeline(chunks, transform, (results) => drain(results, target.out));
    return target.finish();
  } catch (error) {
    target.out.abandon();
    if (error instanceof GitStratumError) throw error;
    throw new GitStratumError("corrupt", "Read a broken zlib stream", { cause: error });
  }
}

async function drain(chunks: AsyncIterable<Uint8Array>, out: ObjectBytesWriter): Promise<void> {
  for await (const chunk of chunks) out.write(chunk);
}
