/**
 * What one replica knows of an extent, and how two of them that know different things agree.
 *
 * An extent's life is counted: version 0 when it is first written, 1 once it is removed, 2 should the
 * id ever be written again, and so on. Even versions live, odd ones are removed (tombstones). The
 * greater version is right, whatever clocks say: to merge is to take the greater one, in any order
 * and any number of times, so replicas converge and what was removed never comes back.
 *
 * Two living copies of one version have the same bytes. If they do not, somebody broke the rule that
 * ids are never used twice; that is reported, never decided.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { ExtentId, NetworkId } from "@gitstratum/core/rpc";

/** How far an extent's life has come. */
export type LifeVersion = number & { readonly __brand: "LifeVersion" };

/** The version of an id that was never used before. */
export const FIRST_LIFE = 0 as LifeVersion;

/** A replica's knowledge of one extent. */
export type ReplicaRecord =
  | {
    readonly kind: "living";
    readonly id: ExtentId;
    /** Even. */
    readonly version: LifeVersion;
    readonly owner: NetworkId;
    /** Length in bytes. */
    readonly bytes: number;
    /** Wall time in milliseconds; for grace times only. */
    readonly writtenAtMs: number;
    /** Whether the copy is known to fail its checksum. */
    readonly damaged: boolean;
  }
  | {
    readonly kind: "removed";
    readonly id: ExtentId;
    /** Odd. */
    readonly version: LifeVersion;
    /** Wall time in milliseconds; for grace times only. */
    readonly removedAtMs: number;
  };

/** Checks a version. @throws `invalid` */
export function parseLifeVersion(number: number): LifeVersion {
  if (Number.isSafeInteger(number) && number >= 0) return number as LifeVersion;
  throw new GitStratumError("invalid", "Expect the version of a life", { data: { found: number } });
}

/** Whether extents of this version have bytes. */
export function isLiving(version: LifeVersion): boolean {
  return version % 2 === 0;
}

/** The version at which a writer finds its bytes accepted where `found` is known. */
export function livingFrom(found: LifeVersion): LifeVersion {
  return (found + found % 2) as LifeVersion;
}

/** The version at which a remover finds its removal accepted where `found` is known. */
export function removedFrom(found: LifeVersion): LifeVersion {
  return (found + 1 - found % 2) as LifeVersion;
}
