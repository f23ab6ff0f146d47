/**
 * Names of repositories.
 *
 * @module
 */

import { GitStratumError } from "../../error.ts";

/** `owner/name`, checked. */
export type RepositoryName = string & { readonly __brand: "RepositoryName" };

/** Longest owner or name in bytes. */
const SEGMENT_BYTES_MAX = 100;
const SEGMENT = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?$/;
/** First segments that the server's own paths use. */
const RESERVED_OWNERS: ReadonlySet<string> = new Set(["api", "healthz", "readyz", "metrics"]);

function segmentProblem(segment: string): string | undefined {
  if (segment.length === 0) return "a part is empty";
  if (segment.length > SEGMENT_BYTES_MAX) return `a part is longer than ${SEGMENT_BYTES_MAX} bytes`;
  if (segment.includes("..")) return "a part contains two dots in a row";
  if (!SEGMENT.test(segment)) {
    return "a part has other characters than letters, digits, '-', '_' and inner '.'";
  }
  if (/\.(git|lock|wiki|atom)$/i.test(segment)) return "a part ends in a reserved suffix";
  return undefined;
}

/**
 * Checks a name of the form `owner/name`. Each part: 1 to 100 of letters, digits, `-`, `_` and inner
 * dots, not ending in `.git`, `.lock`, `.wiki` or `.atom`; the owner is none of the server's own paths.
 *
 * @throws `invalid` with the reason
 */
export function parseRepositoryName(text: string): RepositoryName {
  const segments = text.split("/");
  let reason: string | undefined;
  if (segments.length !== 2) reason = "it is not of the form owner/name";
  else if (RESERVED_OWNERS.has(segments[0]!.toLowerCase())) reason = "the owner is reserved";
  else reason = segments.map(segmentProblem).find((problem) => problem !== undefined);
  if (reason === undefined) return text as RepositoryName;
  throw new GitStratumError("invalid", "Reject repository name", {
    data: { name: text.slice(0, 250), reason },
  });
}
