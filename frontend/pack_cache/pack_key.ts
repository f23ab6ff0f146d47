/**
 * What decides the bytes of a pack, as one digest. Two requests with one key may get one pack; the user
 * is not part of it, because who may read a repository is decided before.
 *
 * What a request may ask for is decided before too: a key says nothing about rights.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { ObjectFilter } from "@gitstratum/core/git";
import type { FetchRequest, SideBandMode } from "@gitstratum/core/protocol";
import type { RepositoryInfo, ShallowBoundary } from "@gitstratum/core/rpc";

/** Changes when the stored form of a pack does. */
const KEY_VERSION = 1;

/** Everything beside the request that decides a pack. */
export interface PackCircumstances {
  /**
   * Incarnation (a repository made anew under an old name has another id), format, and whatever else
   * the metadata tells of it, which may decide what clients see.
   */
  readonly repository: RepositoryInfo;
  /** Where history ends for the client, resolved. */
  readonly boundary: ShallowBoundary;
  /** Digest of the tags that may follow; absent when none do. */
  readonly tags: string | undefined;
  /** How packets are framed. */
  readonly mode: SideBandMode;
}

/** The key of a pack: 64 hexadecimal digits. */
export type PackKey = string & { readonly __brand: "PackKey" };

/**
 * Whether a request says all that decides its pack. Times and names of references cut history where
 * the repository says at that moment; sparse patterns need a right to their blob.
 */
export function isShareable({ depth, filter }: Pick<FetchRequest, "depth" | "filter">): boolean {
  return depth?.kind !== "exclude" && (filter === undefined || !readsObjects(filter));
}

function readsObjects(filter: ObjectFilter): boolean {
  if (filter.kind === "combine") return filter.filters.some(readsObjects);
  return filter.kind === "sparse:oid";
}

/** Digests a request that {@link isShareable}. Lists of ids count as sets. */
export function packKey(request: FetchRequest, circumstances: PackCircumstances): PackKey {
  const { repository, boundary, tags, mode } = circumstances;
  const facts = [
    KEY_VERSION,
    // Neither a new name nor another default branch changes a pack.
    { ...repository, name: null, head: null },
    request.wants.toSorted(),
    request.haves.toSorted(),
    request.clientShallow.toSorted(),
    boundary.shallow.toSorted(),
    boundary.unshallow.toSorted(),
    request.depth ?? null,
    request.filter ?? null,
    request.thinPack,
    request.ofsDelta,
    request.includeTag,
    tags ?? null,
    mode,
  ];
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex") as PackKey;
}
