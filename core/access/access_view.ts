/**
 * The whole of the access records as a frontend knows them: a local copy, read synchronously on every
 * request, so that nothing waits for the control plane. {@link MemoryAccessView} is one; what it knows
 * may be a moment old.
 *
 * Invariant: what is found stands on its own. A token or key is told only while its user (or, for a
 * job's token, its trust and issuer) is recorded too; whether a user is disabled, a token expired or
 * not yet valid is for the reader to ask, because that depends on the time.
 *
 * @module
 */

import type { RepositoryId } from "../rpc/ids.ts";
import type {
  DeployKeyRecord,
  GrantRecord,
  IssuerRecord,
  JobTokenRecord,
  OpenPgpKeyRecord,
  OwnerRecord,
  RecordId,
  TokenRecord,
  TrustRecord,
  UserId,
  UserKeyRecord,
  UserRecord,
} from "./access_record.ts";
import type { AccessTokenHash } from "./access_token.ts";
import type { OwnerFacts } from "./operation.ts";
import type { AccountName } from "./principal.ts";
import type { Role } from "./role.ts";

/** Who may do what, as it is known here. */
export interface AccessView {
  /**
   * Grows with every change that is heard of; 0 = nothing was heard of yet. It goes back only when the
   * store was put back to an earlier state.
   */
  readonly revision: number;
  /** A user. */
  userById(id: UserId): UserRecord | undefined;
  /** A user by name, in whatever case; any text may be asked for. */
  userByName(name: string): UserRecord | undefined;
  /** An owner that is no user, by name, in whatever case. */
  ownerByName(name: string): OwnerRecord | undefined;
  /** The token with this hash, of a user or of a job. */
  tokenByHash(hash: AccessTokenHash): TokenRecord | JobTokenRecord | undefined;
  /** The key with this fingerprint (`SHA256:…`), of a user or of a repository. */
  keyByFingerprint(fingerprint: string): UserKeyRecord | DeployKeyRecord | undefined;
  /** The OpenPGP key with this fingerprint, or with a key of this id that may sign. */
  openPgpKey(name: string): OpenPgpKeyRecord | undefined;
  /** What a user was given, in no order. */
  grantsFor(user: UserId): readonly GrantRecord[];
  /**
   * What an owner is to the decision, ready to be handed in. An owner of whom nothing is recorded has
   * no roles; so has one that is spelled in another case than the account.
   */
  ownerFacts(name: AccountName): OwnerFacts;
  /** Roles in one repository alone, ready to be handed to the decision. */
  repositoryRoles(repository: RepositoryId): ReadonlyMap<AccountName, Role>;
  /** The issuer whose tokens have this claim `iss`. */
  issuerByUrl(url: string): IssuerRecord | undefined;
  /** Trusts in an issuer's tokens, in no order. */
  trustsIn(issuer: RecordId): readonly TrustRecord[];
  /**
   * Resolves with the revision once it is another than `knownRevision`: for those who hold on to
   * something for longer than one question, such as a connection.
   *
   * @throws `aborted` when the signal aborts
   */
  changed(knownRevision: number, signal: AbortSignal): Promise<number>;
}
