/**
 * Takes names for sagas, and finds out what became of names whose sagas a crash cut short.
 *
 * Invariant: a name is freed or handed on only when no repository lives under it, and none can come to
 * life under it by a claim that was made before.
 *
 * @module
 */

import { type Clock, GitStratumError, NAME_CLAIM_GRACE_MS } from "@gitstratum/core";
import type { DirectorySteps, NameClaim, NameDebt, NameEntry } from "./directory_steps.ts";
import type { NameState } from "../partition/partition_view.ts";

/** What a settlement stands on. */
export interface NameSettlementOptions {
  readonly steps: DirectorySteps;
  readonly clock: Pick<Clock, "nowMs">;
}

/** Names between their repositories. */
export class NameSettlement {
  readonly #options: NameSettlementOptions;

  /** Makes a settlement over the steps of sagas. */
  constructor(options: NameSettlementOptions) {
    this.#options = options;
  }

  /**
   * Takes a name, if need be from a holder that is none any more.
   *
   * @throws `already-exists` when another repository has it; `conflict` when the repository itself had
   * it after this claim was made
   */
  async claim(claim: NameClaim): Promise<NameState> {
    const { steps } = this.#options;
    let holder = await steps.claim(claim);
    if (holder.repositoryId !== claim.repositoryId && await this.#isLeftover(holder)) {
      await this.settle(holder);
      holder = await steps.claim(claim);
    }
    if (holder.repositoryId !== claim.repositoryId) {
      throw new GitStratumError("already-exists", "Create a repository under a taken name", {
        data: { name: claim.name },
      });
    }
    // A creation that is repeated may find what others made of the repository since.
    if (holder.version === claim.version || claim.version === 0) return holder;
    throw new GitStratumError("conflict", "Name a repository that was renamed meanwhile", {
      data: { name: claim.name },
    });
  }

  /** Confirms an entry whose repository lives under it; else lets it go, for good. */
  async settle(holder: NameState): Promise<void> {
    const { steps, clock } = this.#options;
    if (await steps.bar(holder)) return await steps.confirm(holder);
    const repository = await steps.repository(holder);
    if (repository !== undefined && !repository.deleted && holder.confirmed) {
      return await steps.move({ ...holder, atMs: clock.nowMs() });
    }
    await steps.release(holder);
    const isGone = repository?.deleted === true && repository.removedAtMs === undefined;
    if (isGone) await steps.finish(holder);
  }

  /** Tells the directory what became of a name that a repository had. */
  async pay(debt: NameDebt): Promise<void> {
    const { steps, clock } = this.#options;
    if (debt.moves) await steps.move({ ...debt, atMs: clock.nowMs() });
    else await steps.release(debt);
    await steps.settle(debt);
  }

  /** Frees the name of a repository that was deleted for good. */
  async finishDeletion(deleted: NameEntry): Promise<void> {
    const { steps } = this.#options;
    await steps.release(deleted);
    await steps.finish(deleted);
  }

  /** Whether a name is held by nothing that lives under it or is about to. */
  async #isLeftover(holder: NameState): Promise<boolean> {
    const { steps, clock } = this.#options;
    const repository = await steps.repository(holder);
    const isUsed = repository !== undefined && repository.nameVersion >= holder.version;
    if (!isUsed) return holder.atMs <= clock.nowMs() - NAME_CLAIM_GRACE_MS;
    return repository.deleted || repository.name !== holder.name;
  }
}
