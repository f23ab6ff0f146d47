/**
 * The settings of the server that clients talk to: everything in one process, or the frontend of a
 * cluster.
 *
 * @module
 */

import { ADMISSION_CONFIG_TABLE, type AdmissionConfigTable } from "./admission_config.ts";
import {
  type ConfigOption,
  type ConfigResult,
  type ConfigSources,
  type ConfigValues,
  countOption,
  helpText,
  readConfig,
  sizeOption,
  switchOption,
  textOption,
} from "./config.ts";
import {
  EVENT_CONFIG_TABLE,
  type EventConfigTable,
  PUSH_POLICY_CONFIG_TABLE,
  type PushPolicyConfigTable,
} from "./event_config.ts";
import {
  CONTROL_URLS_OPTION,
  MEMBERSHIP_CONFIG_TABLE,
  type NodeConfigTable,
  PROCESS_CONFIG_TABLE,
  readNodeFiles,
  WARM_START_OPTION,
} from "./process/node_config.ts";
import { PROXY_CONFIG_TABLE, type ProxyConfigTable } from "./proxy_config.ts";
import {
  addressOption,
  formatSocketAddress,
  isLoopback,
  type SocketAddress,
} from "./socket_address.ts";

/** The settings by name. */
export type ServerConfigTable =
  & Omit<NodeConfigTable, "listen" | "weight">
  & AdmissionConfigTable
  & EventConfigTable
  & PushPolicyConfigTable
  & ProxyConfigTable
  & {
    readonly control: ConfigOption<readonly string[] | undefined>;
    readonly data: ConfigOption<string>;
    readonly http: ConfigOption<SocketAddress>;
    readonly ssh: ConfigOption<SocketAddress>;
    readonly auth: ConfigOption<boolean | undefined>;
    readonly insecureOpenAccess: ConfigOption<boolean | undefined>;
    readonly recoverAdministrator: ConfigOption<boolean | undefined>;
    readonly readOnly: ConfigOption<boolean | undefined>;
    readonly autoCreate: ConfigOption<boolean | undefined>;
    readonly packCacheBytes: ConfigOption<number>;
    readonly packCacheFrom: ConfigOption<number>;
    readonly packCacheTtlS: ConfigOption<number>;
    readonly warmStartMs: ConfigOption<number>;
  };

/** Every setting with its flag, environment variable, default and help text. */
export const SERVER_CONFIG_TABLE: ServerConfigTable = {
  control: {
    ...CONTROL_URLS_OPTION,
    help: "Control nodes of a cluster to be a frontend of; without it, every role runs here.",
  },
  data: textOption({
    flag: "data",
    environment: "GITSTRATUM_DATA",
    placeholder: "DIRECTORY",
    defaultText: "./data",
    help: "Where everything is kept. One server uses it at a time.",
  }),
  http: addressOption({
    flag: "http",
    environment: "GITSTRATUM_HTTP",
    defaultText: "127.0.0.1:8080",
    help: "Where HTTP is served. Port 0 picks a free one.",
  }),
  ssh: addressOption({
    flag: "ssh",
    environment: "GITSTRATUM_SSH",
    defaultText: "127.0.0.1:2222",
    help: "Where SSH is served. Port 0 picks a free one.",
  }),
  auth: switchOption({
    flag: "auth",
    environment: "GITSTRATUM_AUTH",
    help: "Asks who somebody is and what they may do (default: off, for loopback only).",
  }),
  insecureOpenAccess: switchOption({
    flag: "insecure-open-access",
    environment: "GITSTRATUM_INSECURE_OPEN_ACCESS",
    help: "Serves other machines without --auth: whoever reaches them may push and delete.",
  }),
  recoverAdministrator: switchOption({
    flag: "recover-administrator",
    environment: "GITSTRATUM_RECOVER_ADMINISTRATOR",
    help: "With --auth: lets the user admin administer again and prints a token for a day.",
  }),
  readOnly: switchOption({
    flag: "read-only",
    environment: "GITSTRATUM_READ_ONLY",
    help: "Refuses every push and every change of repositories (default: off).",
  }),
  autoCreate: switchOption({
    flag: "auto-create",
    environment: "GITSTRATUM_AUTO_CREATE",
    help:
      "Lets the first push create a repository (default: on with --auth, and when HTTP is on loopback).",
  }),
  packCacheBytes: sizeOption({
    flag: "pack-cache",
    environment: "GITSTRATUM_PACK_CACHE",
    defaultText: "4GiB",
    help: "Disk space for packs that are asked for again. 0 keeps none.",
  }),
  packCacheFrom: countOption({
    flag: "pack-cache-from",
    environment: "GITSTRATUM_PACK_CACHE_FROM",
    placeholder: "COUNT",
    defaultText: "1",
    min: 1,
    help: "Which of several equal clones stores its pack; 1 is the first.",
  }),
  packCacheTtlS: countOption({
    flag: "pack-cache-ttl",
    environment: "GITSTRATUM_PACK_CACHE_TTL",
    placeholder: "SECONDS",
    defaultText: "86400",
    min: 1,
    help: "A stored pack that nobody asked for in this time goes.",
  }),
  warmStartMs: WARM_START_OPTION,
  ...PROXY_CONFIG_TABLE,
  ...ADMISSION_CONFIG_TABLE,
  ...EVENT_CONFIG_TABLE,
  ...PUSH_POLICY_CONFIG_TABLE,
  ...PROCESS_CONFIG_TABLE,
  ...MEMBERSHIP_CONFIG_TABLE,
};

