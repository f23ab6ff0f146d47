/**
 * Filters of partial clones (gitprotocol-v2 `filter`, git-rev-list `--filter`).
 *
 * @module
 */

import type { Oid } from "./oid.ts";
import type { ObjectType } from "./object_type.ts";

/** Which objects a client leaves out. */
export type ObjectFilter =
  /** No blobs. */
  | { readonly kind: "blob:none" }
  /** No blobs of `bytes` bytes or more. */
  | { readonly kind: "blob:limit"; readonly bytes: number }
  /** No trees and blobs at `depth` or deeper below a root tree, which is at depth 0. */
  | { readonly kind: "tree"; readonly depth: number }
  /** Only objects of one type. */
  | { readonly kind: "object:type"; readonly type: ObjectType }
  /** No blobs outside the sparse patterns in the blob `oid`. */
  | { readonly kind: "sparse:oid"; readonly oid: Oid }
  /** What passes every one of the filters. */
  | { readonly kind: "combine"; readonly filters: readonly ObjectFilter[] };
