/**
 * Where the frontend asks whether somebody may do something: gathers the facts that the one decision
 * wants, and turns its denials into what the asker is told.
 *
 * Whoever is anonymous is asked to authenticate, whether there is something or not. To others, what is
 * hidden is not found, in the words for what is not there.
 *
 * @module
 */

import { assert, type Clock, type ErrorData, GitStratumError, unreachable } from "@gitstratum/core";
import {
  type AccessView,
  type AccountName,
  decide,
  type Decision,
  type DenialReason,
  type Denied,
  type OpenPgpKeyRecord,
  type Operation,
  type OwnerFacts,
  type OwnerOperation,
  parseAccountName,
  type Principal,
  type Pusher,
  pusherOf,
  type RepositoryFacts,
  type RepositoryOperation,
  type Role,
  roleInRepository,
} from "@gitstratum/core/access";
import type { RepositoryInfo, RepositoryName } from "@gitstratum/core/rpc";
import { keyVerdict, openPgpKeyOfUser } from "./credential_verdict.ts";

/** What somebody wants to do with what. */
export type AccessTarget =
  | {
    readonly on: "repository";
    readonly operation: RepositoryOperation;
    /** Undefined when there is no such repository. */
    readonly repository: RepositoryInfo | undefined;
  }
  | { readonly on: "owner"; readonly operation: OwnerOperation; readonly owner: AccountName }
  | { readonly on: "account"; readonly user: AccountName }
  | { readonly on: "server" };

/** What the gate stands on. */
export interface AccessGateOptions {
  /** What is recorded of accounts; absent on a server without them. */
  readonly view?: AccessView;
  readonly clock: Pick<Clock, "nowMs">;
}

const NO_ROLES: ReadonlyMap<AccountName, Role> = new Map();

/** Asks the decision. */
export class AccessGate {
  readonly #options: AccessGateOptions;

  /** Makes a gate. */
  constructor(options: AccessGateOptions) {
    this.#options = options;
  }

  /** Whether somebody may. */
  decide(principal: Principal, target: AccessTarget): Decision {
    return decide(principal, this.#operation(target), { nowMs: this.#options.clock.nowMs() });
  }

  /**
   * Lets somebody through, or does not.
   *
   * @throws `unauthenticated` when they are anonymous and may not; `not-found` when they may not know
   * of it; `denied` when they may know but not do it. `data` says what was looked for
   */
  check(principal: Principal, target: AccessTarget, data: ErrorData): void {
    const decision = this.decide(principal, target);
    if (!decision.allowed) throw denialError(principal, decision, { target, data });
  }

  /**
   * Somebody who may push to a repository, as rules for references see them.
   *
   * @throws as {@link check}
   */
  pusher(principal: Principal, repository: RepositoryInfo): Pusher {
    const { name } = repository;
    this.check(principal, { on: "repository", operation: "write", repository }, { name });
    const role = roleInRepository(principal, this.#repositoryFacts(repository));
    assert(role !== undefined, "Whoever may write has a role");
    return pusherOf(principal, role);
  }

  /** Whether a key stands for a user now; on a server without accounts, none does. */
  isUsersKey(fingerprint: string): boolean {
    const { view, clock } = this.#options;
    if (view === undefined) return false;
    const verdict = keyVerdict(view, fingerprint, clock.nowMs());
    return verdict.kind === "good" && verdict.principal.kind === "user";
  }

  /** The user's OpenPGP key that has a key of this id, if it stands for them now. */
  usersOpenPgpKey(keyId: string): OpenPgpKeyRecord | undefined {
    const { view, clock } = this.#options;
    return view && openPgpKeyOfUser(view, keyId, clock.nowMs());
  }

  #operation(target: AccessTarget): Operation {
    switch (target.on) {
      case "repository": {
        const { operation, repository } = target;
        const facts = repository === undefined ? undefined : this.#repositoryFacts(repository);
        return { on: "repository", operation, repository: facts };
      }
      case "owner":
        return { ...target, owner: this.#ownerFacts(target.owner) };
      case "account":
        return { on: "account", name: target.user };
      case "server":
        return target;
      default:
        return unreachable(target);
    }
  }

  #ownerFacts(name: AccountName): OwnerFacts {
    return this.#options.view?.ownerFacts(name) ?? { name, roles: NO_ROLES };
  }

  #repositoryFacts(repository: RepositoryInfo): RepositoryFacts {
    const { repositoryId, settings } = repository;
    return {
      id: repositoryId,
      owner: this.#ownerFacts(ownerOf(repository.name)),
      visibility: settings.visibility ?? "private",
      roles: this.#options.view?.repositoryRoles(repositoryId) ?? NO_ROLES,
      rules: settings.protectedReferences ?? [],
    };
  }
}

/** That a repository of this name is made. */
export function creationAt(name: RepositoryName): AccessTarget {
  return { on: "owner", operation: "create-repository", owner: ownerOf(name) };
}

/** The account whose repository it is, or would be. */
function ownerOf(name: RepositoryName): AccountName {
  return parseAccountName(name.slice(0, name.indexOf("/")));
}

/** What somebody is told who may not. */
function denialError(
  principal: Principal,
  denied: Denied,
  asked: { readonly target: AccessTarget; readonly data: ErrorData },
): GitStratumError {
  const { target, data } = asked;
  if (principal.kind === "anonymous") {
    return new GitStratumError("unauthenticated", "Authenticate to go on", { data });
  }
  if (denied.as === "forbidden") {
    return new GitStratumError("denied", FORBIDDEN[target.on], {
      data: { ...data, reason: REASONS[denied.reason] },
    });
  }
  switch (target.on) {
    case "repository":
      return new GitStratumError("not-found", "Find no such repository", { data });
    case "owner":
      return new GitStratumError("not-found", "Find no such owner", { data });
    case "account":
      return new GitStratumError("not-found", "Find no such user", { data });
    case "server":
      return new GitStratumError("not-found", "Find no such thing", { data });
    default:
      return unreachable(target);
  }
}

const FORBIDDEN: Readonly<Record<AccessTarget["on"], string>> = {
  repository: "Lack the permission for this in the repository",
  owner: "Lack the permission for this with the owner",
  account: "Lack the permission for this with the user",
  server: "Lack the permission to administer the server",
};

const RULE = "a rule for the reference denies it";

/** Reasons for those who may know. */
const REASONS: Readonly<Record<DenialReason, string>> = {
  "unknown": "it is not there",
  "role": "your role, or what your token is for, is not enough",
  "expired": "your token has expired",
  "reference-pushers": RULE,
  "reference-delete": RULE,
  "reference-force": RULE,
  "reference-history": RULE,
  "reference-signature": RULE,
};
