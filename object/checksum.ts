/**
 * The checksum of segments, in one place so that its kernel can be replaced.
 *
 * @module
 */

import { xxh64 } from "@gitstratum/wasm";

/** XXH64 with seed 0. */
export function checksum64(data: Uint8Array): bigint {
  return xxh64(data);
}
