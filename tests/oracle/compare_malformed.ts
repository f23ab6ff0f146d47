/**
 * Compares two answers to one malformed fetch: whether it is served, and how it is refused.
 *
 * @module
 */

import { type FetchAnswer, isSilentRefusal } from "./fetch_answer.ts";

/** Something in which the answers differ. */
export interface MalformedFinding {
  readonly kind:
    /** One serves, the other refuses. */
    | "verdict"
    /** GitStratum refuses in a way that a client could take for an answer. */
    | "shape"
    /** Both serve, in other lines. */
    | "lines"
    /** See `compare_push.ts`. */
    | "unpack"
    | "result"
    | "reason"
    | "report"
    | "fsck"
    | "references";
  readonly detail: string;
  /** Whether it is GitStratum that refuses. */
  readonly isStricter?: boolean;
  /** Both answers' lines, for findings about them. */
  readonly lines?: { readonly git: readonly string[]; readonly ours: readonly string[] };
}

/**
 * What http-backend exits with when the service reads no further, be it done or dead: without a line of
 * an answer nothing can be said.
 */
const EXIT_UNREAD = 141;

/** Whether an answer that came as a whole ends where none may end; no answer at all may. */
function isUnfinished(answer: FetchAnswer): boolean {
  const last = answer.lines.at(-1);
  // Behind an acknowledgment that goes on, more has to come.
  return last !== undefined && (isSilentRefusal(answer) || /^ACK \S+ /.test(last));
}

function isGitsRefusal(git: FetchAnswer, exit: number): boolean {
  if (git.status !== 200 || git.error !== undefined) return true;
  return exit === EXIT_UNREAD ? isUnfinished(git) : exit !== 0;
}

function isOurRefusal(ours: FetchAnswer): boolean {
  return ours.error !== undefined || ours.status !== 200 || ours.isBroken;
}

function said(answer: FetchAnswer): string {
  const { status, lines, error = "", isBroken } = answer;
  const shown = lines.slice(0, 6).map((text) => text.slice(0, 80)).join("|");
  return `${status} ${shown} ${error.slice(0, 200)}${isBroken ? " (cut)" : ""}`;
}

/** All differences. Git's exit code tells a death that its bytes do not show. */
export function compareMalformed(
  { git, ours, gitExit }: {
    readonly git: FetchAnswer;
    readonly ours: FetchAnswer;
    readonly gitExit: number;
  },
): MalformedFinding[] {
  const detail = `git: exit ${gitExit} ${said(git)}\nours: ${said(ours)}`;
  const isRefused = isOurRefusal(ours);
  // Git dies without a word; whoever is refused here is told, or sees the connection break.
  if (!isRefused && isUnfinished(ours)) return [{ kind: "shape", detail }];
  if (gitExit === EXIT_UNREAD && git.lines.length === 0) return [];
  if (isGitsRefusal(git, gitExit) !== isRefused) {
    return [{ kind: "verdict", detail, isStricter: isRefused }];
  }
  if (isRefused || git.lines.join("\n") === ours.lines.join("\n")) return [];
  return [{ kind: "lines", detail, lines: { git: git.lines, ours: ours.lines } }];
}
