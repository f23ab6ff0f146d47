/**
 * Commands about the rules for references of a repository. Rules are one setting; each command reads
 * them, changes one and writes them back, unless somebody else wrote meanwhile: then it begins again.
 *
 * @module
 */

import { GitStratumError, hasCode } from "@gitstratum/core";
import { type ReferenceRule, ROLES } from "@gitstratum/core/access";
import { type AdminCommand, adminCommand, type AdminContext } from "./admin_command.ts";
import {
  choiceFlag,
  REPOSITORY,
  type RepositoryPath,
  switchFlag,
  textsFlag,
} from "./command_parts.ts";
import { column } from "./text_table.ts";

/** Others who write at the same moment are people. */
const ROUND_COUNT_MAX = 10;

const COLUMNS = [
  column<ReferenceRule>("pattern", ({ pattern }) => pattern),
  column<ReferenceRule>("refuses", refusedBy),
  column<ReferenceRule>("pushers", pushersOf),
];

function refusedBy(rule: ReferenceRule): string {
  const { denyDelete, denyForce, linearHistory, signed } = rule;
  const refused = { deletion: denyDelete, force: denyForce, merges: linearHistory };
  const names = Object.entries(refused).filter(([, isSet]) => isSet).map(([name]) => name);
  return [...names, ...signed ? ["unsigned commits"] : []].join(", ");
}

function pushersOf({ pushers }: ReferenceRule): string {
  if (pushers === undefined) return "whoever may write";
  const { role, users, deployKeys } = pushers;
  const named = [...role === undefined ? [] : [`role ${role}`], ...users, ...deployKeys];
  return named.join(", ") || "nobody";
}

const PATTERN = {
  placeholder: "PATTERN",
  help: "Names of references: refs/heads/main, refs/heads/release/*, refs/tags/**.",
  parse: (text: string) => text,
};

async function rulesOf(path: RepositoryPath, { api }: Pick<AdminContext, "api">) {
  const { settings, version } = await api.call("getRepository", { path });
  return { rules: settings.protectedReferences ?? [], version };
}

/** Reads the rules and writes what becomes of them, again when somebody else wrote meanwhile. */
async function changeRules(
  path: RepositoryPath,
  { api }: AdminContext,
  change: (rules: readonly ReferenceRule[]) => readonly ReferenceRule[],
): Promise<void> {
  for (let round = 1;; round++) {
    const { rules, version } = await rulesOf(path, { api });
    const settings = { protectedReferences: [...change(rules)] };
    try {
      await api.call("updateRepository", { path, body: { settings, ifVersion: version } });
      return;
    } catch (error) {
      if (round === ROUND_COUNT_MAX || !hasCode(error, "conflict")) throw error;
    }
  }
}

/** The commands. */
export const PROTECTION_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "protection list",
    summary: "Lists which references of a repository are protected, and from what.",
    operations: ["getRepository"],
    arguments: { repository: REPOSITORY },
    async run({ repository }, context) {
      const { rules } = await rulesOf(repository, context);
      return { kind: "entries", pages: onePage(rules), columns: COLUMNS };
    },
  }),
  adminCommand({
    words: "protection set",
    summary: "Protects references, in place of the rule with the same pattern.",
    operations: ["getRepository", "updateRepository"],
    arguments: { repository: REPOSITORY, pattern: PATTERN },
    flags: {
      denyDelete: switchFlag({ flag: "deny-delete", help: "They are not deleted." }),
      denyForce: switchFlag({ flag: "deny-force", help: "They only move forward." }),
      linearHistory: switchFlag({ flag: "linear", help: "They take no merge commits." }),
      signed: switchFlag({ flag: "signed", help: "They take only commits with a good signature." }),
      pusherRole: choiceFlag({
        flag: "pusher-role",
        choices: ROLES,
        help: "Only whoever has at least this role changes them, and those named.",
      }),
      pushers: textsFlag({
        flag: "pusher",
        placeholder: "USER",
        help: "Only this user changes them, and others who are named.",
      }),
      deployKeys: textsFlag({
        flag: "pusher-key",
        placeholder: "ID",
        help: "Only this deploy key changes them, and others that are named.",
      }),
    },
    async run({ repository, pattern, pusherRole, pushers, deployKeys, ...flags }, context) {
      const { denyDelete = false, denyForce = false, linearHistory = false, signed = false } =
        flags;
      const isLimited = [pusherRole, pushers, deployKeys].some((value) => value !== undefined);
      const rule = {
        ...{ pattern, denyDelete, denyForce, linearHistory, signed },
        ...(isLimited ? { pushers: pushersBy({ pusherRole, pushers, deployKeys }) } : {}),
      } as ReferenceRule;
      await changeRules(repository, context, (rules) => [...without(rules, pattern), rule]);
      return { kind: "value", value: rule };
    },
  }),
  adminCommand({
    words: "protection remove",
    summary: "Ends the protection of references.",
    operations: ["getRepository", "updateRepository"],
    arguments: { repository: REPOSITORY, pattern: PATTERN },
    async run({ repository, pattern }, context) {
      await changeRules(repository, context, (rules) => {
        const others = without(rules, pattern);
        if (others.length < rules.length) return others;
        throw new GitStratumError("not-found", "Find no rule for this pattern", {
          data: { pattern },
        });
      });
      return { kind: "done", text: `${pattern} is protected no more` };
    },
  }),
];

function without(rules: readonly ReferenceRule[], pattern: string): readonly ReferenceRule[] {
  return rules.filter((one) => one.pattern !== pattern);
}

function pushersBy(
  flags: {
    readonly pusherRole: string | undefined;
    readonly pushers: readonly string[] | undefined;
    readonly deployKeys: readonly string[] | undefined;
  },
) {
  const { pusherRole: role, pushers: users = [], deployKeys = [] } = flags;
  return { ...(role === undefined ? {} : { role }), users, deployKeys };
}

/** A page that is there already, as one that is asked for. */
async function* onePage<Entry>(entries: readonly Entry[]): AsyncGenerator<readonly Entry[]> {
  yield entries;
}
