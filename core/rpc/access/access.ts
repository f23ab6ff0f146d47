/**
 * The contract of the access store: who writes and lists users, owners, tokens, keys and grants.
 *
 * Whether somebody may do so is decided by whoever calls, before the call. Reading on the path of a
 * request is no matter of this contract: frontends hold a copy of all records (`AccessView`).
 *
 * Everything is decided on the newest records, one change after the other. Every call may be repeated:
 * the caller draws ids, so that a second one finds what the first one did; only what was taken away is
 * not found by the second. Changes have a basis (`../control_basis.ts`), so that one that arrives again
 * undoes nothing: it rejects with `conflict` when somebody touched the same since. A call that rejects
 * with `unavailable` may or may not have happened.
 *
 * No secret travels. The caller draws tokens, too, and sends their hashes.
 *
 * @module
 */

import type {
  AccessRecord,
  ClaimRule,
  DeployKeyRecord,
  GrantRecord,
  GrantTarget,
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
} from "../../access/access_record.ts";
import type { AccessTokenHash } from "../../access/access_token.ts";
import type { Role } from "../../access/role.ts";
import type { RepositoryId } from "../ids.ts";
import type { Provenance } from "../metadata/provenance.ts";

/** The first administrator, with a token to begin with. */
export interface ClaimRequest {
  /** The id of the user who is to be made. */
  readonly user: UserId;
  /** The user's name. */
  readonly name: string;
  /** The id of the token. */
  readonly token: RecordId;
  /** The token's hash. */
  readonly hash: AccessTokenHash;
}

/** A user who is to be made. */
export interface CreateUserRequest {
  /** Drawn by the caller. */
  readonly id: UserId;
  /** Neither user nor owner has it, in whatever case. */
  readonly name: string;
  /** Whether they administer the server. */
  readonly administrator: boolean;
}

/** What is to become of a user; what is absent stays. */
export interface ChangeUserRequest {
  /** Who. */
  readonly user: UserId;
  /** Whether they administer the server. */
  readonly administrator?: boolean;
  /** Whether they are kept out. */
  readonly disabled?: boolean;
}

/** A token that is to be made. */
export interface CreateTokenRequest extends
  Pick<
    TokenRecord,
    "id" | "user" | "hash" | "label" | "scopes" | "repositories" | "notBeforeMs" | "expiresAtMs"
  > {}

/** What every key that is added has. */
export interface AddKeyRequest {
  /** Drawn by the caller. */
  readonly id: RecordId;
  /** One line as `ssh-keygen` writes it. */
  readonly key: string;
  /** What its holder calls it; the key's comment, unless told. */
  readonly label?: string;
  /** Wall time from which on it is good for nothing; absent = never. */
  readonly expiresAtMs?: number;
}

/** A user's key that is to be added. */
export interface AddUserKeyRequest extends AddKeyRequest {
  /** Whose. */
  readonly user: UserId;
}

/** A key of a repository that is to be added. */
export interface AddDeployKeyRequest extends AddKeyRequest {
  /** The only repository that it is for. */
  readonly repository: RepositoryId;
  /** What it may do there. */
  readonly role: DeployKeyRecord["role"];
}

/** An OpenPGP key of a user that is to be added. */
export interface AddOpenPgpKeyRequest {
  /** Drawn by the caller. */
  readonly id: RecordId;
  /** Whose. */
  readonly user: UserId;
  /** The public key, armoured, as `gpg --armor --export` writes it. */
  readonly key: string;
  /** What its holder calls it; the key's first user id, unless told. */
  readonly label?: string;
  /** Wall time from which on it is good for nothing; absent = never. */
  readonly expiresAtMs?: number;
}

/** A role that is to be given, in place of another on the same. */
export interface SetGrantRequest {
  /** To whom. */
  readonly user: UserId;
  /** Where. */
  readonly target: GrantTarget;
  /** Which. */
  readonly role: Role;
}

/** An issuer that is to be known. */
export interface CreateIssuerRequest
  extends Pick<IssuerRecord, "id" | "url" | "audience" | "keysUrl"> {}

