/**
 * Has a push whose pack is stored decided: asks the policy, says who pushes and what the push was judged
 * by, and does what is left to do before the metadata cluster commits it.
 *
 * Two things are put off until that cluster says that they matter, because mostly they do not: to look
 * the repository up once more where a push was told of it a moment ago, and to compare what the push
 * brings with what the network has under the same ids.
 *
 * Fault model: while the outcome of a commit is unknown it is asked for again with the same push id. A
 * push that is judged anew is another one.
 * A node of the release before knows nothing of what was put off, and is sent the push after it is done.
 *
 * @module
 */

import { assert, type Clock, hasCode, type Random } from "@gitstratum/core";
import type { PushCommands, PushOutcome } from "@gitstratum/core/protocol";
import {
  type CommandResult,
  isConditional,
  type JudgedRepository,
  type Metadata,
  newPushId,
  type PushId,
  type PushRequest,
  type PushResult,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import type { CommitSignatures } from "../access/commit_signatures.ts";
import type { PushPolicy } from "../events/push_policy.ts";
import type { IngestedPack, PackComparison } from "./ingest_pack.ts";
import type { RepositoryAccess } from "./repository_access.ts";
import type { SessionCaller } from "./session.ts";
import { isCallersFault, shownError } from "./shown_error.ts";

/** What a commit works with. */
export interface PushCommitOptions {
  readonly access: RepositoryAccess;
  readonly metadata: Metadata;
  readonly clock: Clock;
  readonly random: Random;
  /** For references that take signed commits only. */
  readonly signatures: CommitSignatures;
  /** Asked before each commit; absent = nobody is. */
  readonly policy?: PushPolicy;
}

/** A pack that is stored, or that there was none. */
export interface StoredPack extends Omit<IngestedPack, "warnings"> {
  /** Wall time before the first extent was written, in milliseconds. */
  readonly storedAfterMs: number;
}

/** By what a push is judged. */
export interface PushJudgement {
  readonly repository: RepositoryInfo;
  /** Says what it is, where it was not looked up for this push. */
  readonly judged?: JudgedRepository | undefined;
}

/** What became of a push. */
export interface CommitOutcome extends PushOutcome {
  /** What the policy says against it. */
  readonly refusal?: readonly string[];
}

/** In git's words, for each command of a push that the policy refuses. */
const POLICY_REASON = "pre-receive hook declined";
/** How often a commit whose outcome is unknown is asked again. */
const COMMIT_ATTEMPTS_MAX = 5;
const COMMIT_RETRY_MS = 200;
const AGENT_LENGTH_MAX = 200;

/** One push on its way to its decision. */
export class PushCommit {
  readonly #options: PushCommitOptions;
  readonly #push: PushCommands;
  readonly #conversation: SessionCaller;
  #pushId: PushId;

  /** Makes the commit of a push. */
  constructor(
    options: PushCommitOptions,
    push: PushCommands,
    conversation: SessionCaller,
  ) {
    this.#options = options;
    this.#push = push;
    this.#conversation = conversation;
    this.#pushId = newPushId(options.random);
  }

  /**
   * Has the push decided.
   *
   * @throws whatever leaves open whether it was committed
   */
  async run(judgement: PushJudgement, pack: StoredPack): Promise<CommitOutcome> {
    try {
      const refusal = await this.#refusal(judgement.repository);
      if (refusal === undefined) return await this.#decide(judgement, pack);
      return { results: rejectedAll(this.#push, POLICY_REASON), refusal };
    } catch (error) {
      // A final refusal committed nothing. Anything else leaves the outcome open: that is no report.
      if (!isCallersFault(error) && !hasCode(error, "conflict")) throw error;
      return { results: rejectedAll(this.#push, shownError(error)) };
    }
  }

  /** What the policy has to say against the push; undefined when it may be committed. */
  async #refusal(repository: RepositoryInfo): Promise<readonly string[] | undefined> {
    const { policy } = this.#options;
    if (policy === undefined) return undefined;
    const { commands, pushOptions } = this.#push;
    const { transport, remoteAddress, asker, signal } = this.#conversation;
    const by = { actor: asker.actor(), transport, remoteAddress };
    const verdict = await policy.ask({ repository, ...by, commands, pushOptions, signal });
    return verdict.allowed ? undefined : verdict.lines;
  }

  async #decide(judgement: PushJudgement, pack: StoredPack): Promise<CommitOutcome> {
    const { repository } = judgement;
    const { signatures, access } = this.#options;
    const ask = (request: PushRequest) => this.#ask(repository, request, pack.comparison);
    const request = this.#request(judgement, pack);
    const { results, known, outdated } = await signatures.decided(ask, request, repository);
    if (known === undefined && outdated === undefined) return { results };
    if (known !== undefined) {
      assert(pack.comparison !== undefined, "What was compared is not asked for again");
      const problem = await problemOf(pack.comparison, known);
      if (problem !== undefined) return unpackFailed(this.#push, problem);
    }
    const { comparison: _, ...compared } = pack;
    const next = known === undefined ? pack : compared;
    if (outdated === undefined) return await this.#decide(judgement, next);
    assert(judgement.judged !== undefined, "What was looked up for the push is not out of date");
    // Under the first id it is refused for good, so that no copy of it can be let in later.
    this.#pushId = newPushId(this.#options.random);
    const anew = await access.judgedAnew(repository, this.#conversation);
    return await this.run({ repository: anew }, next);
  }

  #request({ repository, judged }: PushJudgement, pack: StoredPack): PushRequest {
    const { clock, access } = this.#options;
    const { transport, remoteAddress, asker } = this.#conversation;
    const { commands, atomic, pushOptions, certificate, capabilities } = this.#push;
    const agent = capabilities.get("agent");
    return {
      pushId: this.#pushId,
      commands,
      atomic,
      pushOptions,
      ...storedParts(pack),
      provenance: {
        ...asker.actor(),
        transport,
        atMs: clock.nowMs(),
        ...(remoteAddress === undefined ? {} : { remoteAddress }),
        ...(agent === undefined ? {} : { agent: agent.slice(0, AGENT_LENGTH_MAX) }),
        ...(certificate === undefined ? {} : { certificate }),
      },
      // A long push may outlive its pusher's permission.
      pusher: access.pusher(repository, asker),
      ...(judged === undefined ? {} : { judged }),
    };
  }

  /** Asks for the decision; a node that can not go by what was put off has it all done. */
  async #ask(
    repository: RepositoryInfo,
    request: PushRequest,
    comparison: PackComparison | undefined,
  ): Promise<PushResult> {
    try {
      return await this.#repeated(repository, request);
    } catch (error) {
      if (!isConditional(request)) throw error;
      // What was removed since may have left its name to another repository.
      const isGone = hasCode(error, "not-found") && request.judged !== undefined;
      if (!isGone && !hasCode(error, "unsupported")) throw error;
      return {
        results: [],
        ...(request.judged === undefined ? {} : { outdated: true }),
        ...(isGone || comparison === undefined ? {} : { known: comparison.oids }),
      };
    }
  }

  /** Commits; while the outcome is unknown, asks again with the same push id. */
  async #repeated(repository: RepositoryInfo, request: PushRequest): Promise<PushResult> {
    const { metadata, clock } = this.#options;
    for (let attempt = 1;; attempt++) {
      try {
        return await metadata.push(repository, request);
      } catch (error) {
        assert(attempt <= COMMIT_ATTEMPTS_MAX, "Attempts are counted");
        if (!hasCode(error, "unavailable") || attempt === COMMIT_ATTEMPTS_MAX) throw error;
        await clock.sleep(COMMIT_RETRY_MS * 2 ** attempt);
      }
    }
  }
}

/** The same reason for each command. */
export function rejectedAll(push: PushCommands, reason: string): CommandResult[] {
  return push.commands.map(({ name }) => ({ name, rejected: reason }));
}

/** What is reported of a push whose pack is refused. */
export function unpackFailed(push: PushCommands, unpackError: string): PushOutcome {
  return { unpackError, results: rejectedAll(push, "unpacker error") };
}

/** Why a push must not be committed that brings what the network has already. */
async function problemOf(
  comparison: PackComparison,
  known: NonNullable<PushResult["known"]>,
): Promise<string | undefined> {
  try {
    await comparison.compare(known);
    return undefined;
  } catch (error) {
    if (!isCallersFault(error)) throw error;
    return shownError(error);
  }
}

/** What the metadata cluster is told of a pack that was stored. */
function storedParts(
  { group, index, comparison, storedAfterMs }: StoredPack,
): Pick<PushRequest, "group" | "freshIndex" | "uncompared"> {
  if (group === undefined) return {};
  return {
    group,
    ...(index === undefined ? {} : { freshIndex: { bytes: index, storedAfterMs } }),
    ...(comparison === undefined ? {} : { uncompared: true }),
  };
}
