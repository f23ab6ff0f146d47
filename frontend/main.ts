/**
 * The command line of the server that runs every role in one process.
 *
 * @module
 */

import {
  GitStratumError,
  LineLogger,
  readServerConfig,
  type ServerConfig,
  serverHelpText,
  systemClock,
  systemRandom,
} from "@gitstratum/core";
import { type AllInOne, startAllInOne } from "./all_in_one.ts";

const stderr = new TextEncoder();

function makeLogger(level: ServerConfig["logLevel"]): LineLogger {
  return new LineLogger({
    clock: systemClock,
    level,
    format: Deno.stderr.isTerminal() ? "text" : "json",
    write: (line) => void Deno.stderr.writeSync(stderr.encode(`${line}\n`)),
  });
}

/** Resolves with the name of the first signal that asks for an end. */
function endSignal(): Promise<Deno.Signal> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => resolve(signal));
    }
  });
}

function greeting(server: AllInOne, config: ServerConfig): string {
  const { url, sshUrl, dataDirectory } = server;
  const push = `git push ${url}/me/project.git HEAD:main`;
  const create = `curl -X POST ${url}/api/v1/repos -d '{"name":"me/project"}'`;
  return [
    `GitStratum serves ${url} and ${sshUrl}`,
    `Data directory: ${dataDirectory}`,
    ...(config.readOnly ? ["Read-only: pushes are refused"] : [
      "Try, in a repository of yours:",
      ...(config.autoCreate ? [] : [`  ${create}`]),
      `  ${push}`,
    ]),
  ].join("\n");
}

async function serve(config: ServerConfig): Promise<void> {
  const ended = endSignal();
  const logger = makeLogger(config.logLevel);
  const server = await startAllInOne({
    dataDirectory: config.data,
    http: config.http,
    ssh: config.ssh,
    readOnly: config.readOnly,
    autoCreate: config.autoCreate,
    packCache: {
      bytesMax: config.packCacheBytes,
      storeFrom: config.packCacheFrom,
      ttlMs: config.packCacheTtlS * 1000,
    },
    clock: systemClock,
    random: systemRandom,
    logger,
  });
  console.log(greeting(server, config));
  logger.info("Stop", { signal: await ended });
  await server.close();
}

async function main(): Promise<number> {
  const result = readServerConfig({ args: Deno.args, environment: Deno.env.toObject() });
  switch (result.kind) {
    case "help":
      console.log(serverHelpText());
      return 0;
    case "invalid":
      console.error(result.problems.join("\n"));
      return 2;
    case "values":
      await serve(result.values);
      return 0;
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(error instanceof GitStratumError ? error.describe() : error);
    Deno.exit(1);
  }
}
