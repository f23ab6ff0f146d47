/**
 * {@link AccessView} in memory: all records with the ways to find them, kept up by changes.
 *
 * Every look-up takes constant time. The roles that the decision wants are made when they are first
 * asked for and kept until a grant there, or a user with a grant there, changes.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { WakeUps } from "../wake_ups.ts";
import type { RepositoryId } from "../rpc/ids.ts";
import {
  type AccessChange,
  type AccessRecord,
  foldedName,
  type GrantRecord,
  grantTargetKey,
  type IssuerRecord,
  type OpenPgpKeyRecord,
  type OwnerRecord,
  type RecordId,
  type RecordKey,
  recordKey,
  type TrustRecord,
  type UserId,
  type UserRecord,
} from "./access_record.ts";
import type { AccessTokenHash } from "./access_token.ts";
import type { AccessView } from "./access_view.ts";
import type { OwnerFacts } from "./operation.ts";
import type { AccountName } from "./principal.ts";
import { type ListedKind, RecordIndex } from "./record_index.ts";
import type { Role } from "./role.ts";

/** What many ask for who have nothing. */
const NO_ROLES: ReadonlyMap<AccountName, Role> = new Map();

/** All records in memory. */
export class MemoryAccessView implements AccessView {
  #index: RecordIndex;
  #revision = 0;
  readonly #roles = new Map<string, ReadonlyMap<AccountName, Role>>();
  readonly #newer = new WakeUps();

