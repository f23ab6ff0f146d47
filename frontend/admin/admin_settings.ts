/**
 * What the command line is told besides the command: which server, which token, how to print.
 *
 * @module
 */

import {
  type ConfigOption,
  type ConfigValues,
  optionalTextOption,
  switchOption,
  urlOption,
} from "@gitstratum/core";

/** The settings by name. */
export type AdminSettingsTable = {
  readonly server: ConfigOption<string | undefined>;
  readonly tokenFile: ConfigOption<string | undefined>;
  readonly tlsCa: ConfigOption<string | undefined>;
  readonly allowHttp: ConfigOption<boolean | undefined>;
  readonly json: ConfigOption<boolean | undefined>;
  readonly yes: ConfigOption<boolean | undefined>;
  readonly from: ConfigOption<string | undefined>;
};

/** The environment variable that holds a token. */
export const TOKEN_VARIABLE = "GITSTRATUM_TOKEN";

/** Every setting with its flag and environment variable. */
export const ADMIN_SETTINGS_TABLE: AdminSettingsTable = {
  server: {
    ...urlOption({
      flag: "server",
      environment: "GITSTRATUM_SERVER",
      help: "Where the server is.",
    }),
    defaultText: "http://127.0.0.1:8080",
  },
  tokenFile: optionalTextOption({
    flag: "token-file",
    environment: "GITSTRATUM_TOKEN_FILE",
    placeholder: "FILE",
    help: `A file of mode 600 with your token; ${TOKEN_VARIABLE} wins, then what login kept.`,
  }),
  tlsCa: optionalTextOption({
    flag: "tls-ca",
    environment: "GITSTRATUM_TLS_CA",
    placeholder: "FILE",
    help: "PEM file with the authority that vouches for the server.",
  }),
  allowHttp: switchOption({
    flag: "allow-http",
    environment: "GITSTRATUM_ALLOW_HTTP",
    help: "Sends the token over plain HTTP to another machine: whoever is between can read it.",
  }),
  json: switchOption({
    flag: "json",
    environment: "GITSTRATUM_JSON",
    help: "Prints JSON for programs: one document, or a line for each entry of a list.",
  }),
  yes: switchOption({
    flag: "yes",
    environment: "GITSTRATUM_YES",
    help: "Asks nothing before something is deleted.",
  }),
  from: optionalTextOption({
    flag: "from",
    environment: "GITSTRATUM_FROM",
    placeholder: "FILE",
    help: "Takes the arguments that may repeat from the lines of a file; - is standard input.",
  }),
};

/** The settings. */
export type AdminSettings = ConfigValues<AdminSettingsTable>;

/** Whether a token may be sent there: not in plain text to other machines. */
export function mayCarryToken(
  baseUrl: string,
  settings: Pick<AdminSettings, "allowHttp">,
): boolean {
  const { protocol, hostname } = new URL(baseUrl);
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  return protocol === "https:" || isHere || settings.allowHttp === true;
}
