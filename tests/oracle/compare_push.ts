/**
 * Compares two answers to one push.
 *
 * @module
 */

import type { PushAnswer } from "./push_answer.ts";

/** Something in which the answers differ. */
export interface PushFinding {
  readonly kind:
    /** One takes the pack, the other does not. */
    | "unpack"
    /** A command is carried out by one only. */
    | "result"
    /** Both refuse a command, in other words. */
    | "reason"
    /** The report has other lines. */
    | "report"
    /** Other object checks are named. */
    | "fsck"
    /** The references are not the same any more. */
    | "references";
  readonly detail: string;
  /** The reference, for findings about one. */
  readonly name?: string;
}

/** Both answers to a push. */
export interface PushAnswers {
  readonly git: PushAnswer;
  readonly ours: PushAnswer;
}

/** All differences of two reports. */
export function comparePush({ git, ours }: PushAnswers): PushFinding[] {
  if (git.unpack === undefined || ours.unpack === undefined) return compareRefusals({ git, ours });
  const findings: PushFinding[] = [];
  if ((git.unpack === "ok") !== (ours.unpack === "ok")) {
    findings.push({ kind: "unpack", detail: `git: ${git.unpack}\nours: ${ours.unpack}` });
  }
  const missing = git.fsckIds.difference(ours.fsckIds);
  if (git.unpack !== "ok" && missing.size > 0) {
    findings.push({ kind: "fsck", detail: `git: ${[...git.fsckIds]}\nours: ${[...ours.fsckIds]}` });
  }
  return [...findings, ...compareResults(git, ours)];
}

function compareRefusals({ git, ours }: PushAnswers): PushFinding[] {
  if (git.unpack === undefined && ours.unpack === undefined) return [];
  const said = (answer: PushAnswer) => answer.unpack ?? `no report, ${answer.error ?? "silence"}`;
  return [{ kind: "report", detail: `git: ${said(git)}\nours: ${said(ours)}` }];
}

function compareResults(git: PushAnswer, ours: PushAnswer): PushFinding[] {
  const names = (answer: PushAnswer) => answer.results.map(([name]) => name).join();
  if (names(git) !== names(ours)) {
    return [{ kind: "report", detail: `git: ${names(git)}\nours: ${names(ours)}` }];
  }
  return git.results.flatMap(([name, expected], at): PushFinding[] => {
    const found = ours.results[at]![1];
    if (found === expected) return [];
    const kind = found === "ok" || expected === "ok" ? "result" : "reason";
    return [{ kind, name, detail: `${name}\ngit: ${expected}\nours: ${found}` }];
  });
}
