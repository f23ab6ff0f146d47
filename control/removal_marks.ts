/**
 * Marks that removals leave in the consensus store, so that a request which arrives late can tell that
 * what it would make was removed since its basis was read (docs/decisions/late-requests.md).
 *
 * | key | value |
 * | --- | --- |
 * | `gone/NNN` | `{}`; written by each removal of a key whose digest begins with the number |
 *
 * What counts is the revision at which a mark was written last. Many keys share a mark, so there are
 * never more than `REMOVAL_MARK_COUNT` of them, none is ever forgotten, and no clock says when. Two
 * keys with the same mark make a call fail that had no reason to, if one is removed while the other is
 * being made: with `conflict`, so its caller begins anew.
 *
 * Invariant: whoever removes a key writes its mark in the same transaction. Conditions of
 * {@link untouchedSince} hold only if nobody put or removed one of the keys after the basis.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { GitStratumError, REMOVAL_MARK_COUNT } from "@gitstratum/core";
import type { Change, Compare, Revision } from "@gitstratum/core/consensus";
import { encodeJson } from "./stored_json.ts";

/** What the keys of marks begin with. */
export const REMOVAL_MARK_PREFIX = "gone/";

/** The mark of a key. */
export function removalMark(key: string): string {
  const number = createHash("sha256").update(key).digest().readUInt32BE() % REMOVAL_MARK_COUNT;
  return `${REMOVAL_MARK_PREFIX}${number.toString(16).padStart(3, "0")}`;
}

/** Changes that mark keys as removed, for the transaction that removes them. */
export function removalMarks(keys: readonly string[]): readonly Change[] {
  const marks = new Set(keys.map(removalMark));
  return [...marks].map((key) => ({ kind: "put", key, value: encodeJson({}) }));
}

/** Conditions for a change of keys: none of them was put or removed after the basis. */
export function untouchedSince(basis: Revision, keys: readonly string[]): readonly Compare[] {
  const guarded = new Set(keys.flatMap((key) => [key, removalMark(key)]));
  return [...guarded].map((key) => ({
    key,
    target: "modRevision",
    operator: "<",
    value: basis + 1,
  }));
}

/** What a caller is told whose basis is out of date. */
export function outOfDate(basis: Revision): GitStratumError {
  return new GitStratumError("conflict", "Find that somebody else changed it meanwhile", {
    data: { basis },
  });
}
