/**
 * Where GitStratum may answer otherwise than git's own server, each with its reason. Everything else
 * that differs fails the oracle.
 *
 * @module
 */

import type { FetchAnswers, Finding } from "./compare_fetch.ts";
import type { FetchCase } from "./fetch_case.ts";

/** A difference in fetches that is meant to be. */
export interface AllowedFetchDifference {
  readonly name: string;
  readonly reason: string;
  covers(finding: Finding, fetchCase: FetchCase, answers: FetchAnswers): boolean;
}

/** The list. */
export const ALLOWED_FETCH_DIFFERENCES: readonly AllowedFetchDifference[] = [
  {
    name: "wanted-refs behind shallow-info",
    reason: "gitprotocol-v2 puts shallow-info first, and git's client reads the sections in that " +
      "order; git's server sends them the other way round, which its own client can not read.",
    covers: (finding, fetchCase, { git, ours }) =>
      finding.kind === "lines" && fetchCase.wantRefs.length > 0 &&
      shallowInfoFirst(git.lines).join() === ours.lines.join(),
  },
  {
    name: "claimed shallow commits",
    reason:
      "A client that calls a commit shallow without having it gets the commit too when it is " +
      "to be unshallowed; git sends its parents only, and leaves the client with a gap.",
    covers: (finding, { clientShallow, deepen }) =>
      finding.kind === "superfluous" && clientShallow.length > 0 && deepen.length > 0,
  },
  {
    name: "when enough is common",
    reason:
      "Git decides have by have in the order sent, GitStratum once for all haves of a round, " +
      "and with the client's shallow commits in mind. So one may say that enough is common (or " +
      "acknowledge an unknown have to stop the client) a round earlier than the other.",
    covers: (finding, { unknown }, { git, ours }) =>
      finding.kind === "lines" &&
      commonOnly(git.lines, unknown).join() === commonOnly(ours.lines, unknown).join(),
  },
];

/** The lines of common commits, up to where the answers part because one has enough. */
function commonOnly(lines: readonly string[], unknown: readonly string[]): string[] {
  const isOver = lines.findIndex((text) => text === "ready" || /^ACK \S+$/.test(text));
  const inVersion2 = lines[0] === "acknowledgments";
  const end = inVersion2 ? lines.indexOf("ready") : isOver;
  return (end < 0 ? lines : lines.slice(0, end)).filter((text) =>
    !/^(ACK \S+ ready|NAK|0000)$/.test(text) &&
    !unknown.some((oid) => text === `ACK ${oid} continue`)
  );
}

/** The lines with the sections in the documented order. */
function shallowInfoFirst(lines: readonly string[]): string[] {
  const refs = lines.indexOf("wanted-refs");
  const shallow = lines.indexOf("shallow-info");
  if (refs < 0 || shallow < refs) return [...lines];
  const end = lines.indexOf("0001", shallow) + 1;
  return [
    ...lines.slice(0, refs),
    ...lines.slice(shallow, end),
    ...lines.slice(refs, shallow),
    ...lines.slice(end),
  ];
}