/** The settings after all defaults. */
export type ServerConfig =
  & Omit<
    ConfigValues<ServerConfigTable>,
    "readOnly" | "autoCreate" | "auth" | "insecureOpenAccess"
  >
  & { readonly readOnly: boolean; readonly autoCreate: boolean; readonly auth: boolean };

/** What the sources say: settings, a wish for help, or all problems at once. */
export type ServerConfigResult =
  | { readonly kind: "values"; readonly values: ServerConfig }
  | Exclude<ConfigResult<ServerConfigTable>, { readonly kind: "values" }>;

/** Reads the settings of the all-in-one server or of a frontend. */
export function readServerConfig(sources: ConfigSources): ServerConfigResult {
  const { readTextFile } = sources;
  const result = readConfig(SERVER_CONFIG_TABLE, sources, (values) => [
    ...membershipProblems(values),
    ...openAccessProblems(values),
    ...recoveryProblems(values),
    ...(readTextFile === undefined ? [] : readNodeFiles(values, readTextFile).problems),
  ]);
  if (result.kind !== "values") return result;
  const { readOnly = false, auth = false, insecureOpenAccess: _, ...rest } = result.values;
  const { autoCreate = auth || isLoopback(rest.http) } = rest;
  return { kind: "values", values: { ...rest, readOnly, auth, autoCreate } };
}

function recoveryProblems(
  { auth, recoverAdministrator }: Partial<ConfigValues<ServerConfigTable>>,
): string[] {
  return recoverAdministrator === true && auth !== true
    ? ["--recover-administrator needs --auth: without it everybody administers"]
    : [];
}

/** Nobody opens a server to other machines without saying so. */
function openAccessProblems(
  { auth, insecureOpenAccess, http, ssh }: Partial<ConfigValues<ServerConfigTable>>,
): readonly string[] {
  if (auth === true || insecureOpenAccess === true) return [];
  return Object.entries({ http, ssh }).flatMap(([flag, address]) =>
    address === undefined || isLoopback(address) ? [] : [
      `--${flag} ${formatSocketAddress(address)} serves other machines: it needs --auth, or ` +
      "--insecure-open-access to let whoever reaches it push and delete",
    ]
  );
}

function membershipProblems(
  values: Partial<ConfigValues<ServerConfigTable>>,
): readonly string[] {
  if (values.control === undefined) return [];
  return [
    ...(values.id === undefined ? ["--id is needed where --control names a cluster"] : []),
    ...(values.secretFile === undefined
      ? ["--secret-file is needed where --control names a cluster"]
      : []),
  ];
}

/** The help text of the all-in-one server. */
export function serverHelpText(): string {
  return helpText("deno task start:frontend [options]", SERVER_CONFIG_TABLE);
}
