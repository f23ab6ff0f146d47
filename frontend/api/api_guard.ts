/**
 * What the API asks before it does anything: who is this, and may they?
 *
 * @module
 */

import type {
  AccountName,
  Decision,
  OwnerOperation,
  Principal,
  RepositoryOperation,
} from "@gitstratum/core/access";
import type { ConnectionInfo } from "@gitstratum/core/process";
import type { Actor, RepositoryInfo } from "@gitstratum/core/rpc";

/** What somebody wants to do with what. */
export type ApiTarget =
  | {
    readonly on: "repository";
    readonly operation: RepositoryOperation;
    /** Undefined when there is no such repository. */
    readonly repository: RepositoryInfo | undefined;
  }
  | { readonly on: "owner"; readonly operation: OwnerOperation; readonly owner: AccountName }
  | { readonly on: "account"; readonly user: AccountName }
  | { readonly on: "server" };

/** Who asks. */
export interface ApiCaller {
  /** To the decision. */
  readonly principal: Principal;
  /** To those who keep what was done. */
  readonly actor: Actor;
}

/** Decides for the API. */
export interface ApiGuard {
  /** Who asks. @throws `unauthenticated` for credentials that are good for nothing */
  caller(request: Request, info: ConnectionInfo): Promise<ApiCaller>;
  /** Whether they may. */
  decide(principal: Principal, target: ApiTarget): Decision;
}
