/**
 * Protected references: which names a pattern covers and what is not done to them.
 *
 * In a pattern `*` stands for any characters within one component of a name and `**` for any
 * characters at all: `refs/heads/release/*`, `refs/tags/**`. Every rule whose pattern covers a name
 * applies, so that a further rule never allows anything. Matching takes steps proportional to the
 * length of the name times that of the pattern, whatever they hold.
 *
 * @module
 */

import { referenceNameProblem } from "../git/reference_name.ts";
import type { AccountName } from "./principal.ts";
import type { Role } from "./role.ts";

/** Longest pattern in characters: the time of a match grows with it. */
export const REFERENCE_PATTERN_LENGTH_MAX = 256;

/** What is not done to the references that a pattern covers. */
export interface ReferenceRule {
  /** Full names, with `*` and `**`. */
  readonly pattern: string;
  /** They are not deleted. */
  readonly denyDelete: boolean;
  /** They only move forward. */
  readonly denyForce: boolean;
  /** They take no merge commits. */
  readonly linearHistory: boolean;
  /** They take only commits with a good signature. */
  readonly signed: boolean;
  /** Who may change them at all; absent = whoever may write. */
  readonly pushers?: ReferencePushers;
}

/** Some of those who may write. */
export interface ReferencePushers {
  /** Whoever has at least this role; absent = only those named. */
  readonly role?: Role;
  /** Users by name, who need to be able to write besides. */
  readonly users: readonly AccountName[];
  /** Deploy keys by id, which need to be able to write besides. */
  readonly deployKeys: readonly string[];
}

/** What has to be found out about the new commits of a reference before its change is judged. */
export interface ReferenceDemands {
  /** Whether the old commit is behind the new one. */
  readonly forwardOnly: boolean;
  /** Whether they hold a merge. */
  readonly linearHistory: boolean;
  /** Whether each has a good signature. */
  readonly signed: boolean;
}

/** Why `pattern` is no pattern of protected references; undefined when it is one. */
export function referencePatternProblem(pattern: string): string | undefined {
  if (pattern.length > REFERENCE_PATTERN_LENGTH_MAX) {
    return `the pattern is longer than ${REFERENCE_PATTERN_LENGTH_MAX} characters`;
  }
  if (!pattern.startsWith("refs/")) return "the pattern does not begin with refs/";
  if (pattern.includes("***")) return "the pattern has three stars in a row";
  return referenceNameProblem(pattern.replaceAll(/\*+/g, "x"));
}

/** Whether `pattern` covers the reference with this full name. */
export function coversReference(pattern: string, name: string): boolean {
  const star = pattern.indexOf("*");
  if (star < 0) return pattern === name;
  // Most names end here.
  if (!name.startsWith(pattern.slice(0, star))) return false;
  const steps = pattern.slice(star).match(/\*\*|[^]/g)!;
  // reached[i]: the characters so far can be what the first i steps stand for.
  let reached = closure([true, ...steps.map(() => false)], steps);
  for (let at = star; at < name.length; at++) {
    const next: boolean[] = Array(steps.length + 1).fill(false);
    for (const [index, step] of steps.entries()) {
      if (!reached[index]) continue;
      if (step === "**" || (step === "*" && name[at] !== "/")) next[index] = true;
      else if (step === name[at]) next[index + 1] = true;
    }
    reached = closure(next, steps);
  }
  return reached[steps.length]!;
}

/** Stars may stand for nothing. */
function closure(reached: boolean[], steps: readonly string[]): boolean[] {
  for (const [index, step] of steps.entries()) {
    if (reached[index] && step.startsWith("*")) reached[index + 1] = true;
  }
  return reached;
}

/** The rules that apply to a reference. */
export function rulesOfReference(
  rules: readonly ReferenceRule[],
  name: string,
): readonly ReferenceRule[] {
  return rules.filter(({ pattern }) => coversReference(pattern, name));
}

/** What the rules want to know about a reference's new commits. */
export function referenceDemands(
  rules: readonly ReferenceRule[],
  name: string,
): ReferenceDemands {
  const applying = rulesOfReference(rules, name);
  return {
    forwardOnly: applying.some(({ denyForce }) => denyForce),
    linearHistory: applying.some(({ linearHistory }) => linearHistory),
    signed: applying.some(({ signed }) => signed),
  };
}
