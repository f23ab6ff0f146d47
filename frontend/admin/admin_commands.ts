/**
 * All commands, in the order of the help text.
 *
 * @module
 */

import { ACCOUNT_COMMANDS } from "./account_commands.ts";
import type { AdminCommand } from "./admin_command.ts";
import { CREDENTIAL_COMMANDS } from "./credential_commands.ts";
import { DEPLOY_COMMANDS } from "./deploy_commands.ts";
import { JOB_COMMANDS } from "./job_commands.ts";
import { EVENT_COMMANDS } from "./event_commands.ts";
import { LIFE_COMMANDS } from "./life_commands.ts";
import { MEMBER_COMMANDS } from "./member_commands.ts";
import { OPENPGP_KEY_COMMANDS } from "./openpgp_key_commands.ts";
import { PROTECTION_COMMANDS } from "./protection_commands.ts";
import { REPOSITORY_COMMANDS } from "./repository_commands.ts";

/** The commands. */
export const ADMIN_COMMANDS: readonly AdminCommand[] = [
  ...REPOSITORY_COMMANDS,
  ...LIFE_COMMANDS,
  ...PROTECTION_COMMANDS,
  ...MEMBER_COMMANDS,
  ...ACCOUNT_COMMANDS,
  ...CREDENTIAL_COMMANDS,
  ...OPENPGP_KEY_COMMANDS,
  ...DEPLOY_COMMANDS,
  ...JOB_COMMANDS,
  ...EVENT_COMMANDS,
];