  /** Begins with some records, at revision 1; without any, knows nothing, at revision 0. */
  constructor(records: Iterable<AccessRecord> = []) {
    this.#index = indexOf(records);
    if (this.#index.count > 0) this.#revision = 1;
  }

  /** The revision of the newest change. */
  get revision(): number {
    return this.#revision;
  }

  /** How many records there are. */
  get recordCount(): number {
    return this.#index.count;
  }

  /**
   * Forgets everything and takes these records for what is known at a revision. Many records are best
   * put into an index beforehand, a few at a time.
   */
  replace(records: Iterable<AccessRecord> | RecordIndex, revision: number): void {
    this.#index = records instanceof RecordIndex ? records : indexOf(records);
    this.#roles.clear();
    // Older than what was known when the store was put back to an earlier state.
    this.#revision = revision;
    this.#newer.wake();
  }

  /** Makes changes, all of them before anybody asks again. */
  apply(changes: Iterable<AccessChange>, revision: number): void {
    for (const change of changes) {
      const key = change.kind === "put" ? recordKey(change.record) : change.key;
      this.#forgetRoles(this.#index.get(key));
      if (change.kind === "put") {
        this.#index.put(change.record);
        this.#forgetRoles(change.record);
      } else {
        this.#index.remove(key);
      }
    }
    this.#reach(revision);
  }

  /** One record. */
  get(key: RecordKey): AccessRecord | undefined {
    return this.#index.get(key);
  }

  /** Every record, in no order. */
  records(): IterableIterator<AccessRecord> {
    return this.#index.records();
  }

  /** The records of a kind that is listed as a whole, in no order. */
  ofKind<Kind extends ListedKind>(kind: Kind): readonly Extract<AccessRecord, { kind: Kind }>[] {
    return this.#index.ofKind(kind);
  }

  /** The records that name a user, besides the user's own, in no order. */
  recordsOfUser(user: UserId): readonly AccessRecord[] {
    return this.#index.ofHolder(`user/${user}`);
  }

  /** The records that name a repository alone: grants, deploy keys, trusts, tokens of jobs. */
  recordsOfRepository(repository: RepositoryId): readonly AccessRecord[] {
    return this.#index.ofHolder(`repository/${repository}`);
  }

  /** The grants on all of an owner's repositories, in no order. */
  grantsOnOwner(name: string): readonly GrantRecord[] {
    return this.#grantsOn(`owner/${foldedName(name)}`);
  }

  /** The tokens that were given by a trust, in no order. */
  recordsOfTrust(trust: RecordId): readonly AccessRecord[] {
    return this.#index.ofHolder(`trust/${trust}`);
  }

  /** See {@link AccessView.userById}. */
  userById(id: UserId): UserRecord | undefined {
    const record = this.#index.get(`user/${id}` as RecordKey);
    return record?.kind === "user" ? record : undefined;
  }

  /** See {@link AccessView.userByName}. */
  userByName(name: string): UserRecord | undefined {
    const record = this.#index.account(name);
    return record?.kind === "user" ? record : undefined;
  }

  /** See {@link AccessView.ownerByName}. */
  ownerByName(name: string): OwnerRecord | undefined {
    const record = this.#index.account(name);
    return record?.kind === "owner" ? record : undefined;
  }

  /** See {@link AccessView.tokenByHash}. */
  tokenByHash(hash: AccessTokenHash): ReturnType<AccessView["tokenByHash"]> {
    const token = this.#index.token(hash);
    return token !== undefined && this.isSupported(token) ? token : undefined;
  }

  /** See {@link AccessView.keyByFingerprint}. */
  keyByFingerprint(fingerprint: string): ReturnType<AccessView["keyByFingerprint"]> {
    const key = this.#index.key(fingerprint);
    return key !== undefined && this.isSupported(key) ? key : undefined;
  }

  /** See {@link AccessView.openPgpKey}. */
  openPgpKey(name: string): OpenPgpKeyRecord | undefined {
    const key = this.#index.openPgpKey(name);
    return key !== undefined && this.isSupported(key) ? key : undefined;
  }

  /** See {@link AccessView.grantsFor}. */
  grantsFor(user: UserId): readonly GrantRecord[] {
    return this.recordsOfUser(user).filter((record) => record.kind === "grant");
  }

  /** See {@link AccessView.ownerFacts}. */
  ownerFacts(name: AccountName): OwnerFacts {
    const account = this.#index.account(name);
    if (account?.name !== name) return { name, roles: NO_ROLES };
    return { name, roles: this.#rolesOn(`owner/${foldedName(name)}`) };
  }

  /** See {@link AccessView.repositoryRoles}. */
  repositoryRoles(repository: RepositoryId): ReadonlyMap<AccountName, Role> {
    return this.#rolesOn(`repository/${repository}`);
  }

  /** See {@link AccessView.issuerByUrl}. */
  issuerByUrl(url: string): IssuerRecord | undefined {
    return this.#index.issuer(url);
  }

  /** See {@link AccessView.trustsIn}. */
  trustsIn(issuer: RecordId): readonly TrustRecord[] {
    return this.#index.ofHolder(`issuer/${issuer}`).filter((record) => record.kind === "trust");
  }

  /** Whether what a record stands on is recorded, too. */
  isSupported(record: AccessRecord): boolean {
    switch (record.kind) {
      case "token":
      case "user-key":
      case "openpgp-key":
        return this.userById(record.user) !== undefined;
      case "grant":
        return this.userById(record.user) !== undefined &&
          (record.target.on === "repository" ||
            this.#index.account(record.target.owner) !== undefined);
      case "trust":
        return this.#index.get(`issuer/${record.issuer}` as RecordKey) !== undefined;
      case "job-token": {
        const trust = this.#index.get(`trust/${record.trust}` as RecordKey);
        return trust !== undefined && this.isSupported(trust);
      }
      case "user":
      case "owner":
      case "deploy-key":
      case "issuer":
        return true;
    }
  }

  /** See {@link AccessView.changed}. */
  async changed(knownRevision: number, signal: AbortSignal): Promise<number> {
    while (this.#revision === knownRevision) {
      if (signal.aborted) {
        throw new GitStratumError("aborted", "Wait no longer for a change of access records", {
          data: { knownRevision },
        });
      }
      await this.#newer.next(signal);
    }
    return this.#revision;
  }

  #grantsOn(target: string): readonly GrantRecord[] {
    return this.#index.ofHolder(target).filter((record) => record.kind === "grant");
  }

  #rolesOn(target: string): ReadonlyMap<AccountName, Role> {
    const known = this.#roles.get(target);
    if (known !== undefined) return known;
    const grants = this.#grantsOn(target);
    // Not kept: anybody may ask for owners without number who do not exist.
    if (grants.length === 0) return NO_ROLES;
    const roles = new Map<AccountName, Role>();
    for (const { user, role } of grants) {
      const name = this.userById(user)?.name;
      if (name !== undefined) roles.set(name, role);
    }
    this.#roles.set(target, roles);
    return roles;
  }

  /** Forgets the roles that were made with a record. */
  #forgetRoles(record: AccessRecord | undefined): void {
    if (record?.kind === "grant") this.#roles.delete(grantTargetKey(record.target));
    if (record?.kind !== "user") return;
    for (const { target } of this.grantsFor(record.id)) this.#roles.delete(grantTargetKey(target));
  }

  #reach(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    this.#newer.wake();
  }
}

function indexOf(records: Iterable<AccessRecord>): RecordIndex {
  const index = new RecordIndex();
  for (const record of records) index.put(record);
  return index;
}
