/**
 * Recipes: how to produce a pack stream from stored packs without holding it.
 *
 * A recipe covers the entries of a pack. Its executor adds the 12-byte pack header in front and the
 * trailer (the hash of everything before it) behind.
 *
 * @module
 */

import type { ObjectType } from "../git/object_type.ts";
import type { ObjectFormat, Oid } from "../git/oid.ts";
import type { PackId } from "../rpc/ids.ts";

/** A pack that a recipe reads from. */
export interface RecipePack {
  /** The pack's id. */
  readonly pack: PackId;
  /** How the pack is cut into extents. */
  readonly extentBytes: number;
}

/** A run of bytes of one of the recipe's packs. */
export interface RecipeRange {
  /** Index into the recipe's packs. */
  readonly pack: number;
  /** First byte, from the start of the pack. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
}

/** An object that the resulting pack holds too, or the client has, and how to rebuild it. */
export interface RecipeRelative {
  /** Its id. */
  readonly oid: Oid;
  /** Inflated size in bytes. */
  readonly size: number;
  /** As the chain of a `materialise` step. */
  readonly chain: readonly RecipeRange[];
}

/** One step of a recipe. */
export type RecipeStep =
  /** Bytes that stand nowhere: rewritten entry headers. */
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  /** Bytes copied as they are: whole entries, many at once, or an entry's zlib stream. */
  | ({ readonly kind: "range" } & RecipeRange)
  /**
   * One whole stored delta entry whose base reference is replaced; type, size and zlib stream stay.
   * A number makes it an offset delta: bytes from the base's entry to this one in the resulting pack.
   * An id makes it a reference delta. (The planner knows every length without reading the pack.)
   */
  | ({ readonly kind: "rebase"; readonly base: number | Oid } & RecipeRange)
  /**
   * An object to be rebuilt and written as one undeltified entry, because its delta base is not sent.
   * `chain` holds whole stored entries: the object's own first, its root base last. Where a relative
   * is named, a reference delta against that may be written instead. Relatives form no cycle.
   */
  | {
    readonly kind: "materialise";
    readonly type: ObjectType;
    /** Inflated size in bytes. */
    readonly size: number;
    readonly chain: readonly RecipeRange[];
    readonly relative?: RecipeRelative;
  };

/** What is known before the first step. */
export interface RecipeHeader {
  /** Format of the repository. */
  readonly objectFormat: ObjectFormat;
  /** Entries in the resulting pack. */
  readonly objectCount: number;
  /** Commits that become shallow for the client. */
  readonly shallow: readonly Oid[];
  /** Commits that stop being shallow for the client. */
  readonly unshallow: readonly Oid[];
  /** The packs that ranges count. */
  readonly packs: readonly RecipePack[];
}

/** A header and its steps, in batches, in the order of the resulting pack. */
export interface Recipe {
  /** What is known before the first step. */
  readonly header: RecipeHeader;
  /** The steps, in the order of the resulting pack. To be iterated once. */
  readonly steps: AsyncIterable<readonly RecipeStep[]>;
}
