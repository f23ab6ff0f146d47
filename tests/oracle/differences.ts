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
    name: "parents of unshallowed commits under a filter without commits",
    reason:
      "Git turns the parents of commits that stop being shallow into wants, which no filter " +
      "holds back; GitStratum leaves out what the filter leaves out. No client asks for blobs only " +
      "and for more history in one request.",
    covers: (finding, { filter }, { git }) =>
      finding.kind === "missing" && /^object:type=(tree|blob|tag)/.test(filter ?? "") &&
      git.lines.some((text) => text.startsWith("unshallow ")),
  },
  {
    name: "the first of two faults",
    reason:
      "A request with two faults may be refused for either: git looks up wants while it reads, " +
      "GitStratum reads the whole request first.",
    covers: (finding, { oddities }) => finding.kind === "error" && oddities.length > 0,
  },
  {
    name: "names behind deepen-not in a round without a pack",
    reason:
      "Git resolves the names when it reads them, GitStratum when it works the depth out; until " +
      "then nothing depends on them.",
    covers: (finding, { oddities, done }, { ours }) =>
      finding.kind === "verdict" && !done && ours.pack === undefined &&
      oddities.some((text) => text.startsWith("deepen-not")),
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
