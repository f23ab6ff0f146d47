/**
 * What an object filter lets through, in the form in which the planner asks.
 *
 * Source: git-rev-list `--filter`. A combination lets through what each of its filters does.
 *
 * @module
 */

import { unreachable } from "@gitstratum/core";
import type { ObjectFilter, ObjectType, Oid } from "@gitstratum/core/git";

/** A filter taken apart. */
export interface FilterPolicy {
  /** Types that may be sent. */
  readonly types: ReadonlySet<ObjectType>;
  /** Blobs must be smaller than this. */
  readonly blobBytesEnd: number;
  /** Trees and blobs must be less deep than this; a root tree is at depth 0. */
  readonly depthEnd: number;
  /** Blobs that hold sparse patterns; a blob's path must match those of each. */
  readonly sparse: readonly Oid[];
}

/** Lets everything through. */
export const OPEN_POLICY: FilterPolicy = {
  types: new Set(["commit", "tree", "blob", "tag"]),
  blobBytesEnd: Infinity,
  depthEnd: Infinity,
  sparse: [],
};

/** Takes a filter apart. */
export function filterPolicy(filter: ObjectFilter | undefined): FilterPolicy {
  return filter === undefined ? OPEN_POLICY : narrow(OPEN_POLICY, filter);
}

function narrow(policy: FilterPolicy, filter: ObjectFilter): FilterPolicy {
  switch (filter.kind) {
    case "blob:none":
      return { ...policy, types: without(policy.types, "blob") };
    case "blob:limit":
      return { ...policy, blobBytesEnd: Math.min(policy.blobBytesEnd, filter.bytes) };
    case "tree":
      return { ...policy, depthEnd: Math.min(policy.depthEnd, filter.depth) };
    case "object:type":
      return { ...policy, types: policy.types.intersection(new Set([filter.type])) };
    case "sparse:oid":
      return { ...policy, sparse: [...policy.sparse, filter.oid] };
    case "combine":
      return filter.filters.reduce(narrow, policy);
    default:
      return unreachable(filter);
  }
}

function without(types: ReadonlySet<ObjectType>, type: ObjectType): ReadonlySet<ObjectType> {
  return types.difference(new Set([type]));
}

/** Whether the policy can be decided object by object, without paths. */
export function isPathless(policy: FilterPolicy): boolean {
  return policy.depthEnd === Infinity && policy.sparse.length === 0;
}

/** Whether every object of the given types passes. */
export function isOpen(policy: FilterPolicy): boolean {
  return isPathless(policy) && policy.types.size === 4 && policy.blobBytesEnd === Infinity;
}

/** Whether an object may be sent, its path and depth left aside. */
export function passes(policy: FilterPolicy, type: ObjectType, size: number): boolean {
  return policy.types.has(type) && (type !== "blob" || size < policy.blobBytesEnd);
}
