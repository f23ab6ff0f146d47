/**
 * What CI jobs call.
 *
 * @module
 */

import { type AdminCommand, adminCommand } from "./admin_command.ts";
import { textFlag } from "./command_parts.ts";

const TOKEN_FILE = {
  placeholder: "FILE",
  help: "Holds the token of the issuer; - is standard input.",
  parse: (text: string): string => text,
};

/** The commands. */
export const JOB_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "oidc exchange",
    summary: "Exchanges a CI job's token from its issuer for one of a repository.",
    operations: ["exchangeToken"],
    arguments: { file: TOKEN_FILE },
    flags: {
      repository: textFlag({
        flag: "for",
        placeholder: "OWNER/NAME",
        help: "The repository that it is for, where trusts of several fit.",
      }),
    },
    async run({ file, repository }, { api, readText }) {
      const token = (await readText(file)).trim();
      const body = { token, ...(repository === undefined ? {} : { repository }) };
      return { kind: "value", value: await api.call("exchangeToken", { body }) };
    },
  }),
];
