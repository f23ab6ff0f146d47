/**
 * Access records with the ways to find them: by key, by name, by secret, by what they name.
 *
 * @module
 */

import {
  type AccessRecord,
  type DeployKeyRecord,
  foldedName,
  grantTargetKey,
  type IssuerRecord,
  type JobTokenRecord,
  type OpenPgpKeyRecord,
  type OwnerRecord,
  type RecordKey,
  recordKey,
  type TokenRecord,
  type UserKeyRecord,
  type UserRecord,
} from "./access_record.ts";
import type { AccessTokenHash } from "./access_token.ts";

/** Kinds of which all records are asked for. */
export type ListedKind = "user" | "owner" | "issuer" | "job-token";

/** Finds records. */
export class RecordIndex {
  readonly #records = new Map<RecordKey, AccessRecord>();
  readonly #accounts = new Map<string, UserRecord | OwnerRecord>();
  readonly #tokens = new Map<AccessTokenHash, TokenRecord | JobTokenRecord>();
  readonly #keys = new Map<string, UserKeyRecord | DeployKeyRecord>();
  readonly #openPgpKeys = new Map<string, OpenPgpKeyRecord>();
  readonly #issuers = new Map<string, IssuerRecord>();
  readonly #held = new Map<string, Map<RecordKey, AccessRecord>>();

  /** How many records there are. */
  get count(): number {
    return this.#records.size;
  }

  /** One record. */
  get(key: RecordKey): AccessRecord | undefined {
    return this.#records.get(key);
  }

  /** Every record, in no order. */
  records(): IterableIterator<AccessRecord> {
    return this.#records.values();
  }

  /** The user or other owner of a name, in whatever case. */
  account(name: string): UserRecord | OwnerRecord | undefined {
    return this.#accounts.get(foldedName(name));
  }

  /** A token by its hash. */
  token(hash: AccessTokenHash): TokenRecord | JobTokenRecord | undefined {
    return this.#tokens.get(hash);
  }

  /** A key by its fingerprint. */
  key(fingerprint: string): UserKeyRecord | DeployKeyRecord | undefined {
    return this.#keys.get(fingerprint);
  }

  /** An OpenPGP key by its fingerprint, or by the id of one of its keys that may sign. */
  openPgpKey(name: string): OpenPgpKeyRecord | undefined {
    return this.#openPgpKeys.get(name);
  }

  /** An issuer by the claim `iss` of its tokens. */
  issuer(url: string): IssuerRecord | undefined {
    return this.#issuers.get(url);
  }

  /** The records of a kind that is listed as a whole; none of the other kinds. */
  ofKind<Kind extends ListedKind>(kind: Kind): readonly Extract<AccessRecord, { kind: Kind }>[] {
    return this.ofHolder(`kind/${kind}`) as readonly Extract<AccessRecord, { kind: Kind }>[];
  }

  /** The records that name something: `user/ID`, `owner/NAME`, `repository/ID`, … */
  ofHolder(holder: string): readonly AccessRecord[] {
    return [...this.#held.get(holder)?.values() ?? []];
  }

  /** Adds a record, in place of the one with its key. */
  put(record: AccessRecord): void {
    const key = recordKey(record);
    this.remove(key);
    this.#records.set(key, record);
    for (const holder of holdersOf(record)) {
      const held = this.#held.get(holder) ?? new Map();
      this.#held.set(holder, held.set(key, record));
    }
    const { map, names } = this.#namesFor(record);
    for (const name of names) map.set(name, record);
  }

  /** Takes a record away, if it is there. */
  remove(key: RecordKey): void {
    const record = this.#records.get(key);
    if (record === undefined) return;
    this.#records.delete(key);
    for (const holder of holdersOf(record)) {
      const held = this.#held.get(holder);
      held?.delete(key);
      if (held?.size === 0) this.#held.delete(holder);
    }
    const { map, names } = this.#namesFor(record);
    for (const name of names) {
      // Another record may have the name by now, when a change is told in parts.
      if (map.get(name) === record) map.delete(name);
    }
  }

  /** Where a record is found by other names than its key. */
  #namesFor(
    record: AccessRecord,
  ): { readonly map: Map<string, AccessRecord>; readonly names: readonly string[] } {
    switch (record.kind) {
      case "user":
      case "owner":
        return {
          map: this.#accounts as Map<string, AccessRecord>,
          names: [foldedName(record.name)],
        };
      case "token":
      case "job-token":
        return { map: this.#tokens as Map<string, AccessRecord>, names: [record.hash] };
      case "user-key":
      case "deploy-key":
        return { map: this.#keys as Map<string, AccessRecord>, names: [record.fingerprint] };
      case "openpgp-key":
        return {
          map: this.#openPgpKeys as Map<string, AccessRecord>,
          names: [record.fingerprint, ...record.keyIds],
        };
      case "issuer":
        return { map: this.#issuers as Map<string, AccessRecord>, names: [record.url] };
      case "grant":
      case "trust":
        return { map: new Map(), names: [] };
    }
  }
}

/** What a record names. */
function holdersOf(record: AccessRecord): readonly string[] {
  switch (record.kind) {
    case "token":
    case "user-key":
    case "openpgp-key":
      return [`user/${record.user}`];
    case "grant":
      return [`user/${record.user}`, grantTargetKey(record.target)];
    case "deploy-key":
      return [`repository/${record.repository}`];
    case "trust":
      return [`repository/${record.repository}`, `issuer/${record.issuer}`];
    case "job-token":
      return [`kind/job-token`, `repository/${record.repository}`, `trust/${record.trust}`];
    case "user":
    case "owner":
    case "issuer":
      return [`kind/${record.kind}`];
  }
}
