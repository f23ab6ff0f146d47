/**
 * What rules for references want to know of a push: whether a reference moves forward, whether the
 * commits that are new to it hold a merge, and whether each has a good signature.
 *
 * Signatures are checked by whoever knows the keys of users, which is not here. Commits that nobody has
 * told about are given back, to be checked before the push is decided.
 *
 * @module
 */

import { SIGNED_COMMIT_COUNT_MAX, UNCHECKED_COMMIT_COUNT_MAX } from "@gitstratum/core";
import { referenceDemands, type ReferenceRule } from "@gitstratum/core/access";
import { isZeroOid, type Oid } from "@gitstratum/core/git";
import type { CheckedSignatures, LocatedObject, ReferenceCommand } from "@gitstratum/core/rpc";
import { isFastForward } from "./fast_forward.ts";
import { locateCommit, newCommits, type NewCommitSearch } from "./new_commits.ts";

/** What was found out about a command; absent = nobody asked. */
export interface ReferenceFacts {
  /** The old value is behind the new one. */
  readonly isFastForward?: boolean;
  /** No commit that is new to the reference is a merge. */
  readonly isLinear?: boolean;
  /** Every commit that is new to the reference has a good signature. */
  readonly isSigned?: boolean;
}

/** Where to search, and for what. */
export interface ReferenceFactsSearch extends NewCommitSearch {
  readonly rules: readonly ReferenceRule[];
  /** What is known of signatures. */
  readonly signatures: CheckedSignatures | undefined;
}

/** What was found out. */
export interface FoundFacts {
  /** By the command's position. */
  readonly references: ReadonlyMap<number, ReferenceFacts>;
  /** Commits whose signatures are to be checked first: some of them, when there are many. */
  readonly unchecked: readonly LocatedObject[];
}

/** Which facts rules ask for about a command. */
export function factsAsked(
  rules: readonly ReferenceRule[],
  { name, oldOid, newOid }: ReferenceCommand,
): readonly (keyof ReferenceFacts)[] {
  if (isZeroOid(newOid)) return [];
  const { forwardOnly, linearHistory, signed } = referenceDemands(rules, name);
  return [
    ...(forwardOnly && !isZeroOid(oldOid) ? ["isFastForward" as const] : []),
    ...(linearHistory ? ["isLinear" as const] : []),
    ...(signed ? ["isSigned" as const] : []),
  ];
}

/** Finds out what rules ask about commands. */
export async function findReferenceFacts(
  commands: readonly ReferenceCommand[],
  search: ReferenceFactsSearch,
): Promise<FoundFacts> {
  const references = new Map<number, ReferenceFacts>();
  const signatures = new SignatureSearch(search);
  for (const [index, command] of commands.entries()) {
    const asked = factsAsked(search.rules, command);
    if (asked.length === 0 || search.missing.has(command.newOid)) continue;
    references.set(index, {
      ...(asked.includes("isFastForward")
        ? { isFastForward: await isFastForward(command, search) }
        : {}),
      ...(asked.includes("isLinear") ? { isLinear: await isLinear(command, search) } : {}),
      ...(asked.includes("isSigned") ? { isSigned: await signatures.areGood(command) } : {}),
    });
  }
  return { references, unchecked: await signatures.unchecked() };
}

async function isLinear(
  command: ReferenceCommand,
  search: ReferenceFactsSearch,
): Promise<boolean> {
  for await (const { isMerge } of newCommits(command, search)) if (isMerge) return false;
  return true;
}

/** What is known of the signatures of new commits, and what is not. */
class SignatureSearch {
  readonly #search: ReferenceFactsSearch;
  readonly #good: ReadonlySet<Oid>;
  readonly #bad: ReadonlySet<Oid>;
  readonly #unchecked = new Set<Oid>();

  constructor(search: ReferenceFactsSearch) {
    this.#search = search;
    this.#good = new Set(search.signatures?.good);
    this.#bad = new Set(search.signatures?.bad);
  }

  /** Whether all commits that are new to a reference are signed, as far as is known. */
  async areGood(command: ReferenceCommand): Promise<boolean> {
    const unknown: Oid[] = [];
    let count = 0;
    for await (const { oid } of newCommits(command, this.#search)) {
      if (++count > SIGNED_COMMIT_COUNT_MAX || this.#bad.has(oid)) return false;
      if (!this.#good.has(oid)) unknown.push(oid);
    }
    for (const oid of unknown) {
      if (this.#unchecked.size < UNCHECKED_COMMIT_COUNT_MAX) this.#unchecked.add(oid);
    }
    return unknown.length === 0;
  }

  unchecked(): Promise<readonly LocatedObject[]> {
    return Promise.all([...this.#unchecked].map((oid) => locateCommit(oid, this.#search)));
  }
}
