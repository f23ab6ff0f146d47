/**
 * Decides the reference updates of a push, as git's receive-pack does: rules first, then
 * compare-and-swap. A pure function of the references and the push.
 *
 * What git does and this follows (git-receive-pack, builtin/receive-pack.c, refs.c): deletions are
 * done before the rest unless the push is atomic; deleting an absent reference is no error when the
 * client knew it as absent; branches hold commits only; the settings deny what git's configuration of
 * the same name denies; an atomic push in which one name is a directory of another fails.
 *
 * Reasons begin with the text that git reports, followed by a detail where git has one for its log.
 *
 * @module
 */

import {
  HiddenReferences,
  isZeroOid,
  type ObjectType,
  type Oid,
  referenceDirectories,
  referenceNameProblem,
} from "@gitstratum/core/git";
import type { ReferenceCommand, RepositorySettings } from "@gitstratum/core/rpc";
import type { ReferenceUpdate, Rejection } from "../log/log_record.ts";
import type { ReferenceView } from "../partition/partition_view.ts";
import { ReferenceOverlay } from "./reference_overlay.ts";
import type { Sliced } from "../state/sliced.ts";

/** What is known of an object that a command points a reference at. */
export interface TipFacts {
  readonly type: ObjectType;
  /** What an annotated tag finally points at. */
  readonly peeled?: Oid;
}

/** A push to be decided. */
export interface ReferenceTransaction {
  readonly commands: readonly ReferenceCommand[];
  readonly atomic: boolean;
  /** Full name of the branch that HEAD points at. */
  readonly head: string;
  /** What the owner denies. */
  readonly settings: Pick<
    RepositorySettings,
    "denyDeletes" | "denyDeleteCurrent" | "hiddenReferences"
  >;
  /** Why commands are not to be carried out, whatever the references are, by their position. */
  readonly denied: ReadonlyMap<number, string>;
  /** Of every new id that is not in {@link missing}. */
  readonly facts: ReadonlyMap<Oid, TipFacts>;
  /** New ids that the repository may not point at: they, or what they reach, are not there. */
  readonly missing: ReadonlySet<Oid>;
}

/** The decision: what changes, and which commands are not carried out. */
export interface ReferenceDecision {
  /** In the order in which they take effect. */
  readonly updates: readonly ReferenceUpdate[];
  /** In the order of the commands. */
  readonly rejections: readonly Rejection[];
}

/** Commands decided between two places where the work may pause. */
const SLICE_COMMANDS = 200;
const FAILED = "failed to update ref";
/** What the others of an atomic push report when one broke a rule, or lost its compare-and-swap. */
const ATOMIC_RULE = "atomic push failure";
const ATOMIC_SWAP = "atomic transaction failed";

/** Decides a push over the references `below`, which it does not change. */
export function* decideReferences(
  below: ReferenceView,
  transaction: ReferenceTransaction,
): Sliced<ReferenceDecision> {
  const broken = new Map<number, string>();
  const hidden = new HiddenReferences(transaction.settings.hiddenReferences);
  for (const [index, command] of transaction.commands.entries()) {
    const reason = hidden.hides(command.name)
      ? hiddenReason(command)
      : ruleBroken(command, transaction) ?? transaction.denied.get(index);
    if (reason !== undefined) broken.set(index, reason);
    if (index % SLICE_COMMANDS === SLICE_COMMANDS - 1) yield;
  }
  if (!transaction.atomic) return yield* swapEach(below, transaction, broken);
  if (broken.size > 0) return rejectAll(transaction, broken, ATOMIC_RULE);
  return yield* swapTogether(below, transaction);
}

function hiddenReason({ newOid }: ReferenceCommand): string {
  return `deny ${isZeroOid(newOid) ? "deleting" : "updating"} a hidden ref`;
}

/** The first rule that a command breaks, whatever the references are. */
function ruleBroken(
  command: ReferenceCommand,
  transaction: ReferenceTransaction,
): string | undefined {
  const { name, oldOid, newOid } = command;
  const deletes = isZeroOid(newOid);
  if (isForbidden(name, deletes)) return "funny refname";
  if (deletes) return isZeroOid(oldOid) ? undefined : deletionDenied(name, transaction);
  if (transaction.missing.has(newOid)) return "missing necessary objects";
  const facts = transaction.facts.get(newOid);
  if (facts === undefined) return "missing necessary objects";
  if (name.startsWith("refs/heads/") && facts.type !== "commit") {
    return `${FAILED}: a branch can not point at a ${facts.type}`;
  }
  return undefined;
}

/** Rules about deleting a reference that the client knows to be there. */
function deletionDenied(
  name: string,
  { head, settings }: ReferenceTransaction,
): string | undefined {
  if (settings.denyDeletes && name.startsWith("refs/heads/")) return "deletion prohibited";
  if (settings.denyDeleteCurrent === true && name === head) {
    return "deletion of the current branch prohibited";
  }
  return undefined;
}

