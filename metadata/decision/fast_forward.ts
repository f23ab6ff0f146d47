/**
 * Which commands of a push leave commits of their branch behind.
 *
 * The new commits are not in the network's graph yet, so the search goes through the index of the
 * pushed group first and on in the graph from where the group leaves off.
 *
 * @module
 */

import { isZeroOid, type Oid, oidToBytes } from "@gitstratum/core/git";
import { externalRow, isExternal, type PackIndex } from "@gitstratum/core/pack";
import type { ReferenceCommand } from "@gitstratum/core/rpc";
import type { RepositoryRefsView } from "../state/pack_catalogue.ts";
import type { NetworkView } from "../reach/network_view.ts";
import { Slices } from "../reach/slices.ts";

/** What the search asks of the reading side. */
export type AncestryView = Pick<NetworkView, "contains" | "isBehind">;

/** Where to search. */
export interface FastForwardSearch {
  readonly refs: RepositoryRefsView;
  readonly view: AncestryView;
  /** Index of the pushed group, when its objects may be used. */
  readonly group: PackIndex | undefined;
  /** New ids that may not be set: nothing is asked about them. */
  readonly missing: ReadonlySet<Oid>;
}

/**
 * Why branches may not move as the push says, by the command's position: git's texts. As in git only
 * moves of branches count, and they are judged by the old id that the client gives: a wrong one fails
 * later, when it is compared with the reference.
 */
export async function findNonFastForwards(
  commands: readonly ReferenceCommand[],
  search: FastForwardSearch,
): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  const moves = [...commands.entries()].filter(([, command]) => isBranchMove(command, search));
  if (moves.length === 0) return found;
  const { refs, view } = search;
  const unknown = new Set(await view.contains(refs, moves.map(([, { oldOid }]) => oldOid)));
  for (const [index, command] of moves) {
    if (unknown.has(command.oldOid)) found.set(index, "bad ref");
    else if (!await isFastForward(command, search)) found.set(index, "non-fast-forward");
  }
  return found;
}

function isBranchMove(
  { name, oldOid, newOid }: ReferenceCommand,
  { missing }: FastForwardSearch,
): boolean {
  return name.startsWith("refs/heads/") && !isZeroOid(oldOid) && !isZeroOid(newOid) &&
    !missing.has(newOid);
}

/** Whether the new commit has the old one behind it. */
export async function isFastForward(
  { oldOid, newOid }: ReferenceCommand,
  { refs, view, group }: FastForwardSearch,
): Promise<boolean> {
  const tip = group?.find(oidToBytes(newOid)) ?? -1;
  if (group === undefined || tip < 0) return await view.isBehind(refs, oldOid, [newOid]);
  const exits = await searchGroup(group, { from: tip, wanted: group.find(oidToBytes(oldOid)) });
  return exits === "found" || await view.isBehind(refs, oldOid, exits);
}

/** Walks back from a commit of the group: the commits outside that it leads to, unless it finds one. */
async function searchGroup(
  group: PackIndex,
  { from, wanted }: { readonly from: number; readonly wanted: number },
): Promise<"found" | Oid[]> {
  const slices = new Slices();
  const exits: Oid[] = [];
  const seen = new Set([from]);
  // The set grows while it is walked.
  for (const reference of seen) {
    if (reference === wanted) return "found";
    if (slices.spend(1)) await slices.pause();
    if (isExternal(reference)) {
      exits.push(group.externalOid(externalRow(reference)));
      continue;
    }
    const commit = group.commitIndexOf(reference);
    if (commit >= 0) { for (const parent of group.commitParents(commit)) seen.add(parent); }
  }
  return exits;
}
