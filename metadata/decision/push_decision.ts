/**
 * Decides a push whose objects have been checked.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import {
  brokenReferenceRule,
  type Pusher,
  type ReferenceChange,
  type ReferenceDenialReason,
} from "@gitstratum/core/access";
import { isZeroOid, type Oid } from "@gitstratum/core/git";
import {
  type PushRequest,
  type PushResult,
  type ReferenceCommand,
  type RepositoryId,
  type RepositoryKey,
  repositoryVersion,
  type RequestId,
} from "@gitstratum/core/rpc";
import type { LogRecord, PushRecord, ReferenceUpdate, Rejection } from "../log/log_record.ts";
import type { Decide } from "../partition/partition_primary.ts";
import type { PartitionView, PushOutcome, RepositoryState } from "../partition/partition_view.ts";
import type { PushVerdict } from "./push_check.ts";
import { factsAsked, type ReferenceFacts } from "./reference_facts.ts";
import { decideReferences, type TipFacts } from "./reference_transaction.ts";

/** Whom a push is from that does not say: they may write, and no rule names them. */
const NOBODY_IN_PARTICULAR: Pusher = { role: "write" };

/** The answer to a push that was judged by what its repository is not any more. */
const OUTDATED: PushResult = { results: [], outdated: true };

/** What a pusher is told whom a rule for references stops. */
const DENIAL_TEXTS: Readonly<Record<ReferenceDenialReason, string>> = {
  "reference-pushers": "you may not push to it",
  "reference-delete": "it is not to be deleted",
  "reference-force": "it only moves forward",
  "reference-history": "it takes no merge commits",
  "reference-signature": "it takes only commits with a good signature",
};

/** The living repository of a key. @throws `not-found` */
export function livingRepository(view: PartitionView, key: RepositoryKey): RepositoryState {
  const found = view.repository(key.repositoryId);
  if (found !== undefined && !found.deleted && found.networkId === key.networkId) return found;
  throw noRepository(key.repositoryId);
}

/** What callers are told who ask for a repository that is not there. */
export function noRepository(repositoryId: RepositoryId): GitStratumError {
  return new GitStratumError("not-found", "Find no such repository", { data: { repositoryId } });
}

/** What a push is decided with. */
export interface PushDecisionContext {
  readonly verdict: PushVerdict;
  readonly atMs: number;
  /** Whether the verdict is young enough to be believed: a decision may have to wait for its turn. */
  readonly isCurrent: () => boolean;
  /** Whether a push that changes nothing is noted; it is not unless told. */
  readonly notes?: boolean;
}

/**
 * Decides a push. The record carries the group only when an accepted update needs it; the extents of
 * a group that no record carries are swept.
 *
 * A push that changes nothing is noted where `notes` is true, and then changes nothing later either: a
 * copy of it that is still under way may find references that would let it in. Whoever is told that it
 * was judged by what is out of date sends it under another id.
 *
 * @throws `not-found` when the repository does not exist; `conflict` when it has to be checked again:
 * settings that came since ask for more, or the check is too long ago
 */
export function decidePush(
  key: RepositoryKey,
  request: PushRequest,
  context: PushDecisionContext,
): Decide<PushResult> {
  const { verdict, atMs, isCurrent, notes = false } = context;
  return function* (view) {
    const earlier = view.pushOutcome(key.repositoryId, request.pushId);
    const isNoted = earlier !== undefined && isNote(earlier);
    if (earlier !== undefined && !isNoted) {
      return { records: [], answer: repeatedResult(request, earlier) };
    }
    const records = notes && !isNoted ? [noteOf(key, request, atMs)] : [];
    const repository = livingRepository(view, key);
    if (isOutdated(request, repository)) return { records, answer: OUTDATED };
    if (!isCurrent()) {
      throw new GitStratumError("conflict", "Decide a push that was checked long ago");
    }
    if (repository.settings.archived === true) return { records, answer: archived(request) };
    const decided = yield* decideReferences(view.references(key.repositoryId), {
      commands: request.commands,
      atomic: request.atomic,
      head: repository.head,
      settings: repository.settings,
      denied: new Map([
        ...protectedReferencesOf(request, verdict, repository),
        ...nonFastForwardsOf(verdict, repository),
      ]),
      facts: verdict.facts,
      missing: verdict.missing,
    });
    const answer = resultOf(request, decided.rejections);
    if (decided.updates.length === 0) return { records, answer };
    if (isNoted) return { records: [], answer: refusedBefore(request, decided.rejections) };
    const needsGroup = decided.updates.some(({ new: oid }) => oid && verdict.inGroup.has(oid));
    const record: PushRecord = {
      kind: "push",
      repositoryId: key.repositoryId,
      networkId: key.networkId,
      pushId: request.pushId,
      atMs,
      commandCount: request.commands.length,
      updates: decided.updates.map((update) => withPeeled(update, verdict.facts)),
      rejections: decided.rejections,
      ...(needsGroup && request.group !== undefined ? { group: request.group } : {}),
      pushOptions: request.pushOptions,
      provenance: request.provenance,
    };
    return { records: [record], answer };
  };
}

/**
 * Decides nothing for a push that was refused before it could be decided, and notes that: a copy of it
 * that is still under way may find a repository that was brought back. The answer is what another copy
 * came to meanwhile, if one did.
 */