function isForbidden(name: string, deletes: boolean): boolean {
  if (!name.startsWith("refs/")) return true;
  // As git: a name of one component below refs/ can be deleted, not made.
  return referenceNameProblem(name.slice("refs/".length), { allowOneLevel: deletes }) !== undefined;
}

/** The references as a push has changed them so far. */
class WorkingReferences extends ReferenceOverlay {
  /** Directories known to be no references; they stay so, as deletions come before creations. */
  readonly #directories = new Set<string>();

  /** Why a name can not be created: it can not be both a reference and a directory of references. */
  directoryConflict(name: string): string | undefined {
    for (const directory of referenceDirectories(name)) {
      if (this.#directories.has(directory)) continue;
      if (this.get(directory) !== undefined) return `refname conflict with ${directory}`;
    }
    if (this.hasBelow(name)) return `refname conflict with names below ${name}/`;
    for (const directory of referenceDirectories(name)) this.#directories.add(directory);
    return undefined;
  }
}

/** Carries out every command that can be, deletions first. */
function* swapEach(
  below: ReferenceView,
  { commands }: ReferenceTransaction,
  reasons: Map<number, string>,
): Sliced<ReferenceDecision> {
  const references = new WorkingReferences(below);
  const updates: { readonly name: string; old?: Oid; new?: Oid; index: number }[] = [];
  for (const index of deletionsFirst(commands)) {
    if (reasons.has(index)) continue;
    const outcome = swap(references, commands[index]!);
    if (typeof outcome === "string") reasons.set(index, outcome);
    else if (outcome !== undefined) updates.push({ ...outcome, index });
    if (index % SLICE_COMMANDS === SLICE_COMMANDS - 1) yield;
  }
  return {
    updates: updates.map(({ index: _, ...update }) => update),
    rejections: inOrder(reasons),
  };
}

/** Carries out all commands or none. */
function* swapTogether(
  below: ReferenceView,
  transaction: ReferenceTransaction,
): Sliced<ReferenceDecision> {
  const references = new WorkingReferences(below);
  const names = new NameSet();
  const updates: ReferenceUpdate[] = [];
  for (const [index, command] of transaction.commands.entries()) {
    const outcome = names.add(command.name) ?? swap(references, command);
    if (typeof outcome === "string") {
      return rejectAll(transaction, new Map([[index, outcome]]), ATOMIC_SWAP);
    }
    if (outcome !== undefined) updates.push(outcome);
    if (index % SLICE_COMMANDS === SLICE_COMMANDS - 1) yield;
  }
  return { updates, rejections: [] };
}

/** The names of one atomic push, none of which may stand twice or be a directory of another. */
class NameSet {
  readonly #names = new Set<string>();
  readonly #directories = new Set<string>();

  /** Adds a name, or answers why it can not be together with the earlier ones. */
  add(name: string): string | undefined {
    if (this.#names.has(name)) return `${FAILED}: multiple updates for one reference`;
    const directories = [...referenceDirectories(name)];
    const clash = this.#directories.has(name) || directories.some((one) => this.#names.has(one));
    if (clash) return `${FAILED}: refname conflict within the push`;
    this.#names.add(name);
    for (const directory of directories) this.#directories.add(directory);
    return undefined;
  }
}

/** Compares and swaps one reference: the update, undefined when nothing changes, or a reason. */
function swap(
  references: WorkingReferences,
  command: ReferenceCommand,
): ReferenceUpdate | string | undefined {
  const { name } = command;
  const current = references.get(name);
  const old = isZeroOid(command.oldOid) ? undefined : command.oldOid;
  const next = isZeroOid(command.newOid) ? undefined : command.newOid;
  if (current !== old) return `${FAILED}: ${swapProblem(current, old)}`;
  if (current === next) return undefined;
  if (current === undefined) {
    const conflict = references.directoryConflict(name);
    if (conflict !== undefined) return `${FAILED}: ${conflict}`;
  }
  references.set(name, next);
  return {
    name,
    ...(current === undefined ? {} : { old: current }),
    ...(next === undefined ? {} : { new: next }),
  };
}

function swapProblem(current: Oid | undefined, old: Oid | undefined): string {
  if (current === undefined) return "reference does not exist";
  if (old === undefined) return "reference already exists";
  return "incorrect old value provided";
}

function* deletionsFirst(commands: readonly ReferenceCommand[]): Generator<number> {
  for (const [index, { newOid }] of commands.entries()) if (isZeroOid(newOid)) yield index;
  for (const [index, { newOid }] of commands.entries()) if (!isZeroOid(newOid)) yield index;
}

function rejectAll(
  { commands }: ReferenceTransaction,
  own: ReadonlyMap<number, string>,
  others: string,
): ReferenceDecision {
  const rejections = commands.map((_, index) => ({ index, reason: own.get(index) ?? others }));
  return { updates: [], rejections };
}

function inOrder(reasons: ReadonlyMap<number, string>): Rejection[] {
  return [...reasons].sort(([a], [b]) => a - b).map(([index, reason]) => ({ index, reason }));
}
