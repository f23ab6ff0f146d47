/**
 * What rules for references want to know of a push: whether a reference moves forward, and whether the
 * commits that are new to it hold a merge.
 *
 * New to a reference are the commits that its old value does not reach; to one that comes into being,
 * those that the default branch does not reach. So nobody brings a merge into a linear branch by way of
 * another branch.
 *
 * @module
 */

import { referenceDemands, type ReferenceRule } from "@gitstratum/core/access";
import { isZeroOid, type Oid, oidToBytes } from "@gitstratum/core/git";
import { externalRow, isExternal, type PackIndex } from "@gitstratum/core/pack";
import type { ReferenceCommand } from "@gitstratum/core/rpc";
import { type FastForwardSearch, isFastForward } from "./fast_forward.ts";
import type { NetworkView } from "./reach/network_view.ts";
import { Slices } from "./reach/slices.ts";
import type { TipFacts } from "./reference_transaction.ts";

/** What was found out about a command; absent = nobody asked. */
export interface ReferenceFacts {
  /** The old value is behind the new one. */
  readonly isFastForward?: boolean;
  /** No commit that is new to the reference is a merge. */
  readonly isLinear?: boolean;
}

/** Where to search, and for what. */
export interface ReferenceFactsSearch extends FastForwardSearch {
  readonly view: FastForwardSearch["view"] & Pick<NetworkView, "isLinear">;
  readonly rules: readonly ReferenceRule[];
  /** What is known of new ids. */
  readonly tips: ReadonlyMap<Oid, TipFacts>;
}

/** Which facts rules ask for about a command. */
export function factsAsked(
  rules: readonly ReferenceRule[],
  { name, oldOid, newOid }: ReferenceCommand,
): readonly (keyof ReferenceFacts)[] {
  if (isZeroOid(newOid)) return [];
  const { forwardOnly, linearHistory } = referenceDemands(rules, name);
  return [
    ...(forwardOnly && !isZeroOid(oldOid) ? ["isFastForward" as const] : []),
    ...(linearHistory ? ["isLinear" as const] : []),
  ];
}

/** Finds out what rules ask about commands, by the command's position. */
export async function findReferenceFacts(
  commands: readonly ReferenceCommand[],
  search: ReferenceFactsSearch,
): Promise<ReadonlyMap<number, ReferenceFacts>> {
  const found = new Map<number, ReferenceFacts>();
  for (const [index, command] of commands.entries()) {
    const asked = factsAsked(search.rules, command);
    if (asked.length === 0 || search.missing.has(command.newOid)) continue;
    const movesForward = asked.includes("isFastForward");
    const keepsLinear = asked.includes("isLinear");
    found.set(index, {
      ...(movesForward ? { isFastForward: await isFastForward(command, search) } : {}),
      ...(keepsLinear ? { isLinear: await isLinear(command, search) } : {}),
    });
  }
  return found;
}

async function isLinear(
  { oldOid, newOid }: ReferenceCommand,
  search: ReferenceFactsSearch,
): Promise<boolean> {
  const { refs, view, group, tips } = search;
  const base = isZeroOid(oldOid) ? refs.resolve("HEAD") : oldOid;
  const tip = tips.get(newOid)?.peeled ?? newOid;
  const ordinal = group?.find(oidToBytes(tip)) ?? -1;
  const isOld = (oid: Oid) =>
    base === undefined ? Promise.resolve(false) : view.isBehind(refs, oid, [base]);
  const exits = group === undefined || ordinal < 0
    ? [tip]
    : await linearExits(group, { from: ordinal, isOld });
  return exits !== "merge" && await view.isLinear(refs, { from: exits, base });
}

/** Walks back from a commit of the group: the commits outside that it leads to, unless it meets a merge. */
async function linearExits(
  group: PackIndex,
  search: { readonly from: number; isOld(oid: Oid): Promise<boolean> },
): Promise<"merge" | readonly Oid[]> {
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
    const parents = group.commitParents(commit);
    // A push may bring what is there already.
    if (parents.length > 1) {
      if (await search.isOld(group.oidAt(reference))) continue;
      return "merge";
    }
    for (const parent of parents) seen.add(parent);
  }
  return exits;
}
