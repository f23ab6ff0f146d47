/**
 * The command line of the server that clients talk to: every role in one process, or with `--control`
 * the frontend of a cluster.
 *
 * @module
 */

import {
  admissionLimits,
  clientPath,
  daysMs,
  formatSocketAddress,
  isLoopback,
  readServerConfig,
  type ServerConfig,
  serverHelpText,
} from "@gitstratum/core";
import type { AccessToken } from "@gitstratum/core/access";
import { NetworkEgress, parseAddressRange } from "@gitstratum/core/egress";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import {
  addProcessMetrics,
  type NodeFiles,
  type ProcessWorld,
  readNodeFiles,
  type RunningProcess,
  runProcess,
  type StartContext,
  systemProcessWorld,
} from "@gitstratum/core/process";
import { FIRST_ADMINISTRATOR } from "./access/first_administrator.ts";
import { startAllInOne } from "./all_in_one.ts";
import { startClusterFrontend } from "./cluster_frontend.ts";
import type { FrontendServer, FrontendServerOptions } from "./frontend_server.ts";

function serverOptions(
  config: ServerConfig,
  files: NodeFiles,
  parts: { readonly world: ProcessWorld; readonly context: StartContext },
): FrontendServerOptions {
  const { world, context } = parts;
  const { clock, random } = world;
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
    auth: config.auth,
    readOnly: config.readOnly,
    autoCreate: config.autoCreate,
    packCache: {
      bytesMax: config.packCacheBytes,
      storeFrom: config.packCacheFrom,
      ttlMs: config.packCacheTtlS * 1000,
    },
    warmStartMs: config.warmStartMs,
    limits: admissionLimits(config, {
      isPublic: !isLoopback(config.http) || !isLoopback(config.ssh),
    }),
    ...pushPolicy(config, world),
    ...clientPath(config, config),
    accessLog: config.accessLog ?? true,
    issuerFetcher: (request) => fetch(request),
    metrics,
    clock,
    random,
    logger: context.logger,
  };
}

/** Any address: whoever starts the server chose it. */
const ANYWHERE = ["0.0.0.0/0", "::/0"].map(parseAddressRange);

function pushPolicy(
  config: ServerConfig,
  world: ProcessWorld,
): Pick<FrontendServerOptions, "policy"> {
  const { pushPolicyUrl: url, pushPolicySecretFile: path } = config;
  if (url === undefined) return {};
  const secret = path === undefined ? {} : { secret: world.readTextFile(path).trim() };
  return {
    policy: {
      url,
      egress: new NetworkEgress({ allowed: ANYWHERE }),
      timeoutMs: config.pushPolicyTimeoutS * 1000,
      failOpen: config.pushPolicyFailOpen ?? false,
      ...secret,
    },
  };
}

function greeting(
  server: FrontendServer & { readonly dataDirectory: string },
  config: ServerConfig,
  token: AccessToken | undefined,
): string {
  const { url, sshUrl, adminUrl, dataDirectory } = server;
  const [owner, login] = config.auth
    ? [FIRST_ADMINISTRATOR, `${FIRST_ADMINISTRATOR}@`]
    : ["me", ""];
  const push = `git push ${url.replace("://", `://${login}`)}/${owner}/project.git HEAD:main`;
  const create = `curl -X POST ${url}/api/v1/repos -d '{"name":"me/project"}'`;
  return [
    `GitStratum serves ${url} and ${sshUrl}`,
    `Data directory: ${dataDirectory}`,
    `Metrics: ${adminUrl}/metrics`,
    ...(token === undefined ? [] : [
      `The user ${FIRST_ADMINISTRATOR} administers, with this token as password, shown only now:`,
      `  ${token}`,
    ]),
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
  const { files } = readNodeFiles(config, (path) => world.readTextFile(path));
  const options = serverOptions(config, files, { world, context });
  const { onFatal, signal, logger } = context;
  if (config.auth && options.tls === undefined && !isLoopback(config.http)) {
    logger.warn("Take tokens over HTTP without encryption, unless a proxy in front encrypts", {
      address: formatSocketAddress(config.http),
    });
  }
  const { control, advertise } = config;
  const server = control === undefined
    ? await startAllInOne({
      ...options,
      dataDirectory: config.data,
      onFatal,
      egress: new NetworkEgress({ allowed: config.egressAllow ?? [] }),
      auditKeepMs: daysMs(config.auditDays),
    })
    : await startClusterFrontend({
      ...options,
      files,
      nodeId: config.id!,
      zone: config.zone,
      releaseLevel: config.releaseLevel,
      ...(advertise === undefined ? {} : { advertise }),
      controlUrls: control,
      dataDirectory: config.data,
      signal,
      onFatal,
    });
  const token = config.recoverAdministrator === true
    ? await server.recoverAdministrator()
    : await server.firstAdministrator();
  return {
    greeting: greeting(server, config, token),
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
