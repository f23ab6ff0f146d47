/**
 * Who asks: the outcome of authentication, and all that the decision knows of the asker.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import type { RepositoryId } from "../rpc/ids.ts";
import { parseRepositoryName } from "../rpc/repository/repository_name.ts";
import type { Role, TokenScope } from "./role.ts";

/** The name of a user or of another owner of repositories: the first part of their names. */
export type AccountName = string & { readonly __brand: "AccountName" };

/** How a user showed who they are. */
export type Credential =
  /** A key that is as good as its user. */
  | { readonly kind: "ssh-key"; readonly id: string }
  /** A token, which may be good for less than its user. */
  | {
    readonly kind: "token";
    readonly id: string;
    /** What it may be used for. */
    readonly scopes: readonly TokenScope[];
    /** The only repositories that it is for; absent = all. Then it is for nothing else. */
    readonly repositories?: readonly RepositoryId[];
    /** Wall time from which on it is good for nothing, in milliseconds since the epoch. */
    readonly expiresAtMs?: number;
  };

/** Who asks. */
export type Principal =
  | { readonly kind: "anonymous" }
  /** Whoever reaches a server that asks nobody who they are. They may do everything. */
  | { readonly kind: "unguarded" }
  | {
    readonly kind: "user";
    readonly name: AccountName;
    /** Whether they administer the server, and with it every repository. */
    readonly administrator: boolean;
    readonly credential: Credential;
  }
  /** A key of one repository, of no user. */
  | {
    readonly kind: "deploy-key";
    readonly id: string;
    readonly repository: RepositoryId;
    readonly role: Exclude<Role, "admin">;
  };

/** Somebody who has shown nothing. */
export const ANONYMOUS: Principal = { kind: "anonymous" };
/** Somebody whom a server without accounts lets do everything. */
export const UNGUARDED: Principal = { kind: "unguarded" };

/**
 * Checks the name of a user or an owner: what may be the first part of a repository's name.
 *
 * @throws `invalid` with the reason
 */
export function parseAccountName(text: string): AccountName {
  try {
    parseRepositoryName(`${text}/repository`);
  } catch (cause) {
    if (!(cause instanceof GitStratumError)) throw cause;
    throw new GitStratumError("invalid", "Reject the name of an account", {
      data: { name: text.slice(0, 120), reason: cause.data.reason },
      cause,
    });
  }
  return text as AccountName;
}
