/**
 * What may be asked for, each with the facts that its answer depends on.
 *
 * @module
 */

import type { RepositoryId } from "../rpc/ids.ts";
import type { AccountName } from "./principal.ts";
import type { ReferenceRule } from "./reference_rule.ts";
import type { Role, Visibility } from "./role.ts";

/** Operations on a repository and the role that each needs. */
export const REPOSITORY_OPERATIONS = {
  /** Clone, fetch, list references, download an archive. */
  "read": "read",
  /** Push, whichever references it names. */
  "write": "write",
  /** Read and change settings, visibility and rules for references. */
  "configure": "admin",
  /** Give and take roles and deploy keys. */
  "grant": "admin",
  /** Read who did what. */
  "audit": "admin",
  /** Delete, rename, transfer. */
  "delete": "admin",
} as const satisfies Readonly<Record<string, Role>>;

/** A name of {@link REPOSITORY_OPERATIONS}. */
export type RepositoryOperation = keyof typeof REPOSITORY_OPERATIONS;

/** Operations on an owner and the role among the owner's that each needs. */
export const OWNER_OPERATIONS = {
  /** Create a repository; a role that reads and writes all the owner's. */
  "create-repository": "write",
  /** Give and take roles in all the owner's repositories. */
  "manage-members": "admin",
} as const satisfies Readonly<Record<string, Role>>;

/** A name of {@link OWNER_OPERATIONS}. */
export type OwnerOperation = keyof typeof OWNER_OPERATIONS;

/** What an owner is to the decision. */
export interface OwnerFacts {
  /** The first part of its repositories' names. */
  readonly name: AccountName;
  /** Roles in all the owner's repositories. Who has the owner's name needs none. */
  readonly roles: ReadonlyMap<AccountName, Role>;
}

/** What a repository is to the decision. */
export interface RepositoryFacts {
  /** Survives a new name; a repository deleted and created again has another. */
  readonly id: RepositoryId;
  /** Whose it is. */
  readonly owner: OwnerFacts;
  /** Who reads it without a role. */
  readonly visibility: Visibility;
  /** Roles in this repository alone, on top of those that the owner gave. */
  readonly roles: ReadonlyMap<AccountName, Role>;
  /** Protected references. */
  readonly rules: readonly ReferenceRule[];
}

/** What a push does to one reference. */
export interface ReferenceChange {
  /** Full name. */
  readonly name: string;
  /** `force` = the old commit is no ancestor of the new one, or was not looked for. */
  readonly kind: "create" | "fast-forward" | "force" | "delete";
  /** No new commit is a merge; absent = nobody looked, which is taken for no. */
  readonly isLinear?: boolean;
  /** Every new commit has a good signature; absent = nobody looked, which is taken for no. */
  readonly isSigned?: boolean;
}

/** What somebody wants to do. A repository that does not exist is undefined. */
export type Operation =
  | {
    readonly on: "repository";
    readonly operation: RepositoryOperation;
    readonly repository: RepositoryFacts | undefined;
  }
  | {
    readonly on: "reference";
    readonly change: ReferenceChange;
    readonly repository: RepositoryFacts | undefined;
  }
  | { readonly on: "owner"; readonly operation: OwnerOperation; readonly owner: OwnerFacts }
  /** The keys and tokens of a user. */
  | { readonly on: "account"; readonly name: AccountName }
  /** Users, owners, the nodes. */
  | { readonly on: "server" };
