/**
 * What git's server says on side band 2 of commands that a rule of the repository refused, or only
 * warns of: the report has a word or two for each, and people read these lines behind `remote:`.
 *
 * @module
 */

import { isZeroOid } from "@gitstratum/core/git";
import type { CommandResult, ReferenceCommand, RepositoryInfo } from "@gitstratum/core/rpc";

/** Lines of one push: what refuses one reference of a thousand should not fill a screen. */
const NOTE_COUNT_MAX = 20;

/** The line about a refused command, by the reason in the report (git, builtin/receive-pack.c). */
const NOTES: ReadonlyMap<string, (name: string) => string> = new Map([
  ["deletion prohibited", (name) => `denying ref deletion for ${name}`],
  [
    "deletion of the current branch prohibited",
    (name) => `refusing to delete the current branch: ${name}`,
  ],
  ["non-fast-forward", (name) => `denying non-fast-forward ${name} (you should pull first)`],
]);

/** Lines that end in `\n`; empty when no rule refused anything. */
export function rejectionNotes(results: readonly CommandResult[]): string {
  return results
    .flatMap(({ name, rejected }) => {
      const note = rejected === undefined ? undefined : NOTES.get(rejected);
      return note === undefined ? [] : `error: ${note(name)}\n`;
    })
    .slice(0, NOTE_COUNT_MAX)
    .join("");
}

/** The line about a deletion of the current branch that was let through with a warning, or nothing. */
export function deletionWarning(
  commands: readonly ReferenceCommand[],
  options: {
    readonly repository: Pick<RepositoryInfo, "head" | "settings">;
    readonly results: readonly CommandResult[];
  },
): string {
  const { head, settings } = options.repository;
  if (settings.denyDeleteCurrent !== "warn") return "";
  const deleted = commands.some(({ name, oldOid, newOid }, index) =>
    name === head && !isZeroOid(oldOid) && isZeroOid(newOid) &&
    options.results[index]?.rejected === undefined
  );
  return deleted ? "warning: deleting the current branch\n" : "";
}
