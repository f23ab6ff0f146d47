/**
 * Commands about the machines that use a repository: deploy keys, issuers, trusts.
 *
 * @module
 */

import { type AdminCommand, adminCommand } from "./admin_command.ts";
import { type EntryOf, pagesOf } from "./admin_api.ts";
import {
  choiceFlag,
  EXPIRES,
  ID,
  LABEL,
  LIMIT,
  REPOSITORY,
  textFlag,
  textsFlag,
} from "./command_parts.ts";
import { KEY_COLUMNS, KEY_FILE } from "./credential_commands.ts";
import { column } from "./text_table.ts";

type DeployKey = EntryOf<"listDeployKeys">;
type Issuer = EntryOf<"listIssuers">;
type Trust = EntryOf<"listTrusts">;

const DEPLOY_KEY_COLUMNS = [...KEY_COLUMNS, column<DeployKey>("role", ({ role }) => role)];

const ISSUER_COLUMNS = [
  column<Issuer>("id", ({ id }) => id),
  column<Issuer>("url", ({ url }) => url),
  column<Issuer>("audience", ({ audience }) => audience),
  column<Issuer>("created", ({ createdAt }) => createdAt.slice(0, 10)),
];

const TRUST_COLUMNS = [
  column<Trust>("id", ({ id }) => id),
  column<Trust>("issuer", ({ issuer }) => issuer),
  column<Trust>("role", ({ role }) => role),
  column<Trust>(
    "claims",
    ({ claims }) => claims.map(({ claim, pattern }) => `${claim}=${pattern}`).join(" "),
  ),
  column<Trust>("label", ({ label }) => label),
];

const ROLE = choiceFlag({
  flag: "role",
  choices: ["read", "write"],
  help: "What it may do; read unless told.",
});

/** `NAME=PATTERN` */
function claimOf(text: string) {
  const [, claim, pattern] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (claim !== undefined && pattern !== undefined) return { claim, pattern };
  throw new Error("--claim must be like ref=refs/heads/*");
}

const DEPLOY_KEY_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "deploy-key list",
    summary: "Lists the deploy keys of a repository.",
    operations: ["listDeployKeys"],
    arguments: { repository: REPOSITORY },
    flags: { limit: LIMIT },
    run: ({ repository: path, limit }, { api }) => {
      const pages = pagesOf(api, "listDeployKeys", { request: { path }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: DEPLOY_KEY_COLUMNS });
    },
  }),
  adminCommand({
    words: "deploy-key add",
    summary: "Adds a deploy key to a repository.",
    operations: ["addDeployKey"],
    arguments: { repository: REPOSITORY, file: KEY_FILE },
    flags: { role: ROLE, label: LABEL, expires: EXPIRES },
    async run({ repository: path, file, role, label, expires }, { api, nowMs, readText }) {
      const body = {
        key: (await readText(file)).trim(),
        ...(role === undefined ? {} : { role }),
        ...(label === undefined ? {} : { label }),
        ...(expires === undefined ? {} : { expiresAt: expires(nowMs) }),
      };
      return { kind: "value", value: await api.call("addDeployKey", { path, body }) };
    },
  }),
  adminCommand({
    words: "deploy-key remove",
    summary: "Takes deploy keys away from a repository.",
    operations: ["deleteDeployKey"],
    arguments: { repository: REPOSITORY, id: { ...ID, repeats: true } },
    async run({ repository, id }, { api }) {
      await api.call("deleteDeployKey", { path: { ...repository, id } });
      return { kind: "done", text: `${id} is removed` };
    },
  }),
];

const ISSUER_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "issuer list",
    summary: "Lists the OpenID Connect issuers whose tokens may be exchanged.",
    operations: ["listIssuers"],
    flags: { limit: LIMIT },
    run: ({ limit }, { api }) => {
      const pages = pagesOf(api, "listIssuers", { limit });
      return Promise.resolve({ kind: "entries", pages, columns: ISSUER_COLUMNS });
    },
  }),
  adminCommand({
    words: "issuer add",
    summary: "Makes an OpenID Connect issuer known.",
    operations: ["createIssuer"],
    arguments: {
      url: {
        placeholder: "URL",
        help: "The claim `iss` of its tokens, to the letter.",
        parse: (text: string) => text,
      },
    },
    flags: {
      audience: textFlag({
        flag: "audience",
        placeholder: "TEXT",
        isRequired: true,
        help: "The claim `aud` that its tokens must have.",
      }),
      keysUrl: textFlag({
        flag: "keys-url",
        placeholder: "URL",
        help: "Where its keys are; as its discovery document says unless told.",
      }),
    },
    async run({ url, audience, keysUrl }, { api }) {
      const body = { url, audience: audience!, ...(keysUrl === undefined ? {} : { keysUrl }) };
      return { kind: "value", value: await api.call("createIssuer", { body }) };
    },
  }),
  adminCommand({
    words: "issuer remove",
    summary: "Forgets an issuer, with all trusts in it and tokens given by them.",
    operations: ["deleteIssuer"],
    arguments: { id: ID },
    question: "Forget the issuer",
    async run({ id }, { api }) {
      await api.call("deleteIssuer", { path: { id } });
      return { kind: "done", text: `${id} is forgotten` };
    },
  }),
];

const TRUST_COMMANDS: readonly AdminCommand[] = [
  adminCommand({
    words: "trust list",
    summary: "Lists which tokens of issuers are exchanged for tokens of a repository.",
    operations: ["listTrusts"],
    arguments: { repository: REPOSITORY },
    flags: { limit: LIMIT },
    run: ({ repository: path, limit }, { api }) => {
      const pages = pagesOf(api, "listTrusts", { request: { path }, limit });
      return Promise.resolve({ kind: "entries", pages, columns: TRUST_COLUMNS });
    },
  }),
  adminCommand({
    words: "trust add",
    summary: "Lets tokens of an issuer be exchanged for tokens of a repository.",
    operations: ["createTrust"],
    arguments: { repository: REPOSITORY, issuer: { ...ID, placeholder: "ISSUER-ID" } },
    flags: {
      role: ROLE,
      claims: textsFlag({
        flag: "claim",
        placeholder: "NAME=PATTERN",
        isRequired: true,
        help: "What a claim must be; all that are given hold.",
      }),
      label: LABEL,
    },
    async run({ repository: path, issuer, role, claims, label }, { api }) {
      const body = {
        issuer,
        claims: claims!.map(claimOf),
        ...(role === undefined ? {} : { role }),
        ...(label === undefined ? {} : { label }),
      };
      return { kind: "value", value: await api.call("createTrust", { path, body }) };
    },
  }),
  adminCommand({
    words: "trust remove",
    summary: "Takes trusts away, with all tokens given by them.",
    operations: ["deleteTrust"],
    arguments: { repository: REPOSITORY, id: { ...ID, repeats: true } },
    async run({ repository, id }, { api }) {
      await api.call("deleteTrust", { path: { ...repository, id } });
      return { kind: "done", text: `${id} is removed` };
    },
  }),
];

/** The commands. */
export const DEPLOY_COMMANDS: readonly AdminCommand[] = [
  ...DEPLOY_KEY_COMMANDS,
  ...ISSUER_COMMANDS,
  ...TRUST_COMMANDS,
];
