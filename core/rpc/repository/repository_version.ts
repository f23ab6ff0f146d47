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

/** Versions that a process remembers, and the longest content of one: 2 MiB of characters in all. */
const KNOWN_COUNT_MAX = 512;
const KNOWN_LENGTH_MAX = 4096;

/** Versions by the content as it stands: every push asks for one, and most settings are alike. */
const known = new Map<string, string>();

/** The version of where HEAD points and of the settings. */
export function repositoryVersion(
  { head, settings }: Pick<RepositoryInfo, "head" | "settings">,
): string {
  const content = JSON.stringify({ head, settings });
  const before = known.get(content);
  if (before !== undefined) return before;
  const text = JSON.stringify(ordered({ head, settings }));
  const version = createHash("sha256").update(text).digest("hex").slice(0, DIGIT_COUNT);
  if (content.length <= KNOWN_LENGTH_MAX) known.set(content, version);
  if (known.size > KNOWN_COUNT_MAX) known.delete(known.keys().next().value!);
  return version;
}

/** The same value with the members of all objects in one order, and without those that are undefined. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([one], [other]) => one < other ? -1 : 1);
  return Object.fromEntries(members.map(([name, member]) => [name, ordered(member)]));
}
