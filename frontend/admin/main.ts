/**
 * The command line for whoever manages a server (`deno task admin`).
 *
 * @module
 */

import { networkFetcher, systemProcessWorld } from "@gitstratum/core/process";
import { FileTokens, tokenDirectory } from "./admin_tokens.ts";
import { type AdminWorld, runAdmin } from "./run_admin.ts";

/** Longest standard input or file, in characters: names of a hundred thousand repositories. */
const TEXT_LENGTH_MAX = 32 * 1024 * 1024;

/** A path as its user means it: tasks run in the project's directory, whoever calls them elsewhere. */
function meant(path: string): string {
  const from = Deno.build.standalone ? undefined : Deno.env.get("INIT_CWD");
  return from === undefined || path.startsWith("/") ? path : `${from}/${path}`;
}

async function readText(path: string): Promise<string> {
  const text = path === "-"
    ? await new Response(Deno.stdin.readable).text()
    : await Deno.readTextFile(meant(path));
  if (text.length <= TEXT_LENGTH_MAX) return text;
  throw new Error(`${path} is longer than ${TEXT_LENGTH_MAX} characters`);
}

function world(): AdminWorld {
  const { args, environment, clock, print, printError, readTextFile } = systemProcessWorld();
  const tokens = new FileTokens(tokenDirectory(environment));
  const encoder = new TextEncoder();
  return {
    args,
    environment,
    clock,
    print,
    printError,
    readText,
    terminal: {
      isTerminal: Deno.stderr.isTerminal(),
      write: (text) => void Deno.stderr.writeSync(encoder.encode(text)),
    },
    fetcher({ tlsCa }) {
      const caCerts = tlsCa === undefined ? {} : { caCerts: [readTextFile(meant(tlsCa))] };
      return networkFetcher(Deno.createHttpClient(caCerts));
    },
    confirm: (question) => Deno.stdin.isTerminal() ? confirm(question) : undefined,
    tokens: {
      read: (path) => tokens.read(meant(path)),
      kept: (baseUrl) => tokens.kept(baseUrl),
      keep: (baseUrl, token) => tokens.keep(baseUrl, token),
    },
  };
}

if (import.meta.main) Deno.exit(await runAdmin(world()));
