/**
 * Which references are hidden from clients: the patterns of git's `transfer.hideRefs`.
 *
 * A pattern is the beginning of a full name, cut where a component ends: `refs/pull` hides
 * `refs/pull/1/head` and `refs/pull` itself, not `refs/pulled`. A leading `!` shows again what an
 * earlier pattern hides; of several that match, the last decides (git-config, `transfer.hideRefs`).
 *
 * @module
 */

import { REFERENCE_NAME_BYTES_MAX } from "../limits.ts";
import { referenceNameProblem } from "./reference_name.ts";

interface HidingRule {
  readonly prefix: string;
  readonly hides: boolean;
}

/** Decides by a list of patterns. */
export class HiddenReferences {
  /** Latest first, as the last match decides. */
  readonly #rules: readonly HidingRule[];

  /** Makes the decision of `patterns`, which are in the order of their configuration. */
  constructor(patterns: readonly string[]) {
    this.#rules = patterns.map(ruleOf).reverse();
  }

  /** Whether any reference can be hidden. */
  get any(): boolean {
    return this.#rules.some(({ hides }) => hides);
  }

  /** Whether the reference with this full name is hidden. */
  hides(name: string): boolean {
    return this.#rules.find(({ prefix }) => begins(name, prefix))?.hides ?? false;
  }

  /**
   * A name behind `name`, in byte order, before which no name is visible: a way past thousands of
   * hidden references. Undefined when the next name may be visible.
   */
  afterHidden(name: string): string | undefined {
    const rule = this.#rules.find(({ prefix }) => begins(name, prefix));
    if (rule === undefined || !rule.hides) return undefined;
    const directory = `${rule.prefix}/`;
    if (!name.startsWith(directory)) return undefined;
    const shows = this.#rules.some((other) => !other.hides && other.prefix.startsWith(directory));
    // The character after the slash.
    return shows ? undefined : `${rule.prefix}0`;
  }
}

function ruleOf(pattern: string): HidingRule {
  const hides = !pattern.startsWith("!");
  // As git reads its configuration: slashes at the end do not count.
  return { prefix: (hides ? pattern : pattern.slice(1)).replace(/\/+$/, ""), hides };
}

function begins(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && (name.length === prefix.length || name[prefix.length] === "/");
}

/**
 * Why `pattern` is no pattern of hidden references; undefined when it is one. It has to be `refs` or
 * begin with `refs/`: what hid HEAD would leave clients without a branch to check out. The `^` of
 * git, for names before a namespace is taken off, has no meaning without namespaces.
 */
export function hiddenPatternProblem(pattern: string): string | undefined {
  if (pattern.length > REFERENCE_NAME_BYTES_MAX) return "the pattern is too long";
  const { prefix } = ruleOf(pattern);
  if (prefix === "refs") return undefined;
  if (!prefix.startsWith("refs/")) return "the pattern does not begin with refs/";
  return referenceNameProblem(prefix.slice("refs/".length), { allowOneLevel: true });
}