export function noteRefusal(
  key: RepositoryKey,
  request: PushRequest,
  atMs: number,
): Decide<PushResult | undefined> {
  return (view) => {
    const earlier = view.pushOutcome(key.repositoryId, request.pushId);
    if (earlier !== undefined) {
      return {
        records: [],
        answer: isNote(earlier) ? undefined : repeatedResult(request, earlier),
      };
    }
    const found = view.repository(key.repositoryId);
    // What is gone for good does not come back, and what is elsewhere is not this partition's.
    const isHere = found?.networkId === key.networkId;
    const isGone = found?.deleted === true && found.removedAtMs === undefined;
    return { records: isHere && !isGone ? [noteOf(key, request, atMs)] : [], answer: undefined };
  };
}

/** Whether a push was judged by what its repository is not any more. */
function isOutdated(
  { judged }: Pick<PushRequest, "judged">,
  repository: RepositoryState,
): boolean {
  if (judged === undefined) return false;
  return judged.name !== repository.name || judged.version !== repositoryVersion(repository);
}

/** Whether an outcome says no more than that a request changed nothing. */
export function isNote({ commandCount }: PushOutcome): boolean {
  return commandCount === 0;
}

function noteOf(
  { repositoryId }: RepositoryKey,
  { pushId }: PushRequest,
  atMs: number,
): LogRecord {
  const requestId = pushId as string as RequestId;
  return { kind: "request-noted", repositoryId, requestId, atMs };
}

/** What a push comes to that changed nothing and would by now: its caller was told, or has gone. */
function refusedBefore(
  request: Pick<PushRequest, "commands">,
  rejections: readonly Rejection[],
): PushResult {
  const reasons = new Map(rejections.map(({ index, reason }) => [index, reason]));
  const all = request.commands.map((_, index) => {
    return { index, reason: reasons.get(index) ?? "the same push was refused before" };
  });
  return resultOf(request, all);
}

function archived(request: PushRequest): PushResult {
  const reason = "the repository is archived";
  return resultOf(request, request.commands.map((_, index) => ({ index, reason })));
}

function nonFastForwardsOf(
  verdict: PushVerdict,
  { settings }: RepositoryState,
): ReadonlyMap<number, string> {
  if (!settings.denyNonFastForwards) return new Map();
  if (verdict.nonFastForwards !== undefined) return verdict.nonFastForwards;
  throw staleCheck();
}

/** Why rules for references deny commands, by the command's position. */
function* protectedReferencesOf(
  request: Pick<PushRequest, "commands" | "pusher">,
  verdict: PushVerdict,
  { settings }: RepositoryState,
): Generator<[number, string]> {
  const { protectedReferences: rules = [] } = settings;
  if (rules.length === 0) return;
  const { commands, pusher = NOBODY_IN_PARTICULAR } = request;
  for (const [index, command] of commands.entries()) {
    const facts = verdict.references?.get(index);
    if (verdict.missing.has(command.newOid)) continue;
    const asked = factsAsked(rules, command);
    if (asked.some((fact) => facts?.[fact] === undefined)) throw staleCheck();
    const denial = brokenReferenceRule(rules, changeOf(command, facts), pusher);
    if (denial !== undefined) {
      yield [index, `protected by ${denial.pattern}: ${DENIAL_TEXTS[denial.reason]}`];
    }
  }
}

function changeOf(command: ReferenceCommand, facts: ReferenceFacts = {}): ReferenceChange {
  const { name, oldOid, newOid } = command;
  if (isZeroOid(newOid)) return { name, kind: "delete" };
  const { isFastForward, ...known } = facts;
  if (isZeroOid(oldOid)) return { name, kind: "create", ...known };
  return { name, kind: isFastForward === true ? "fast-forward" : "force", ...known };
}

/** Settings changed between the check of a push and its decision: it has to be checked again. */
function staleCheck(): GitStratumError {
  return new GitStratumError("conflict", "Decide a push that was checked under older settings");
}

function withPeeled(
  update: ReferenceUpdate,
  facts: ReadonlyMap<Oid, TipFacts>,
): ReferenceUpdate {
  const peeled = update.new && facts.get(update.new)?.peeled;
  return peeled === undefined ? update : { ...update, peeled };
}

/** The result of a push whose commands were refused as listed. */
export function resultOf(
  request: Pick<PushRequest, "commands">,
  rejections: readonly Rejection[],
): PushResult {
  const reasons = new Map(rejections.map(({ index, reason }) => [index, reason]));
  return {
    results: request.commands.map(({ name }, index) => {
      const rejected = reasons.get(index);
      return rejected === undefined ? { name } : { name, rejected };
    }),
  };
}

/**
 * The result of a push that was committed earlier under the same id.
 *
 * @throws `invalid` when that one had other commands
 */
export function repeatedResult(
  request: Pick<PushRequest, "commands" | "pushId">,
  earlier: PushOutcome,
): PushResult {
  if (earlier.commandCount !== request.commands.length) {
    throw new GitStratumError("invalid", "Repeat a push with other commands", {
      data: { pushId: request.pushId },
    });
  }
  return resultOf(request, earlier.rejections);
}
