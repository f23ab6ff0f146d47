/**
 * The one place where it is decided who may do what.
 *
 * Pure: the same question has the same answer in every process. Whatever is not known to be allowed is
 * denied: a role that is not in the facts, a scope that a token lacks, a commit that nobody examined.
 *
 * A denial is `hidden` when the asker could not even read what they ask about: they are to be told
 * exactly what they would be told if it did not exist, and a repository that does not exist gives the
 * same denial, reason included. To somebody anonymous both are a request to authenticate.
 *
 * @module
 */

import { unreachable } from "../assert.ts";
import {
  type Operation,
  OWNER_OPERATIONS,
  type OwnerFacts,
  REPOSITORY_OPERATIONS,
  type RepositoryFacts,
} from "./operation.ts";
import type { Credential, Principal } from "./principal.ts";
import { brokenReferenceRule, pusherOf, type ReferenceDenialReason } from "./reference_denial.ts";
import {
  greatestRole,
  type Role,
  roleIncludes,
  roleOfScopes,
  smallerRole,
  type TokenScope,
} from "./role.ts";

/** Why something is denied. Not for those to whom it is hidden. */
export type DenialReason =
  /** It can not be read, or is not there. */
  | "unknown"
  /** The role is too small, or the scope of the token leaves too little of it. */
  | "role"
  /** The token has had its time. */
  | "expired"
  | ReferenceDenialReason;

/** Something that is not to be done. */
export interface Denied {
  /** Tells it from a permission. */
  readonly allowed: false;
  /** Whether the asker may learn that it exists. */
  readonly as: "hidden" | "forbidden";
  /** Why; not for those to whom it is hidden. */
  readonly reason: DenialReason;
  /** The pattern of the rule that says so, when one does. */
  readonly pattern?: string;
}

/** The answer. */
export type Decision = { readonly allowed: true } | Denied;

const ALLOWED: Decision = { allowed: true };
const HIDDEN: Denied = { allowed: false, as: "hidden", reason: "unknown" };

/** Whether somebody may do something at a wall time in milliseconds since the epoch. */
export function decide(
  principal: Principal,
  operation: Operation,
  options: { readonly nowMs: number },
): Decision {
  const expired = hasExpired(principal, options.nowMs);
  switch (operation.on) {
    case "repository":
    case "reference":
      return decideRepository(principal, operation, expired);
    case "owner":
      return expired ? HIDDEN : decideOwner(principal, operation);
    case "account":
      return !expired && mayManage(principal, operation.name) ? ALLOWED : HIDDEN;
    case "server":
      if (expired) return forbidden("expired");
      return isAdministrator(principal) && hasScope(principal, "server")
        ? ALLOWED
        : forbidden("role");
    default:
      return unreachable(operation);
  }
}

function decideRepository(
  principal: Principal,
  operation: Extract<Operation, { readonly on: "repository" | "reference" }>,
  expired: boolean,
): Decision {
  const { repository } = operation;
  if (repository === undefined) return HIDDEN;
  if (expired) return repository.visibility === "public" ? forbidden("expired") : HIDDEN;
  const role = roleInRepository(principal, repository);
  if (role === undefined) return HIDDEN;
  const needed = operation.on === "reference"
    ? "write"
    : REPOSITORY_OPERATIONS[operation.operation];
  if (!roleIncludes(role, needed)) return forbidden("role");
  if (operation.on === "repository") return ALLOWED;
  const broken = brokenReferenceRule(
    repository.rules,
    operation.change,
    pusherOf(principal, role),
  );
  return broken === undefined ? ALLOWED : { ...forbidden(broken.reason), pattern: broken.pattern };
}

/** The role that somebody has in a repository by way of their credential; undefined for none. */
export function roleInRepository(
  principal: Principal,
  repository: RepositoryFacts,
): Role | undefined {
  const ofEverybody = repository.visibility === "public" ? "read" : undefined;
  switch (principal.kind) {
    case "anonymous":
      return ofEverybody;
    case "unguarded":
      return "admin";
    case "deploy-key":
      return principal.repository === repository.id ? principal.role : ofEverybody;
    case "user": {
      const ofUsers = repository.visibility === "private" ? undefined : "read";
      const given = greatestRole([
        ofUsers,
        roleInOwner(principal, repository.owner),
        repository.roles.get(principal.name),
      ]);
      return greatestRole([ofEverybody, limitedRole(given, principal.credential, repository)]);
    }
    default:
      return unreachable(principal);
  }
}

/** What a credential leaves of its user's role. */
function limitedRole(
  role: Role | undefined,
  credential: Credential,
  repository: RepositoryFacts,
): Role | undefined {
  if (credential.kind === "ssh-key") return role;
  if (credential.repositories?.includes(repository.id) === false) return undefined;
  return smallerRole(role, roleOfScopes(credential.scopes));
}

function roleInOwner(
  user: Extract<Principal, { readonly kind: "user" }>,
  owner: OwnerFacts,
): Role | undefined {
  return user.administrator || user.name === owner.name ? "admin" : owner.roles.get(user.name);
}

/** Owners are hidden from strangers: what can not be created there may be there already, unseen. */
function decideOwner(
  principal: Principal,
  operation: Extract<Operation, { readonly on: "owner" }>,
): Decision {
  if (principal.kind === "unguarded") return ALLOWED;
  if (principal.kind !== "user") return HIDDEN;
  const { credential } = principal;
  const given = roleInOwner(principal, operation.owner);
  let role = given;
  if (credential.kind === "token") {
    role = credential.repositories === undefined
      ? smallerRole(given, roleOfScopes(credential.scopes))
      : undefined;
  }
  if (role === undefined) return HIDDEN;
  return roleIncludes(role, OWNER_OPERATIONS[operation.operation]) ? ALLOWED : forbidden("role");
}

function mayManage(principal: Principal, name: string): boolean {
  if (principal.kind === "unguarded") return true;
  if (principal.kind !== "user" || !hasScope(principal, "account")) return false;
  // Otherwise a token for one's own account would reach everybody's.
  return principal.name === name || (principal.administrator && hasScope(principal, "server"));
}

function hasScope(principal: Principal, scope: TokenScope): boolean {
  if (principal.kind === "unguarded") return true;
  if (principal.kind !== "user") return false;
  const { credential } = principal;
  if (credential.kind === "ssh-key") return true;
  return credential.repositories === undefined && credential.scopes.includes(scope);
}

function isAdministrator(principal: Principal): boolean {
  return principal.kind === "unguarded" ||
    (principal.kind === "user" && principal.administrator);
}

function hasExpired(principal: Principal, nowMs: number): boolean {
  if (principal.kind !== "user" || principal.credential.kind !== "token") return false;
  const { expiresAtMs } = principal.credential;
  return expiresAtMs !== undefined && nowMs >= expiresAtMs;
}

function forbidden(reason: DenialReason): Denied {
  return { allowed: false, as: "forbidden", reason };
}