/** A trust that is to be given. */
export interface CreateTrustRequest
  extends Pick<TrustRecord, "id" | "issuer" | "repository" | "role" | "label"> {
  /** All of them hold; at least one. */
  readonly claims: readonly ClaimRule[];
}

/** A job's token that is to be made: its issuer's token was found good and fits the trust. */
export interface CreateJobTokenRequest
  extends Pick<JobTokenRecord, "id" | "hash" | "trust" | "subject" | "label" | "expiresAtMs"> {}

/** A part of a listing. */
export interface PageRequest {
  /** What {@link Page.next} of the page before says; absent = the first page. */
  readonly after?: string;
  /** Records at most. */
  readonly limit?: number;
}

/** A part of a listing, in order of names or ids. */
export interface Page<T extends AccessRecord> {
  /** None twice over the pages, whatever changes meanwhile. */
  readonly records: readonly T[];
  /** Where the next page begins; absent on the last one. */
  readonly next?: string;
}

/** Whose records are listed. */
export interface OfUser extends PageRequest {
  /** The user. */
  readonly user: UserId;
}

/** Whose records are listed. */
export interface OfRepository extends PageRequest {
  /** The repository. */
  readonly repository: RepositoryId;
}

/** Which grants are listed: those that a user has, or those that hold somewhere. */
export type ListGrantsRequest =
  | OfUser
  | (PageRequest & { readonly target: GrantTarget });

/** What answers when nothing is to be told. */
export type Done = Readonly<Record<string, never>>;

/**
 * The access store. Every call also rejects with `unavailable` when the store can not decide. `by` says
 * who asked for a change: it is kept in the audit trail, with the change.
 */
