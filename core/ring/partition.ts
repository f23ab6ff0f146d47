/**
 * Which partition of the metadata something belongs to.
 *
 * @module
 */

import { xxh64 } from "@gitstratum/wasm";
import type { Partition } from "../consensus/log.ts";
import { PARTITION_COUNT } from "../limits.ts";

/**
 * The partition of a network id, or of a repository name in the directory of names: XXH64 of its
 * UTF-8 bytes, modulo `PARTITION_COUNT`. Fixed for the life of a cluster: data lies where this says.
 */
export function partitionOf(key: string): Partition {
  return Number(xxh64(new TextEncoder().encode(key)) % BigInt(PARTITION_COUNT)) as Partition;
}
