/**
 * The commits that a push adds to a reference.
 *
 * New to a reference are the commits that its old value does not reach; to one that comes into being,
 * those that the default branch does not reach. Some of them are in the pushed group, others may be in
 * the repository already.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import { isZeroOid, type Oid, oidToBytes } from "@gitstratum/core/git";
import { externalRow, isExternal, NO_BASE, type PackIndex } from "@gitstratum/core/pack";
import {
  type EntryLocation,
  type LocatedObject,
  type PackGroup,
  packId,
  type ReferenceCommand,
} from "@gitstratum/core/rpc";
import type { FastForwardSearch } from "./fast_forward.ts";
import type { NetworkView } from "../reach/network_view.ts";
import { Slices } from "../reach/slices.ts";
import type { TipFacts } from "./reference_transaction.ts";

/** A commit that is new to a reference. */
export interface NewCommit {
  readonly oid: Oid;
  /** Whether it has several parents. */
  readonly isMerge: boolean;
}

/** Where to search. */
export interface NewCommitSearch extends FastForwardSearch {
  readonly view:
    & FastForwardSearch["view"]
    & Pick<NetworkView, "newCommits" | "objectType" | "locate">;
  /** What is known of new ids. */
  readonly tips: ReadonlyMap<Oid, TipFacts>;
  /** The pushed group, whether or not its objects may be used. */
  readonly pushed: PackGroup | undefined;
}

/** The commits that a command adds to its reference, in no order, none twice. */
export async function* newCommits(
  { oldOid, newOid }: ReferenceCommand,
  search: NewCommitSearch,
): AsyncGenerator<NewCommit> {
  const { refs, view, group, tips } = search;
  const base = isZeroOid(oldOid) ? refs.resolve("HEAD") : oldOid;
  const tip = tips.get(newOid)?.peeled ?? newOid;
  const ordinal = group?.find(oidToBytes(tip)) ?? -1;
  let exits: readonly Oid[] = [tip];
  if (group !== undefined && ordinal >= 0) {
    const isOld = async (oid: Oid) =>
      base !== undefined && await view.objectType(refs, oid) !== undefined &&
      await view.isBehind(refs, oid, [base]);
    exits = yield* inGroup(group, { from: ordinal, isOld });
  }
  yield* view.newCommits(refs, { from: exits, base });
}

/** Walks back from a commit of the group; returns the commits outside that it leads to. */
async function* inGroup(
  group: PackIndex,
  search: { readonly from: number; isOld(oid: Oid): Promise<boolean> },
): AsyncGenerator<NewCommit, readonly Oid[]> {
  const slices = new Slices();
  const exits: Oid[] = [];
  const seen = new Set([search.from]);
  // The set grows while it is walked.
  for (const reference of seen) {
    if (slices.spend(1)) await slices.pause();
    if (isExternal(reference)) {
      exits.push(group.externalOid(externalRow(reference)));
      continue;
    }
    const commit = group.commitIndexOf(reference);
    if (commit < 0) continue;
    const oid = group.oidAt(reference);
    // A push may bring what is there already.
    if (await search.isOld(oid)) continue;
    const parents = group.commitParents(commit);
    yield { oid, isMerge: parents.length > 1 };
    for (const parent of parents) seen.add(parent);
  }
  return exits;
}

/** Where a new commit is, and how to rebuild it: in the pushed group, or in the network. */
export async function locateCommit(oid: Oid, search: NewCommitSearch): Promise<LocatedObject> {
  const { refs, view, group, pushed } = search;
  const inNetwork = async (wanted: Oid) => {
    const [located] = await view.locate(refs, { oids: [wanted], scope: "network" });
    assert(located !== undefined, "What a checked push needs is there");
    return located;
  };
  const ordinal = group?.find(oidToBytes(oid)) ?? -1;
  if (group === undefined || pushed === undefined || ordinal < 0) return await inNetwork(oid);
  const chain: EntryLocation[] = [];
  for (let at = ordinal;;) {
    assert(chain.length <= group.historyCount, "A delta chain has no cycle");
    chain.push({
      pack: packId(pushed.groupId, group.partAt(at)),
      offset: group.offsetAt(at),
      length: group.lengthAt(at),
      extentBytes: pushed.extentBytes,
    });
    const base = group.baseAt(at);
    if (base === NO_BASE) break;
    if (isExternal(base)) {
      chain.push(...(await inNetwork(group.externalOid(externalRow(base)))).chain);
      break;
    }
    at = base;
  }
  return { oid, type: "commit", size: group.sizeAt(ordinal), chain };
}
