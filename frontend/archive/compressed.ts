/**
 * Bytes through a compressor, as they are asked for.
 *
 * @module
 */

import { pipeline } from "node:stream/promises";
import type { Transform } from "node:stream";

/** The output of a compressor; it reads ahead of the consumer by its own small buffers only. */
export async function* compressed(
  runs: AsyncIterable<Uint8Array>,
  compressor: Transform,
): AsyncGenerator<Uint8Array> {
  const fed = pipeline(runs, compressor);
  // Whoever consumes the output sees the failure there; alone it must not end the process.
  fed.catch(() => undefined);
  try {
    for await (const piece of compressor) yield piece;
    await fed;
  } finally {
    compressor.destroy();
  }
}
