/**
 * Where GitStratum may answer otherwise than git's own server, each with its reason. Everything else
 * that differs fails the oracle.
 *
 * @module
 */

import type { FetchAnswers, Finding } from "./compare_fetch.ts";
import type { PushAnswers, PushFinding } from "./compare_push.ts";
import type { FetchCase } from "./fetch_case.ts";
import type { PushCase } from "./push_case.ts";

/** A difference in fetches that is meant to be. */
export interface AllowedFetchDifference {
  readonly name: string;
  readonly reason: string;
  covers(finding: Finding, fetchCase: FetchCase, answers: FetchAnswers): boolean;
}

/** The list for fetches. */
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
    name: "a depth that leaves nothing, in a round without a pack",
    reason: "Where git says that enough is common it works the depth out in the same answer, and " +
      "dies when no commit is left; GitStratum asks for more haves first and refuses with the pack.",
    covers: (finding, { deepen, done }, { git, ours }) =>
      finding.kind === "verdict" && !done && deepen.length > 0 && ours.pack === undefined &&
      git.lines.includes("ready") && git.lines.at(-1) === "shallow-info",
  },
  {
    name: "a wanted object within another",
    reason:
      "Under a filter git leaves out an object that the client asks for by its id when it comes " +
      "upon it in another wanted tree first; GitStratum sends whatever is asked for by its id.",
    covers: (finding, { wants, filter }) =>
      finding.kind === "superfluous" && filter !== undefined &&
      [...finding.oids ?? []].every((oid) => wants.includes(oid)),
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

/** A difference in pushes that is meant to be. */
export interface AllowedPushDifference {
  readonly name: string;
  readonly reason: string;
  covers(finding: PushFinding, pushCase: PushCase, answers: PushAnswers): boolean;
}

/** The list for pushes. */
export const ALLOWED_PUSH_DIFFERENCES: readonly AllowedPushDifference[] = [
  {
    name: "reasons that say more",
    reason:
      "Git tells the details of a refused reference on its standard error, which clients see " +
      "on the progress band; GitStratum puts them behind the reason, in the report.",
    covers: (finding, _, { git, ours }) => {
      const [theirs, own] = reasonsOf(finding, { git, ours });
      return finding.kind === "reason" && own.startsWith(`${theirs}: `);
    },
  },
  {
    name: "the command that fails an atomic push",
    reason:
      "Git gives every command of a failed transaction the same reason; GitStratum gives the " +
      "one that failed its own.",
    covers: (finding, { flags }, answers) =>
      finding.kind === "reason" && flags.includes("atomic") &&
      /^atomic (transaction failed|push failure)$/.test(reasonsOf(finding, answers)[0]),
  },
  {
    name: "missing objects",
    reason:
      "Git's index-pack looks for what the objects link to and refuses the pack; GitStratum " +
      "takes the pack, and the connectivity check refuses the references (as git does with " +
      "receive.fsckObjects off).",
    covers: (finding, { assumed }, { ours }) =>
      assumed.length > 0 && (finding.kind === "unpack" || finding.kind === "reason") &&
      ours.results.every(([, verdict]) => verdict !== "ok"),
  },
  {
    name: "objects that no reference reaches",
    reason: "A push may build on an object that git still has lying about from a push that it " +
      "refused; GitStratum asks that the repository's references reach it.",
    covers: (finding, { assumed, fault }, { ours }) =>
      (assumed.length > 0 || fault === "empty" || fault === "absent") &&
      (finding.kind === "result" || finding.kind === "references") &&
      ours.results.some(([name, verdict]) =>
        (finding.name ?? name) === name && verdict === "missing necessary objects"
      ),
  },
  {
    name: "deleting by an old value that git does not know",
    reason: "Git takes a deletion whose old value it has no object of for the repair of a broken " +
      "reference and deletes whatever is there; here a deletion is compared like any other update.",
    covers: (finding, { commands }, { ours }) =>
      (finding.kind === "result" || finding.kind === "references") &&
      commands.some(({ name, to }) =>
        /^0+$/.test(to) && (finding.name ?? name) === name &&
        ours.results.some(([each, verdict]) =>
          each === name && verdict === "failed to update ref: incorrect old value provided"
        )
      ),
  },
  {
    name: "an atomic push that names a hidden reference",
    reason: "The specification lets an atomic push update all references or none. Git sets the " +
      "command of a hidden one aside and carries the others out; GitStratum carries out none.",
    covers: (finding, { commands, flags }) =>
      (finding.kind === "result" || finding.kind === "reason" || finding.kind === "references") &&
      flags.includes("atomic") && commands.some(({ name }) => name.startsWith("refs/hidden/")),
  },
  {
    name: "deleting what is not there",
    reason: "Git forgets the old value of a deletion when it has no such object, and deletes " +
      "nothing with success; GitStratum says that the reference does not exist. The outcome is the " +
      "same.",
    covers: (finding, { commands }, { ours }) =>
      finding.kind === "result" &&
      commands.some(({ name, to }) => name === finding.name && /^0+$/.test(to)) &&
      reasonsOf(finding, { git: ours, ours })[1] ===
        "failed to update ref: reference does not exist",
  },
  {
    name: "the first of two faults of a command",
    reason: "A command that lacks its objects and breaks a rule of references may be refused for " +
      "either.",
    covers: (finding, { fault }) => finding.kind === "reason" && fault !== "none",
  },
  {
    name: "the first of two faults in a pack",
    reason:
      "A pack that is spoiled and holds an object that the checks refuse may be refused for " +
      "either.",
    covers: (finding, { fault }) => finding.kind === "fsck" && fault !== "none",
  },
];

/** Git's reason and ours. */
function reasonsOf({ name }: PushFinding, { git, ours }: PushAnswers): readonly [string, string] {
  const find = (results: PushAnswers["git"]["results"]) =>
    results.find(([each]) => each === name)?.[1] ?? "";
  return [find(git.results), find(ours.results)];
}
