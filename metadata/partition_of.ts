/**
 * Which partition a network or a name belongs to.
 *
 * @module
 */

import { PARTITION_COUNT } from "@gitstratum/core";
import type { Partition } from "@gitstratum/core/consensus";
import type { NetworkId, RepositoryName } from "@gitstratum/core/rpc";
import { xxh64 } from "@gitstratum/wasm";

/** The partition of a network and all its repositories, or of a name. Never changes. */
export function partitionOf(key: NetworkId | RepositoryName): Partition {
  const hash = xxh64(new TextEncoder().encode(key));
  return Number(hash % BigInt(PARTITION_COUNT)) as Partition;
}
