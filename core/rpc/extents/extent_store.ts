/**
 * The contract of the object cluster: immutable extents, written once, read by range.
 *
 * One node, a replicated ring and a test double all implement it; whoever stores or reads packs
 * depends on this interface and nothing behind it.
 *
 * @module
 */

import { GitStratumError } from "../../error.ts";
import { EXTENT_BYTES_MAX } from "../../limits.ts";
import type { ExtentId, NetworkId } from "../ids.ts";

/** An extent to be written. */
export interface ExtentWrite {
  /** Its name, never used before. */
  readonly id: ExtentId;
  /** At most `EXTENT_BYTES_MAX` bytes. Not to be changed until the write resolves. */
  readonly bytes: Uint8Array;
}

/** What is known of a stored extent. */
export interface ExtentInfo {
  /** Its name. */
  readonly id: ExtentId;
  /** The network that it was written for. */
  readonly owner: NetworkId;
  /** Length in bytes. */
  readonly bytes: number;
  /** Wall time of the write, in milliseconds; for the grace time of sweeps only. */
  readonly writtenAtMs: number;
}

/** Immutable extents. */
export interface ExtentStore {
  /**
   * Stores extents. Resolves when each is on stable storage of a quorum. Writing the same id with the
   * same bytes again is no error.
   *
   * @throws `conflict` when an id exists with other bytes
   * @throws `disk-full` when there is no room
   * @throws `unavailable` when a quorum could not be reached
   */
  write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void>;
  /**
   * Reads `length` bytes at `offset`, verified against their checksums.
   *
   * @throws `not-found` when there is no such extent
   * @throws `invalid` when the range leaves the extent
   * @throws `corrupt` when no copy passes its checksum
   */
  read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** What is known of an extent, or undefined when there is none. */
  stat(id: ExtentId): Promise<ExtentInfo | undefined>;
  /** Deletes extents; absent ones are no error. Their space comes back by compaction. */
  remove(ids: readonly ExtentId[]): Promise<void>;
  /** All extents in order of id, from the first id greater than `after`; at most `limit`. */
  list(options: { readonly after?: ExtentId; readonly limit: number }): Promise<ExtentInfo[]>;
}

/**
 * Makes sure that extents are no longer than a store takes.
 *
 * @throws `exhausted`
 */
export function requireExtentSizes(extents: readonly ExtentWrite[]): void {
  for (const { id, bytes } of extents) {
    if (bytes.length <= EXTENT_BYTES_MAX) continue;
    throw new GitStratumError("exhausted", "Refuse an extent above its limit", {
      data: { id, bytes: bytes.length, bytesMax: EXTENT_BYTES_MAX },
    });
  }
}
