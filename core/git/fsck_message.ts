/**
 * The messages of object checks: git's own ids and severities (git-fsck, "FSCK MESSAGES").
 *
 * @module
 */

import { GitStratumError } from "../error.ts";

/**
 * How bad git finds each message: `fatal` can not be lowered, `warn` is an error in a strict check,
 * `info` is a warning even there, `ignore` is silent unless raised.
 */
export const FSCK_MESSAGES = {
  nulInHeader: "fatal",
  unterminatedHeader: "fatal",
  badDate: "error",
  badDateOverflow: "error",
  badEmail: "error",
  badGpgsig: "error",
  badHeaderContinuation: "error",
  badName: "error",
  badObjectSha1: "error",
  badParentSha1: "error",
  badTimezone: "error",
  badTree: "error",
  badTreeSha1: "error",
  badType: "error",
  duplicateEntries: "error",
  gitattributesBlob: "error",
  gitattributesLarge: "error",
  gitattributesLineLength: "error",
  gitattributesMissing: "error",
  gitmodulesBlob: "error",
  gitmodulesLarge: "error",
  gitmodulesMissing: "error",
  gitmodulesName: "error",
  gitmodulesPath: "error",
  gitmodulesSymlink: "error",
  gitmodulesUpdate: "error",
  gitmodulesUrl: "error",
  missingAuthor: "error",
  missingCommitter: "error",
  missingEmail: "error",
  missingNameBeforeEmail: "error",
  missingObject: "error",
  missingSpaceBeforeDate: "error",
  missingSpaceBeforeEmail: "error",
  missingTag: "error",
  missingTagEntry: "error",
  missingTree: "error",
  missingType: "error",
  missingTypeEntry: "error",
  multipleAuthors: "error",
  treeNotSorted: "error",
  unknownType: "error",
  zeroPaddedDate: "error",
  emptyName: "warn",
  fullPathname: "warn",
  hasDot: "warn",
  hasDotdot: "warn",
  hasDotgit: "warn",
  largePathname: "warn",
  nullSha1: "warn",
  nulInCommit: "warn",
  zeroPaddedFilemode: "warn",
  badFilemode: "info",
  badTagName: "info",
  gitattributesSymlink: "info",
  gitignoreSymlink: "info",
  gitmodulesParse: "info",
  mailmapSymlink: "info",
  missingTaggerEntry: "info",
  extraHeaderEntry: "ignore",
} as const satisfies Readonly<Record<string, "fatal" | "error" | "warn" | "info" | "ignore">>;

/** Id of a message, as git spells it. */
export type FsckMessageId = keyof typeof FSCK_MESSAGES;

/** What a finding does: `error` rejects the object, `warn` is told, `ignore` is not even found. */
export type FsckSeverity = "error" | "warn" | "ignore";

/** One thing wrong with one object. */
export interface FsckFinding {
  /** Which message. */
  readonly id: FsckMessageId;
  /** What the policy makes of it. */
  readonly severity: Exclude<FsckSeverity, "ignore">;
  /** For people, in git's words. */
  readonly message: string;
}

/** The severity of every message. */
export type FsckPolicy = Readonly<Record<FsckMessageId, FsckSeverity>>;

/** Whether `text` is the id of a message. Case does not matter, as in git's configuration. */
export function findFsckMessageId(text: string): FsckMessageId | undefined {
  const wanted = text.toLowerCase();
  return (Object.keys(FSCK_MESSAGES) as FsckMessageId[])
    .find((id) => id.toLowerCase() === wanted);
}

function strictSeverity(id: FsckMessageId): FsckSeverity {
  switch (FSCK_MESSAGES[id]) {
    case "fatal":
    case "error":
    case "warn":
      return "error";
    case "info":
      return "warn";
    case "ignore":
      return "ignore";
  }
}

/**
 * The severities of a strict check (what `transfer.fsckObjects=true` does) with changes by id.
 *
 * @throws `invalid` when an id is unknown, or a fatal message is to be lowered
 */
export function fsckPolicy(changes: Readonly<Record<string, FsckSeverity>> = {}): FsckPolicy {
  const ids = Object.keys(FSCK_MESSAGES) as FsckMessageId[];
  const policy = Object.fromEntries(ids.map((id) => [id, strictSeverity(id)])) as Record<
    FsckMessageId,
    FsckSeverity
  >;
  for (const [name, severity] of Object.entries(changes)) {
    const id = findFsckMessageId(name);
    if (id === undefined || (FSCK_MESSAGES[id] === "fatal" && severity !== "error")) {
      throw new GitStratumError("invalid", "Reject a change of an object check", {
        data: { id: name.slice(0, 80), severity },
      });
    }
    policy[id] = severity;
  }
  return policy;
}

/** What pushes are not checked for: real histories have these three, and nobody can mend them. */
export const DEFAULT_PUSH_CHANGES: Readonly<Record<string, FsckSeverity>> = {
  badTimezone: "ignore",
  missingSpaceBeforeDate: "ignore",
  zeroPaddedFilemode: "ignore",
};

/** What pushes are checked by, unless the repository says otherwise. */
export const DEFAULT_PUSH_POLICY: FsckPolicy = fsckPolicy(DEFAULT_PUSH_CHANGES);

/** Gathers the findings of one object. */
export class FsckReport {
  readonly #policy: FsckPolicy;
  #findings: FsckFinding[] | undefined;

  /** An empty report. */
  constructor(policy: FsckPolicy) {
    this.#policy = policy;
  }

  /** What was found so far. */
  get findings(): readonly FsckFinding[] {
    return this.#findings ?? NOTHING;
  }

  /** Adds a finding, unless the policy ignores it; whether it is an error. */
  add(id: FsckMessageId, message: string): boolean {
    const severity = this.#policy[id];
    if (severity === "ignore") return false;
    (this.#findings ??= []).push({ id, severity, message });
    return severity === "error";
  }
}

const NOTHING: readonly FsckFinding[] = [];
