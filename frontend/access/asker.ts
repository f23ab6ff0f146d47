/**
 * Somebody who asks for something, for as long as their request or connection lasts.
 *
 * Who they are is found out anew at each question, by the records of that moment: a credential that
 * was taken away is worth nothing from then on, also to somebody who showed it an hour ago.
 *
 * @module
 */

import { type Clock, GitStratumError } from "@gitstratum/core";
import { type AccessView, ANONYMOUS, type Principal, UNGUARDED } from "@gitstratum/core/access";
import type { Actor } from "@gitstratum/core/rpc";
import type { CredentialProblem, CredentialVerdict } from "./credential_verdict.ts";

/** Who asks. */
export interface Asker {
  /** To the decision. @throws `unauthenticated` when their credential has lost its worth */
  principal(): Principal;
  /** To those who keep what was done. @throws as {@link principal} */
  actor(): Actor;
  /** Whether they have a credential, which may lose its worth. */
  readonly hasCredential: boolean;
  /**
   * Resolves when their credential has lost its worth, or what it was shown for is not allowed any more,
   * or never. `mayGoOn` is asked whenever records of accounts changed.
   *
   * @throws what the signal says when it aborts first
   */
  lost(signal: AbortSignal, mayGoOn?: () => boolean): Promise<void>;
}

/** What somebody is told whose credential is good for nothing. */
const PROBLEM_TEXTS: Readonly<Record<CredentialProblem, string>> = {
  "malformed": "it is no token of this server",
  "unknown": "it is not known, or not any more",
  "expired": "it has expired",
  "not-yet-valid": "it is not valid yet",
  "disabled": "its user is disabled",
  "other-user": "it belongs to another user than was given",
};

/** A refusal of a credential. */
export function credentialRefused(problem: CredentialProblem): GitStratumError {
  return new GitStratumError("unauthenticated", "Refuse the credential", {
    data: { reason: PROBLEM_TEXTS[problem] },
  });
}

/** Somebody who showed nothing, or of whom nothing is asked. */
class UnchangingAsker implements Asker {
  readonly hasCredential = false;
  readonly #principal: Principal;
  readonly #actor: Actor;

  constructor(principal: Principal, actor: Actor) {
    this.#principal = principal;
    this.#actor = actor;
  }

  principal(): Principal {
    return this.#principal;
  }

  actor(): Actor {
    return this.#actor;
  }

  lost(signal: AbortSignal): Promise<void> {
    return new Promise((_, reject) => {
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }
}

/** Somebody who showed nothing. */
export const ANONYMOUS_ASKER: Asker = new UnchangingAsker(ANONYMOUS, {});

/** Somebody of whom a server without accounts asks nothing, by the name they go by, if any. */
export function unguardedAsker(user?: string): Asker {
  return new UnchangingAsker(UNGUARDED, user === undefined ? {} : { user });
}

/** What an asker with a credential stands on. */
export interface CredentialAskerOptions {
  readonly view: AccessView;
  readonly clock: Pick<Clock, "nowMs">;
  /** What the credential is worth. */
  verdict(view: AccessView, nowMs: number): CredentialVerdict;
}

/** Somebody who showed a credential. */
export class CredentialAsker implements Asker {
  readonly hasCredential = true;
  readonly #options: CredentialAskerOptions;

  /** Makes an asker; whether the credential is worth anything shows when they ask. */
  constructor(options: CredentialAskerOptions) {
    this.#options = options;
  }

  /** What the credential is worth now. */
  verdict(): CredentialVerdict {
    const { view, clock, verdict } = this.#options;
    return verdict(view, clock.nowMs());
  }

  /** See {@link Asker.principal}. */
  principal(): Principal {
    return this.#holder().principal;
  }

  /** See {@link Asker.actor}. */
  actor(): Actor {
    return this.#holder().actor;
  }

  /** See {@link Asker.lost}. Whoever only comes to the end of their time is not told. */
  async lost(signal: AbortSignal, mayGoOn: () => boolean = () => true): Promise<void> {
    const { view } = this.#options;
    let revision = view.revision;
    while (this.verdict().kind === "good" && mayGoOn()) {
      revision = await view.changed(revision, signal);
    }
  }

  #holder() {
    const verdict = this.verdict();
    if (verdict.kind === "bad") throw credentialRefused(verdict.problem);
    return verdict;
  }
}
