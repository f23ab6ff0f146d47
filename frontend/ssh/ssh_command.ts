/**
 * The one command of an SSH session: a service of git and a quoted path.
 *
 * No shell ever sees the text. It is read exactly as git's own restricted shell reads it, and whatever
 * is anything else is refused.
 *
 * @module
 */

import { GitStratumError, SSH_COMMAND_BYTES_MAX } from "@gitstratum/core";
import { parseRepositoryName, type RepositoryName } from "@gitstratum/core/rpc";
import type { ConversationService } from "../session/git_conversations.ts";

/** What a client asks to run. */
export interface SshCommand {
  readonly service: ConversationService;
  readonly name: RepositoryName;
}

/** Every command that a client may run. */
export const SSH_SERVICES: readonly ConversationService[] = [
  "git-upload-pack",
  "git-receive-pack",
  "git-upload-archive",
];

const COMMAND = /^(git[- ][a-z-]+)(?:[ \t]+(.*))?$/s;
/** A path that needs no quotes. */
const PLAIN = /^[A-Za-z0-9_./@:+,=~^-]+$/;
/** Quoted runs, parted by backslashed quotes and exclamation marks only (git's `sq_quote`). */
const QUOTED = /^'[^']*'(?:\\['!]'[^']*')*$/;

function unknownCommand(text: string): GitStratumError {
  return new GitStratumError("unsupported", "Run nothing but git's own services", {
    data: { command: text.slice(0, 100), services: SSH_SERVICES.join(", ") },
  });
}

/**
 * Takes the quotes off one word, as git puts them on: `'a b'`, `'it'\''s'`. Undefined when the text is
 * no such word.
 */
export function unquotePath(text: string): string | undefined {
  if (PLAIN.test(text)) return text;
  if (!QUOTED.test(text)) return undefined;
  return text.slice(1, -1).replaceAll(/'\\(['!])'/g, "$1");
}

/** The repository that a path of an SSH URL, or what stands behind the colon of scp's form, names. */
function repositoryOf(path: string): RepositoryName {
  const bare = path.replace(/^\//, "").replace(/\/+$/, "").replace(/\.git$/, "");
  return parseRepositoryName(bare);
}

/**
 * Reads a command line.
 *
 * @throws `unsupported` when it runs anything but git's services
 * @throws `invalid` when the path is missing, badly quoted, or names no repository
 */
export function parseSshCommand(text: string): SshCommand {
  if (text.length > SSH_COMMAND_BYTES_MAX) throw unknownCommand(text);
  const match = COMMAND.exec(text);
  const service = SSH_SERVICES.find((each) => each === match?.[1]?.replace(" ", "-"));
  if (match === null || service === undefined) throw unknownCommand(text);
  const path = unquotePath(match[2]?.trimEnd() ?? "");
  if (path === undefined) {
    throw new GitStratumError("invalid", "Expect one path in single quotes", {
      data: { command: text.slice(0, 100) },
    });
  }
  return { service, name: repositoryOf(path) };
}
