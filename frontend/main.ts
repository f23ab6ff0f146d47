/**
 * The command line of the server that clients talk to: every role in one process.
 *
 * @module
 */

import { readServerConfig, type ServerConfig, serverHelpText } from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import {
  addProcessMetrics,
  type ProcessWorld,
  readNodeFiles,
  type RunningProcess,
  runProcess,
  type StartContext,
  systemProcessWorld,
} from "@gitstratum/core/process";
import { startAllInOne } from "./all_in_one.ts";
import type { FrontendServer, FrontendServerOptions } from "./frontend_server.ts";

function serverOptions(
  config: ServerConfig,
  world: ProcessWorld,
  context: StartContext,
): FrontendServerOptions {
  const { clock, random } = world;
  const { files } = readNodeFiles(config, (path) => world.readTextFile(path));
  const metrics = new PrometheusMetrics();
  addProcessMetrics(metrics, { clock, memory: () => Deno.memoryUsage() });
  return {
    http: config.http,
    ssh: config.ssh,
    admin: {
      ...config.admin,
      ...(files.adminToken === undefined ? {} : { token: files.adminToken }),
    },
    ...(files.tls === undefined ? {} : { tls: files.tls }),
    readOnly: config.readOnly,
    autoCreate: config.autoCreate,
    packCache: {
      bytesMax: config.packCacheBytes,
      storeFrom: config.packCacheFrom,
      ttlMs: config.packCacheTtlS * 1000,
    },
    accessLog: config.accessLog ?? true,
    metrics,
    clock,
    random,
    logger: context.logger,
  };
}

function greeting(
  server: FrontendServer & { readonly dataDirectory: string },
  config: ServerConfig,
): string {
  const { url, sshUrl, adminUrl, dataDirectory } = server;
  const push = `git push ${url}/me/project.git HEAD:main`;
  const create = `curl -X POST ${url}/api/v1/repos -d '{"name":"me/project"}'`;
  return [
    `GitStratum serves ${url} and ${sshUrl}`,
    `Data directory: ${dataDirectory}`,
    `Metrics: ${adminUrl}/metrics`,
    ...(config.readOnly ? ["Read-only: pushes are refused"] : [
      "Try, in a repository of yours:",
      ...(config.autoCreate ? [] : [`  ${create}`]),
      `  ${push}`,
    ]),
  ].join("\n");
}

async function start(
  config: ServerConfig,
  world: ProcessWorld,
  context: StartContext,
): Promise<RunningProcess> {
  const options = serverOptions(config, world, context);
  const { onFatal } = context;
  const server = await startAllInOne({ ...options, dataDirectory: config.data, onFatal });
  return {
    greeting: greeting(server, config),
    drain: () => server.drain(),
    close: () => server.close(),
  };
}

if (import.meta.main) {
  const world = systemProcessWorld();
  Deno.exit(
    await runProcess(world, {
      read: readServerConfig,
      help: serverHelpText,
      start: (config, context) => start(config, world, context),
    }),
  );
}
