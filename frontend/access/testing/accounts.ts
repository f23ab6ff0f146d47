/**
 * A few accounts for tests: users, a team, tokens and keys, as records and as secrets.
 *
 * @module
 */

import { SeededRandom } from "@gitstratum/core";
import {
  type AccessRecord,
  type AccessToken,
  type AccountName,
  hashAccessToken,
  newAccessToken,
  newRecordId,
  newUserId,
  type RecordId,
  TOKEN_SCOPES,
  type TokenRecord,
  type UserRecord,
} from "@gitstratum/core/access";

const random = new SeededRandom(6);

/** A user. */
export function userRecord(name: string, more: Partial<UserRecord> = {}): UserRecord {
  return {
    kind: "user",
    id: newUserId(random),
    name: name as AccountName,
    administrator: false,
    disabled: false,
    createdAtMs: 0,
    ...more,
  };
}

/** A token of a user, good for everything unless told. */
export function tokenRecord(
  user: UserRecord,
  more: Partial<TokenRecord> = {},
): { readonly token: AccessToken; readonly record: TokenRecord } {
  const token = newAccessToken(random);
  const record: TokenRecord = {
    kind: "token",
    id: newRecordId(random),
    user: user.id,
    hash: hashAccessToken(token),
    label: "",
    scopes: TOKEN_SCOPES,
    createdAtMs: 0,
    ...more,
  };
  return { token, record };
}

/** A key, of a user or of a repository. */
export function keyRecord(
  fingerprint: string,
  holder:
    | { readonly kind: "user-key"; readonly user: UserRecord }
    | {
      readonly kind: "deploy-key";
      readonly repository: string;
      readonly role: "read" | "write";
    },
): AccessRecord & { readonly id: RecordId } {
  const key = {
    id: newRecordId(random),
    label: "",
    createdAtMs: 0,
    type: "ssh-ed25519",
    blob: "",
    fingerprint,
  };
  return holder.kind === "user-key"
    ? { ...key, kind: "user-key", user: holder.user.id }
    : { ...key, kind: "deploy-key", repository: holder.repository as never, role: holder.role };
}
