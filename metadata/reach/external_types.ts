/**
 * Checks of a new group's links against what the network stores.
 *
 * @module
 */

import { isExternal, type PackIndex } from "@gitstratum/core/pack";
import { externalRow } from "@gitstratum/core/pack";
import type { ObjectType, Oid } from "@gitstratum/core/git";
import type { NetworkIndex } from "./network_index.ts";
import { NONE } from "./stored_group.ts";

/**
 * The external objects of an index whose stored type is not what a commit of the group needs: a tree
 * that is none, a parent that is no commit. A group with such a link must not be committed.
 */
export function mistypedExternals(network: NetworkIndex, index: PackIndex): Oid[] {
  const mistyped = new Set<Oid>();
  const check = (reference: number, wanted: ObjectType) => {
    if (!isExternal(reference)) {
      if (index.typeAt(reference) !== wanted) mistyped.add(index.oidAt(reference));
      return;
    }
    const row = externalRow(reference);
    const position = network.externalOf(index, row);
    if (position !== NONE && network.typeAt(position) !== wanted) {
      mistyped.add(index.externalOid(row));
    }
  };
  for (let commit = 0; commit < index.commitCount; commit++) {
    check(index.commitTree(commit), "tree");
    for (const parent of index.commitParents(commit)) check(parent, "commit");
  }
  return [...mistyped];
}
