/**
 * Names of references (git-check-ref-format) and the rules that a push puts on them.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { REFERENCE_NAME_BYTES_MAX } from "../limits.ts";

const encoder = new TextEncoder();

// deno-lint-ignore no-control-regex -- control characters are what it looks for
const FORBIDDEN = /[\x00-\x20\x7f~^:?*[\\]/;

function componentProblem(component: string): string | undefined {
  if (component === "") return "a component is empty";
  if (component.startsWith(".")) return "a component begins with a dot";
  if (component.endsWith(".lock")) return "a component ends in .lock";
  return undefined;
}

/**
 * Why git does not take `name` as a reference name; undefined when it does. One component alone
 * (`HEAD`, `main`) is refused unless `allowOneLevel`.
 */
export function referenceNameProblem(
  name: string,
  options: { readonly allowOneLevel?: boolean } = {},
): string | undefined {
  if (
    name.length > REFERENCE_NAME_BYTES_MAX || encoder.encode(name).length > REFERENCE_NAME_BYTES_MAX
  ) {
    return `the name is longer than ${REFERENCE_NAME_BYTES_MAX} bytes`;
  }
  if (name === "@") return "the name is a lone @";
  const forbidden = FORBIDDEN.exec(name)?.[0];
  if (forbidden !== undefined) return `the character ${JSON.stringify(forbidden)} is not allowed`;
  if (!name.isWellFormed()) return "the name is not Unicode";
  if (name.includes("..")) return "the name contains two dots in a row";
  if (name.includes("@{")) return "the name contains @{";
  if (name.endsWith(".")) return "the name ends with a dot";
  const components = name.split("/");
  if (components.length < 2 && options.allowOneLevel !== true) return "the name has one component";
  return components.map(componentProblem).find((problem) => problem !== undefined);
}

/** Whether git takes `name` as the full name of a reference, `HEAD` not included. */
export function isReferenceName(name: string): boolean {
  return referenceNameProblem(name) === undefined;
}

/** Whether a push may name `name`: a well-formed name below `refs/`. */
export function isPushableReferenceName(name: string): boolean {
  return name.startsWith("refs/") && isReferenceName(name);
}

/**
 * Checks a name that a push gives.
 *
 * @throws `invalid` with the reason
 */
export function checkPushableReferenceName(name: string): string {
  const reason = name.startsWith("refs/")
    ? referenceNameProblem(name)
    : "the name does not begin with refs/";
  if (reason === undefined) return name;
  throw new GitStratumError("invalid", "Reject reference name", {
    data: { name: name.slice(0, 250), reason },
  });
}

/** The proper prefixes of a name that end before a slash: `refs/heads/a/b` → `refs`, `refs/heads`, `refs/heads/a`. */
export function* referenceDirectories(name: string): Generator<string> {
  for (let slash = name.indexOf("/"); slash >= 0; slash = name.indexOf("/", slash + 1)) {
    yield name.slice(0, slash);
  }
}

/**
 * Whether two different names can not exist together, because one is a directory of the other:
 * `refs/heads/a` and `refs/heads/a/b`.
 */
export function referenceNamesConflict(one: string, other: string): boolean {
  return one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

/**
 * Orders names by their bytes in UTF-8, as git lists references. (JavaScript's own order differs
 * where surrogate pairs meet characters above them.)
 */
export function compareReferenceNames(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const a = one.charCodeAt(index);
    const b = other.charCodeAt(index);
    if (a === b) continue;
    const highA = a >= 0xd800 && a <= 0xdfff;
    const highB = b >= 0xd800 && b <= 0xdfff;
    // Surrogates stand for characters above U+FFFF.
    if (highA !== highB) return highA ? 1 : -1;
    return a - b;
  }
  return one.length - other.length;
}
