/**
 * What a token or a key is worth at a moment, by the access records.
 *
 * Pure: the same records and the same time give the same verdict. Reasons are for whoever holds the
 * credential, and for counting; somebody without one learns only that they need one.
 *
 * @module
 */

import { unreachable } from "@gitstratum/core";
import {
  type AccessTokenHash,
  type AccessView,
  foldedName,
  type OpenPgpKeyRecord,
  type Principal,
  type UserRecord,
} from "@gitstratum/core/access";
import { type Actor, actorOf } from "@gitstratum/core/rpc";

/** Why a credential is good for nothing. */
export type CredentialProblem =
  /** It is not of the form that this server gives out. */
  | "malformed"
  /** Nobody has it, or nobody has it any more. */
  | "unknown"
  | "expired"
  | "not-yet-valid"
  /** Its user is kept out. */
  | "disabled"
  /** It is another user's than was said. */
  | "other-user";

/** Who stands behind a credential. */
export interface CredentialHolder {
  /** To the decision. */
  readonly principal: Principal;
  /** To those who keep what was done. */
  readonly actor: Actor;
}

/** What a credential is worth. */
export type CredentialVerdict =
  | ({ readonly kind: "good" } & CredentialHolder)
  | { readonly kind: "bad"; readonly problem: CredentialProblem };

/** When a credential is good. */
interface Period {
  readonly notBeforeMs?: number;
  readonly expiresAtMs?: number;
}

const bad = (problem: CredentialProblem): CredentialVerdict => ({ kind: "bad", problem });

/** What a token is worth at a wall time in milliseconds since the epoch. */
export function tokenVerdict(
  view: AccessView,
  shown: { readonly hash: AccessTokenHash; readonly user?: string },
  nowMs: number,
): CredentialVerdict {
  const record = view.tokenByHash(shown.hash);
  if (record === undefined) return bad("unknown");
  const problem = periodProblem(record, nowMs);
  if (problem !== undefined) return bad(problem);
  if (record.kind === "job-token") {
    // A job is no user, so that any user's name is a wrong one.
    if (shown.user !== undefined) return bad("other-user");
    const { id, repository, role } = record;
    const principal = { kind: "deploy-key", id, repository, role } as const;
    return { kind: "good", principal, actor: { credential: { kind: "token", id } } };
  }
  const { id, scopes, repositories, expiresAtMs } = record;
  const user = view.userById(record.user);
  if (user === undefined) return bad("unknown");
  if (shown.user !== undefined && foldedName(shown.user) !== foldedName(user.name)) {
    return bad("other-user");
  }
  return userVerdict(user, {
    kind: "token",
    id,
    scopes,
    ...(repositories === undefined ? {} : { repositories }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  });
}

/** What a public key is worth whose private half was shown to be there. */
export function keyVerdict(
  view: AccessView,
  fingerprint: string,
  nowMs: number,
): CredentialVerdict {
  const record = view.keyByFingerprint(fingerprint);
  if (record === undefined) return bad("unknown");
  const problem = periodProblem(record, nowMs);
  if (problem !== undefined) return bad(problem);
  const { id } = record;
  switch (record.kind) {
    case "deploy-key": {
      const { repository, role } = record;
      const principal = { kind: "deploy-key", id, repository, role } as const;
      return { kind: "good", principal, actor: actorOf(principal) };
    }
    case "user-key": {
      const user = view.userById(record.user);
      return user === undefined ? bad("unknown") : userVerdict(user, { kind: "ssh-key", id });
    }
    default:
      return unreachable(record);
  }
}

/** The OpenPGP key with a key of this id that stands for a user now; undefined when none does. */
export function openPgpKeyOfUser(
  view: AccessView,
  keyId: string,
  nowMs: number,
): OpenPgpKeyRecord | undefined {
  const record = view.openPgpKey(keyId);
  if (record === undefined || periodProblem(record, nowMs) !== undefined) return undefined;
  return view.userById(record.user)?.disabled === false ? record : undefined;
}

function userVerdict(
  user: UserRecord,
  credential: Extract<Principal, { readonly kind: "user" }>["credential"],
): CredentialVerdict {
  if (user.disabled) return bad("disabled");
  const { id, name, administrator } = user;
  const principal = { kind: "user", name, administrator, credential } as const;
  return { kind: "good", principal, actor: { ...actorOf(principal), userId: id } };
}

function periodProblem(
  { notBeforeMs = -Infinity, expiresAtMs = Infinity }: Period,
  nowMs: number,
): CredentialProblem | undefined {
  if (nowMs >= expiresAtMs) return "expired";
  return nowMs < notBeforeMs ? "not-yet-valid" : undefined;
}
