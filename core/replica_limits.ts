/**
 * Limits of copies of extents: see `limits.ts` for all others.
 *
 * @module
 */

import { assert } from "./assert.ts";
import {
  EXTENT_BATCH_BYTES_MAX,
  EXTENT_BATCH_COUNT_MAX,
  EXTENT_BODIES_BYTES_MAX,
  EXTENT_BYTES_MAX,
  JSON_BODY_BYTES_MAX,
  KIB,
  MIB,
} from "./limits.ts";

/** Bytes of replicated writes that some slow replica still lacks; beyond it writers wait. */
export const REPLICA_UNSETTLED_BYTES_MAX = 128 * MIB;
/** A write that its caller sends to all owners itself: what a small push stores is less by far. */
export const DIRECT_WRITE_BYTES_MAX = 256 * KIB;
/** Bytes of such writes that missed an owner and wait for a node to take them; the rest is compared. */
export const DIRECT_LEFT_BYTES_MAX = 16 * MIB;
/** Copies found missing by reads that wait for repair; the rest is found by comparing replicas. */
export const READ_REPAIR_COUNT_MAX = 1000;
/** Ranges of the ring in one question of a replica to another: at most 50 bytes of JSON each. */
export const REPLICA_RANGE_COUNT_MAX = 1024;
/** Parts whose records one such question lists: each has 64 at most, unless ids crowd together. */
export const REPLICA_LEAF_COUNT_MAX = 32;
/** Writes from one replica to another in one body: a batch, or one large extent with its row. */
export const REPLICA_BODY_BYTES_MAX: number = EXTENT_BYTES_MAX + 64 * KIB;
/** Records that one call names: ids with their versions, at most 96 bytes each. */
export const REPLICA_NAME_COUNT_MAX = 8192;

assert(EXTENT_BYTES_MAX <= REPLICA_UNSETTLED_BYTES_MAX, "A replicated extent can be admitted");
assert(
  EXTENT_BATCH_BYTES_MAX + EXTENT_BATCH_COUNT_MAX * 512 <= REPLICA_BODY_BYTES_MAX,
  "A batch for a replica fits its body",
);
assert(REPLICA_BODY_BYTES_MAX <= EXTENT_BODIES_BYTES_MAX, "A batch for a replica can be admitted");
assert(REPLICA_NAME_COUNT_MAX * 96 <= JSON_BODY_BYTES_MAX, "A list of names fits its body");
assert(DIRECT_WRITE_BYTES_MAX <= EXTENT_BATCH_BYTES_MAX, "A write at first hand fits one call");
