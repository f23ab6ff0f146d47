/**
 * Users and their tokens in the consensus store.
 *
 * | key | value |
 * | --- | --- |
 * | `access/users/NAME` | name as written, whether administrator, number of tokens |
 * | `access/tokens/NAME/ID` | hash, label, scopes, repositories, times |
 *
 * NAME is in lower case, so that no two users differ in case alone. Every change of a user's tokens
 * also rewrites the user, by compare-and-swap: the number of tokens is exact, and a user who is removed
 * leaves none, not even one that was being made. Of a token only its hash is stored.
 *
 * A call that rejects with `unavailable` may or may not have happened. A token that was made then is
 * known to nobody; it is listed and can be revoked.
 *
 * @module
 */

import { type Clock, GitStratumError, type Random, randomId } from "@gitstratum/core";
import {
  type AccessToken,
  type AccessTokenHash,
  type AccountName,
  hashAccessToken,
  isAccessTokenHash,
  newAccessToken,
  parseAccountName,
  TOKEN_SCOPES,
  type TokenScope,
} from "@gitstratum/core/access";
import {
  type Consensus,
  type KeyValue,
  prefixRange,
  type Transaction,
} from "@gitstratum/core/consensus";
import { parseRepositoryId, type RepositoryId } from "@gitstratum/core/rpc";
import { z } from "zod";
import { decodeJson, encodeJson } from "../stored_json.ts";

/** Tokens of one user: each frontend holds all of them. */
export const USER_TOKEN_COUNT_MAX = 256;
/** Repositories that one token names. */
export const TOKEN_REPOSITORY_COUNT_MAX = 100;
/** Longest label of a token in characters. */
export const TOKEN_LABEL_LENGTH_MAX = 100;
/** Rounds against others who change the same user at the same time. */
const CONTENTION_ROUND_COUNT_MAX = 20;

const USERS_PREFIX = "access/users/";
const TOKENS_PREFIX = "access/tokens/";
const TOKEN_ID = /^[0-9a-f]{32}$/;

/** A user as it is stored. */
export interface UserRecord {
  /** As its first writer spelled it. */
  readonly name: AccountName;
  /** Whether they administer the server. */
  readonly administrator: boolean;
  /** Tokens that exist, expired ones included. */
  readonly tokenCount: number;
}

/** A token as it is stored. */
export interface TokenRecord {
  /** 32 hexadecimal digits: names the token where the token itself must not stand. */
  readonly id: string;
  /** Whose it is. */
  readonly user: AccountName;
  /** SHA-256. */
  readonly hash: AccessTokenHash;
  /** What its user calls it. */
  readonly label: string;
  /** What it may be used for. */
  readonly scopes: readonly TokenScope[];
  /** The only repositories that it is for; absent = all. */
  readonly repositories?: readonly RepositoryId[] | undefined;
  /** Wall time of its making, in milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Wall time from which on it is good for nothing. */
  readonly expiresAtMs?: number | undefined;
}

/** What a new token is to be. */
export type TokenRequest = Pick<TokenRecord, "label" | "scopes" | "repositories" | "expiresAtMs">;

const accountName = z.string().transform(parseAccountName);
const userSchema: z.ZodType<UserRecord> = z.strictObject({
  name: accountName,
  administrator: z.boolean(),
  tokenCount: z.number().int().min(0).max(USER_TOKEN_COUNT_MAX),
});
const requestShape = {
  label: z.string().max(TOKEN_LABEL_LENGTH_MAX),
  scopes: z.array(z.enum(TOKEN_SCOPES)).max(TOKEN_SCOPES.length),
  repositories: z.array(z.string().transform(parseRepositoryId)).max(TOKEN_REPOSITORY_COUNT_MAX)
    .optional(),
  expiresAtMs: z.number().int().min(0).optional(),
};
const requestSchema: z.ZodType<TokenRequest> = z.strictObject(requestShape);
const tokenSchema: z.ZodType<TokenRecord> = z.strictObject({
  id: z.string().regex(TOKEN_ID),
  user: accountName,
  hash: z.custom<AccessTokenHash>((text) => typeof text === "string" && isAccessTokenHash(text)),
  createdAtMs: z.number().int(),
  ...requestShape,
});

/** The store of users and tokens. */
export class AccessStore {
  readonly #consensus: Consensus;
  readonly #clock: Clock;
  readonly #random: Random;