export interface Access {
  /**
   * Makes the first administrator, if there is none; of all who ever claim, one succeeds. Who claims
   * again with the same ids is told the same.
   *
   * @throws `invalid`, `already-exists` when the name is taken by somebody who is no administrator
   */
  claimFirstAdministrator(
    request: ClaimRequest,
    by?: Provenance,
  ): Promise<{ readonly claimed: boolean }>;
  /** A user by name, in whatever case. @throws `not-found` */
  findUser(request: { readonly name: string }): Promise<UserRecord>;
  /** An owner that is no user, by name, in whatever case. @throws `not-found` */
  findOwner(request: { readonly name: string }): Promise<OwnerRecord>;
  /** Adds a user. @throws `invalid`, `already-exists` in whatever case, `exhausted` */
  createUser(request: CreateUserRequest, by?: Provenance): Promise<UserRecord>;
  /**
   * Changes a user. One who is disabled keeps everything, and may do nothing.
   *
   * @throws `not-found`; `denied` when no administrator who is not disabled were left
   */
  changeUser(request: ChangeUserRequest, by?: Provenance): Promise<UserRecord>;
  /**
   * Removes a user with their tokens, keys and grants, and all grants on what they own. From the first
   * moment they may do nothing. What was not finished is finished by the same call.
   *
   * @throws `not-found`; `denied` when no administrator were left
   */
  removeUser(request: { readonly user: UserId }, by?: Provenance): Promise<Done>;
  /** Adds an owner that is no user. @throws `invalid`, `already-exists`, `exhausted` */
  createOwner(request: { readonly name: string }, by?: Provenance): Promise<OwnerRecord>;
  /** Removes an owner with all grants on it; its repositories stay. @throws `not-found` */
  removeOwner(request: { readonly name: string }, by?: Provenance): Promise<Done>;
  /** Adds a token. @throws `not-found` without such a user, `invalid`, `exhausted` */
  createToken(request: CreateTokenRequest, by?: Provenance): Promise<TokenRecord>;
  /** Takes a token away. @throws `not-found` */
  removeToken(
    request: { readonly user: UserId; readonly id: RecordId },
    by?: Provenance,
  ): Promise<Done>;
  /**
   * Adds a key to a user.
   *
   * @throws `not-found`, `invalid` for no key or a weak one, `exhausted`
   * @throws `already-exists` when anybody or any repository has the key
   */
  addUserKey(request: AddUserKeyRequest, by?: Provenance): Promise<UserKeyRecord>;
  /** Takes a key away. @throws `not-found` */
  removeUserKey(
    request: { readonly user: UserId; readonly id: RecordId },
    by?: Provenance,
  ): Promise<Done>;
  /**
   * Adds an OpenPGP key to a user.
   *
   * @throws `not-found`, `exhausted`; `invalid` with the reason for what is no key that can sign now
   * @throws `already-exists` when anybody has the key, or one of its keys that sign
   * @throws `unsupported` while not all nodes of the cluster know such keys
   */
  addOpenPgpKey(request: AddOpenPgpKeyRequest, by?: Provenance): Promise<OpenPgpKeyRecord>;
  /** Takes an OpenPGP key away. @throws `not-found` */
  removeOpenPgpKey(
    request: { readonly user: UserId; readonly id: RecordId },
    by?: Provenance,
  ): Promise<Done>;
  /** Adds a key to a repository; that it exists is the caller's to know. @throws as for a user's */
  addDeployKey(request: AddDeployKeyRequest, by?: Provenance): Promise<DeployKeyRecord>;
  /** Takes a key away. @throws `not-found` */
  removeDeployKey(
    request: { readonly repository: RepositoryId; readonly id: RecordId },
    by?: Provenance,
  ): Promise<Done>;
  /**
   * Gives a role. That a repository exists is the caller's to know.
   *
   * @throws `not-found` without such a user or owner, `exhausted`
   */
  setGrant(request: SetGrantRequest, by?: Provenance): Promise<GrantRecord>;
  /** Takes a role away. @throws `not-found` */
  removeGrant(
    request: { readonly user: UserId; readonly target: GrantTarget },
    by?: Provenance,
  ): Promise<Done>;
  /** Takes away all that a repository has; for one that is gone. Nothing there is no error. */
  removeRepository(request: { readonly repository: RepositoryId }, by?: Provenance): Promise<Done>;
  /** Makes an issuer known. @throws `invalid`, `already-exists`, `exhausted` */
  createIssuer(request: CreateIssuerRequest, by?: Provenance): Promise<IssuerRecord>;
  /** Forgets an issuer, with all trusts in it and tokens given by them. @throws `not-found` */
  removeIssuer(request: { readonly id: RecordId }, by?: Provenance): Promise<Done>;
  /** Gives a trust. @throws `not-found` without such an issuer, `invalid`, `exhausted` */
  createTrust(request: CreateTrustRequest, by?: Provenance): Promise<TrustRecord>;
  /** Takes a trust away, with all tokens given by it. @throws `not-found` */
  removeTrust(
    request: { readonly repository: RepositoryId; readonly id: RecordId },
    by?: Provenance,
  ): Promise<Done>;
  /** Adds a job's token. @throws `not-found` without such a trust, `invalid`, `exhausted` */
  createJobToken(request: CreateJobTokenRequest, by?: Provenance): Promise<JobTokenRecord>;
  /** Users by name. */
  listUsers(request: PageRequest): Promise<Page<UserRecord>>;
  /** Owners that are no users, by name. */
  listOwners(request: PageRequest): Promise<Page<OwnerRecord>>;
  /** Issuers. */
  listIssuers(request: PageRequest): Promise<Page<IssuerRecord>>;
  /** Tokens of a user, expired ones included. @throws `not-found` without such a user */
  listTokens(request: OfUser): Promise<Page<TokenRecord>>;
  /** Keys of a user, expired ones included. @throws `not-found` without such a user */
  listUserKeys(request: OfUser): Promise<Page<UserKeyRecord>>;
  /** OpenPGP keys of a user, expired ones included. @throws `not-found` without such a user */
  listOpenPgpKeys(request: OfUser): Promise<Page<OpenPgpKeyRecord>>;
  /** Keys of a repository, expired ones included. */
  listDeployKeys(request: OfRepository): Promise<Page<DeployKeyRecord>>;
  /** Grants. @throws `not-found` without such a user or owner */
  listGrants(request: ListGrantsRequest): Promise<Page<GrantRecord>>;
  /** Trusts in tokens for a repository. */
  listTrusts(request: OfRepository): Promise<Page<TrustRecord>>;
}
