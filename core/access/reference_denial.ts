/**
 * Which rule for references a change breaks. Asked by the one decision, and again by whoever commits a
 * push: rules that were written while the push was on its way hold for it too.
 *
 * @module
 */

import type { ReferenceChange } from "./operation.ts";
import type { AccountName, Principal } from "./principal.ts";
import { type ReferenceRule, rulesOfReference } from "./reference_rule.ts";
import { type Role, roleIncludes } from "./role.ts";

/** Why a rule denies a change. */
export type ReferenceDenialReason =
  | "reference-pushers"
  | "reference-delete"
  | "reference-force"
  | "reference-history"
  | "reference-signature";

/** A rule that is broken, and how. */
export interface ReferenceDenial {
  /** Why. */
  readonly reason: ReferenceDenialReason;
  /** The pattern of the rule. */
  readonly pattern: string;
}

/** Who pushes, as far as rules for references ask. */
export interface Pusher {
  /** What they may do in the repository, by way of their credential. */
  readonly role: Role;
  /** The user; absent for others. */
  readonly user?: AccountName;
  /** The id of the deploy key; absent for others. */
  readonly deployKey?: string;
}

/** Somebody with a role in a repository, as a pusher. */
export function pusherOf(principal: Principal, role: Role): Pusher {
  switch (principal.kind) {
    case "user":
      return { role, user: principal.name };
    case "deploy-key":
      return { role, deployKey: principal.id };
    case "anonymous":
    case "unguarded":
      return { role };
  }
}

/** The first rule that a change breaks; undefined when it breaks none. */
export function brokenReferenceRule(
  rules: readonly ReferenceRule[],
  change: ReferenceChange,
  pusher: Pusher,
): ReferenceDenial | undefined {
  for (const rule of rulesOfReference(rules, change.name)) {
    const reason = brokenBy(change, rule, pusher);
    if (reason !== undefined) return { reason, pattern: rule.pattern };
  }
  return undefined;
}

function brokenBy(
  change: ReferenceChange,
  rule: ReferenceRule,
  pusher: Pusher,
): ReferenceDenialReason | undefined {
  if (!mayPush(rule, pusher)) return "reference-pushers";
  if (change.kind === "delete") return rule.denyDelete ? "reference-delete" : undefined;
  if (rule.denyForce && change.kind === "force") return "reference-force";
  if (rule.linearHistory && change.isLinear !== true) return "reference-history";
  if (rule.signed && change.isSigned !== true) return "reference-signature";
  return undefined;
}

function mayPush({ pushers }: ReferenceRule, { role, user, deployKey }: Pusher): boolean {
  if (pushers === undefined) return true;
  if (pushers.role !== undefined && roleIncludes(role, pushers.role)) return true;
  if (user !== undefined) return pushers.users.includes(user);
  return deployKey !== undefined && pushers.deployKeys.includes(deployKey);
}