  /** Works on `consensus`; nothing is kept in memory. */
  constructor(
    consensus: Consensus,
    options: { readonly clock: Clock; readonly random: Random },
  ) {
    this.#consensus = consensus;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Adds a user. @throws `invalid` for a bad name, `already-exists`, in whatever case */
  async createUser(
    name: string,
    options: { readonly administrator: boolean },
  ): Promise<UserRecord> {
    const user = { name: parseAccountName(name), ...options, tokenCount: 0 };
    const key = userKey(user.name);
    const { succeeded } = await this.#consensus.transact({
      compares: [{ key, target: "version", operator: "=", value: 0 }],
      then: [{ kind: "put", key, value: encodeJson(user) }],
    });
    if (succeeded) return user;
    throw new GitStratumError("already-exists", "Find the user there already", { data: { name } });
  }

  /** Removes a user with all their tokens. @throws `not-found` */
  async removeUser(name: string): Promise<void> {
    await this.#changeUser(name, () => ({
      then: [
        { kind: "delete", key: userKey(name) },
        { kind: "deleteRange", ...prefixRange(tokensPrefix(name)) },
      ],
    }));
  }

  /**
   * Makes a token. The answer is the only place where it ever stands.
   *
   * @throws `not-found` without such a user, `invalid`, `exhausted` when the user has too many
   */
  async createToken(
    userName: string,
    request: TokenRequest,
  ): Promise<{ readonly token: AccessToken; readonly record: TokenRecord }> {
    const checked = requestSchema.safeParse(request);
    if (!checked.success) {
      const reason = checked.error.issues[0]?.message;
      throw new GitStratumError("invalid", "Reject token request", { data: { reason } });
    }
    const token = newAccessToken(this.#random);
    const id = randomId(this.#random);
    const user = await this.#changeUser(userName, (user) => {
      if (user.tokenCount >= USER_TOKEN_COUNT_MAX) {
        throw new GitStratumError("exhausted", "Have too many tokens", {
          data: { user: user.name, countMax: USER_TOKEN_COUNT_MAX },
        });
      }
      const record = this.#record(user, { id, token, request: checked.data });
      return {
        then: [
          putUser({ ...user, tokenCount: user.tokenCount + 1 }),
          { kind: "put", key: tokensPrefix(userName) + id, value: encodeJson(record) },
        ],
      };
    });
    return { token, record: this.#record(user, { id, token, request: checked.data }) };
  }

  /** Takes a token away. @throws `not-found` without such a user or token */
  async revokeToken(userName: string, id: string): Promise<void> {
    const missing = new GitStratumError("not-found", "Find no such token", {
      data: { user: userName.slice(0, 120), id: id.slice(0, 80) },
    });
    if (!TOKEN_ID.test(id)) throw missing;
    const key = tokensPrefix(parseAccountName(userName)) + id;
    await this.#changeUser(userName, async (user) => {
      if (await this.#consensus.get(key) === undefined) throw missing;
      return {
        compares: [{ key, target: "version", operator: ">", value: 0 }],
        then: [putUser({ ...user, tokenCount: user.tokenCount - 1 }), { kind: "delete", key }],
      };
    });
  }

  /** A user. @throws `invalid` for what is no name, `corrupt` */
  async findUser(name: string): Promise<UserRecord | undefined> {
    const entry = await this.#consensus.get(userKey(parseAccountName(name)));
    return entry && decodeJson(entry, userSchema);
  }

  /** The tokens of a user, in order of their ids; none of a user who does not exist. */
  async listTokens(userName: string): Promise<readonly TokenRecord[]> {
    const prefix = tokensPrefix(parseAccountName(userName));
    const { entries } = await this.#consensus.range(prefixRange(prefix));
    return entries.map((entry) => decodeJson(entry, tokenSchema));
  }

  #record(
    user: UserRecord,
    made: { readonly id: string; readonly token: AccessToken; readonly request: TokenRequest },
  ): TokenRecord {
    const hash = hashAccessToken(made.token);
    const createdAtMs = Math.floor(this.#clock.nowMs());
    return { id: made.id, user: user.name, hash, createdAtMs, ...made.request };
  }

  /** Applies a change that holds only for the user as it was read; reads again when it was not. */
  async #changeUser(
    name: string,
    change: (user: UserRecord) => Partial<Transaction> | Promise<Partial<Transaction>>,
  ): Promise<UserRecord> {
    const key = userKey(parseAccountName(name));
    for (let round = 0; round < CONTENTION_ROUND_COUNT_MAX; round++) {
      const entry: KeyValue | undefined = await this.#consensus.get(key);
      if (entry === undefined) {
        throw new GitStratumError("not-found", "Find no such user", { data: { name } });
      }
      const user = decodeJson(entry, userSchema);
      const { compares = [], then = [] } = await change(user);
      const { succeeded } = await this.#consensus.transact({
        compares: [
          { key, target: "modRevision", operator: "=", value: entry.modRevision },
          ...compares,
        ],
        then,
      });
      if (succeeded) return user;
    }
    throw new GitStratumError("unavailable", "Meet too many others who change the user", {
      data: { name },
    });
  }
}

function userKey(name: string): string {
  return USERS_PREFIX + name.toLowerCase();
}

function tokensPrefix(name: string): string {
  return `${TOKENS_PREFIX}${name.toLowerCase()}/`;
}

function putUser(user: UserRecord) {
  return { kind: "put", key: userKey(user.name), value: encodeJson(user) } as const;
}
