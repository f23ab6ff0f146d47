/**
 * A name for what a repository is set to, so that a change can say what it is a change of.
 *
 * Nothing is stored for it: it is a digest of the content. Two who read a repository, think, and write
 * it back find out about each other, and a change back to what was is no change.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { RepositoryInfo } from "./repository.ts";

/** Digits of a version: nobody gains anything by making two settings that share one. */
const DIGIT_COUNT = 20;

/** The version of where HEAD points and of the settings. */
export function repositoryVersion(
  { head, settings }: Pick<RepositoryInfo, "head" | "settings">,
): string {
  const text = JSON.stringify(ordered({ head, settings }));
  return createHash("sha256").update(text).digest("hex").slice(0, DIGIT_COUNT);
}

/** The same value with the members of all objects in one order, and without those that are undefined. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([one], [other]) => one < other ? -1 : 1);
  return Object.fromEntries(members.map(([name, member]) => [name, ordered(member)]));
}
