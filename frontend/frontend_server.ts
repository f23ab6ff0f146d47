/**
 * A frontend with its sockets: HTTP and SSH for clients, an address for operators. What is behind it,
 * one process or a cluster, it does not know.
 *
 * @module
 */

import { statfsSync } from "node:fs";
import {
  type AdmissionLimits,
  type ClientPath,
  type Clock,
  type Logger,
  type Random,
  REHEARSED_CACHE_BYTES_MAX,
  REHEARSED_ROUND_COUNT_MAX,
  silentLogger,
  type SocketAddress,
} from "@gitstratum/core";
import type { AccessToken, AccessView } from "@gitstratum/core/access";
import { FileDisk } from "@gitstratum/core/disk";
import { type Metrics, PrometheusMetrics } from "@gitstratum/core/metrics";
import {
  AdminService,
  type HttpServer,
  type HttpServerOptions,
  type Readiness,
  rehearse,
  Releases,
  serveHttp,
  type TlsIdentity,
  withAccessLog,
  withForwardedAddress,
} from "@gitstratum/core/process";
import type { ExtentStore, Fetcher, Metadata } from "@gitstratum/core/rpc";
import type { AccessClient } from "@gitstratum/core/rpc/access";
import { openAdmission, type RateGround } from "./admission/open_admission.ts";
import { withinQuota } from "./admission/repository_quota.ts";
import { openRequestMemory } from "./admission/request_memory.ts";
import type { EventGround } from "./events/event_ground.ts";
import {
  HttpPushPolicy,
  type HttpPushPolicyOptions,
  type PushPolicy,
} from "./events/push_policy.ts";
import { PushPolicyMetrics } from "./events/push_policy_metrics.ts";
import { RecordAuthenticator } from "./access/authenticator.ts";
import { claimFirstAdministrator, recoverAdministrator } from "./access/first_administrator.ts";
import {
  createFrontend,
  type Frontend,
  type FrontendAccounts,
  type FrontendOptions,
} from "./frontend.ts";
import { PackIngest } from "./ingest/mod.ts";
import { PushAdmission } from "./ingest/push_admission.ts";
import { PackCache, type PackCacheSettings } from "./pack_cache/pack_cache.ts";
import { IssuerKeys } from "./oidc/issuer_keys.ts";
import { TokenExchange } from "./oidc/token_exchange.ts";
import { openPrivateFile } from "./private_file.ts";
import { emptyDirectory, removeDirectory } from "./scratch_directory.ts";
import type { OpenPractice } from "./warm_start/practice_ground.ts";
import { type PracticeRequest, PracticeStage } from "./warm_start/practice_stage.ts";
import { openPushRehearsal } from "./warm_start/push_rehearsal.ts";
import { RecentRepositories } from "./warm_start/recent_repositories.ts";
import { warmStart } from "./warm_start/warm_start.ts";
import { openSshServer } from "./ssh/open_ssh_server.ts";
import type { SshServer } from "./ssh/ssh_server.ts";

/** Where operators look. */
export interface AdminAddress extends SocketAddress {
  /** Guards what is not a bare verdict; see {@link AdminService}. */
  readonly token?: string;
}

/** How to serve clients. */
export interface FrontendServerOptions extends ClientPath {
  /** Where to serve HTTP. */
  readonly http: SocketAddress;
  /** Serves HTTPS with this identity; absent = HTTP. */
  readonly tls?: TlsIdentity;
  /** Where to serve SSH. */
  readonly ssh: SocketAddress;
  /** Where to serve operators; absent = nowhere. */
  readonly admin?: AdminAddress;
  /** Pushes and changes are refused. */
  readonly readOnly: boolean;
  /** The first push to a free name creates the repository. */
  readonly autoCreate: boolean;
  /** How packs are shared between equal fetches; absent = each is made for its client alone. */
  readonly packCache?: PackCacheSettings;
  /** How long a start may get ready for repositories used before, in milliseconds; absent = not at all. */
  readonly warmStartMs?: number;
  /** Asks who somebody is and what they may do; otherwise everybody may do everything. */
  readonly auth?: boolean;
  /** What clients may ask for; absent = whatever they like. */
  readonly limits?: AdmissionLimits;
  /** Who decides on pushes; absent = nobody but the rules of repositories. */
  readonly policy?: Pick<
    HttpPushPolicyOptions,
    "url" | "egress" | "timeoutMs" | "failOpen" | "secret"
  >;
  /** A line for each request; absent = no lines. */
  readonly accessLog?: boolean;
  /** Carries requests to issuers of CI jobs' tokens; absent = such tokens are not taken. */
  readonly issuerFetcher?: Fetcher;
  /** Where things are counted. */
  readonly metrics: Metrics;
  /** Time. */
  readonly clock: Clock;
  /** Randomness. */
  readonly random: Random;
  /** Told what an operator should know. */
  readonly logger: Logger;
  /** How long running requests may take to finish on close, in milliseconds. */
  readonly drainMs?: number;
}

/** Where accounts are. */
export interface AccountGround {
  /** What is recorded of them; at revision 0 while nothing is known yet. */
  readonly view: AccessView;
  /** Writes and lists them. */
  readonly client: AccessClient;
}

/** What a frontend stands on. */
export interface FrontendGround {
  /** Absolute path of a directory of its own. */
  readonly directory: string;
  /** Where repositories, references and recipes are. */
  readonly metadata: Metadata;
  /** Where the bytes of packs are. */
  readonly extents: ExtentStore;
  /** Users, tokens, keys and grants, for servers that ask. */
  readonly accounts: AccountGround;
  /** Who did what, and who is told of it. */
  readonly events: EventGround;
  /** Who lends the cluster's limits out; absent = limits hold for this frontend alone. */
  readonly rates?: RateGround;
  /** The cluster's secrets, newest first; a frontend that is alone keeps one in its directory. */
  readonly secrets?: readonly string[];
  /** Opens what pushes are rehearsed on; absent = they are not. */
  readonly openPractice?: OpenPractice;
  /** Whether what is behind the frontend can be reached; always, unless told. */
  readonly readiness?: () => Readiness;
}

/** A frontend that serves. */
export interface FrontendServer {
  /**
   * Makes the first administrator of a server with accounts, unless there is one. The token is to be
   * shown to whoever started the server: it is kept nowhere.
   */
  firstAdministrator(): Promise<AccessToken | undefined>;
  /**
   * Lets the first administrator of a server with accounts administer again, by a token for a day, to
   * be shown like theirs.
   */
  recoverAdministrator(): Promise<AccessToken | undefined>;
  /** Base URL without a slash at its end. */
  readonly url: string;
  /** Base URL of SSH, without a slash at its end. */
  readonly sshUrl: string;
  /** Base URL for operators; undefined when there is none. */
  readonly adminUrl: string | undefined;
  /** From now on `/readyz` says that new work should go elsewhere; everything is served on. */
  drain(): void | Promise<void>;
  /** Finishes running requests within a bound, then releases everything. */
  close(): Promise<void>;
}

/** Enough for a usual clone or push; a longer one is repeated by its client. */
const DRAIN_MS = 10_000;
/** An operator's request is short. */
const ADMIN_DRAIN_MS = 500;

const SECRET_BYTES = 32;

/** Starts to serve clients. */
export function startFrontendServer(
  ground: FrontendGround,
  options: FrontendServerOptions,
): Promise<FrontendServer> {
  return Releases.opening((releases) => startParts(ground, options, releases));
}

async function startParts(
  ground: FrontendGround,
  options: FrontendServerOptions,
  releases: Releases,
): Promise<FrontendServer> {
  const accounts = openAccounts(ground, options);
  const bounds = openBounds(ground, { ...options, releases });
  const recent = openRecent(`${ground.directory}/warm-start`, options);
  releases.add(() => recent?.close());
  const { frontend, ingest } = await openFrontend(ground, {
    ...options,
    ...accounts,
    ...bounds,
    ...(recent && { recent }),
  });
  if (recent !== undefined) {
    releases.add(() => ingest.close());
    await warmStart(recent.list(), {
      ...options,
      metadata: ground.metadata,
      budgetMs: options.warmStartMs ?? 0,
      prepare: () => ingest.prepare(),
      openStage: (releases) => openStage(ground, { ...options, readOnly: true }, releases),
      rehearsePushes: (budgetMs) => rehearsePushes(ground, { ...options, budgetMs }),
    });
  }
  const isReady = { value: true };
  const readiness = () => {
    if (!isReady.value) return { ready: false, status: "draining" };
    if (options.auth === true && ground.accounts.view.revision === 0) {
      return { ready: false, status: "learning accounts" };
    }
    return ground.readiness?.() ?? { ready: true, status: "ok" };
  };
  const admin = serveAdmin(readiness, options);
  if (admin !== undefined) releases.add(() => admin.close());
  const server = listen(frontend, options);
  releases.add(() => server.close());
  const sshServer = await openSsh(`${ground.directory}/ssh`, frontend, {
    ...options,
    ...accounts,
    ...bounds,
  });
  releases.add(() => sshServer.close());
  const drain = () => {
    isReady.value = false;
    frontend.drain();
  };
  releases.add(drain);
  return {
    url: server.url,
    sshUrl: sshServer.url,
    adminUrl: admin?.url,
    firstAdministrator: async () =>
      accounts.accounts &&
      await claimFirstAdministrator(accounts.accounts.client, options.logger),
    recoverAdministrator: async () =>
      accounts.accounts &&
      await recoverAdministrator(accounts.accounts.client, options.clock.nowMs()),
    drain,
    close: () => releases.run(),
  };
}

/** Accounts, where they are asked for. */
interface OpenAccounts {
  readonly accounts?: FrontendAccounts;
}

function openAccounts(
  { accounts }: FrontendGround,
  options: FrontendServerOptions,
): OpenAccounts {
  if (options.auth !== true) return {};
  const { view, client } = accounts;
  const { issuerFetcher: fetcher } = options;
  const authenticator = new RecordAuthenticator({ view, ...options });
  if (fetcher === undefined) return { accounts: { view, client, authenticator } };
  const keys = new IssuerKeys({ ...options, fetcher });
  const exchange = new TokenExchange({ view, client, keys, clock: options.clock });
  return { accounts: { view, client, authenticator, exchange } };
}

/** What bounds clients, where they are bounded. */
type Bounds = Pick<FrontendOptions, "admission" | "memory" | "recent">;

function openBounds(
  ground: FrontendGround,
  options: FrontendServerOptions & { readonly releases: Releases },
): Bounds {
  const { limits } = options;
  if (limits === undefined) return {};
  const { rates } = ground;
  const admission = openAdmission(limits, { ...options, ...(rates && { rates }) });
  const isWanted = () => admission.isWanted;
  return { admission, memory: openRequestMemory(limits.memoryBytes, { ...options, isWanted }) };
}

async function openFrontend(
  ground: FrontendGround,
  options: FrontendServerOptions & OpenAccounts & Bounds,
): Promise<{ readonly frontend: Frontend; readonly ingest: PackIngest }> {
  const { directory, metadata, extents } = ground;
  const { clock, random, readOnly, autoCreate, accounts, admission, memory } = options;
  const scratchDirectory = `${directory}/scratch`;
  await emptyDirectory(scratchDirectory);
  const ingest = new PackIngest({
    metadata,
    extents,
    random,
    scratchDirectory: `${scratchDirectory}/ingest`,
    disk: new FileDisk(`${scratchDirectory}/ingest`),
    ...(memory && { admission: new PushAdmission({ permits: memory.permits, clock }) }),
  });
  const frontend = createFrontend({
    metadata,
    ...(accounts && { accounts }),
    extents,
    events: ground.events,
    ...openPolicy(options),
    ingest: withinQuota(async (request) => await ingest.ingest(request), {
      metadata,
      limits: options.limits?.quota ?? {},
    }),
    clock,
    random,
    secrets: ground.secrets ?? [await ownSecret(directory, random)],
    logger: options.logger.child({ role: "frontend" }),
    scratchDirectory,
    readOnly,
    autoCreate,
    ...openPackCache(`${directory}/cache`, options),
    ...(admission && { admission }),
    ...(memory && { memory }),
    ...(options.recent && { recent: options.recent }),
    ...(options.httpHosts && { httpHosts: options.httpHosts }),
  });
  return { frontend, ingest };
}

/** What clients used before the start, if anybody is to get ready for it. */
function openRecent(
  directory: string,
  { warmStartMs, clock, logger }: FrontendServerOptions,
): RecentRepositories | undefined {
  if (warmStartMs === undefined || warmStartMs === 0) return undefined;
  return new RecentRepositories({
    disk: new FileDisk(directory),
    clock,
    onTrouble: (error) =>
      logger.warn("Lose the list of recent repositories", { error: String(error) }),
  });
}

/** Rehearses pushes, into what is no part of the frontend's ground. */
async function rehearsePushes(
  ground: FrontendGround,
  options: FrontendServerOptions & { readonly budgetMs: number },
): Promise<void> {
  const { openPractice } = ground;
  if (openPractice === undefined) return;
  const directory = `${ground.directory}/warm-start/nodes`;
  const { policy: _, ...asked } = options;
  await rehearse(async (releases) => {
    const practice = await openPractice({ ...options, directory, releases });
    const stage = await openStage({ ...ground, ...practice }, asked, releases);
    const send = (request: PracticeRequest, signal: AbortSignal) => stage.send(request, signal);
    return await openPushRehearsal({ ...practice, send });
  }, { ...options, roundCountMax: REHEARSED_ROUND_COUNT_MAX });
}

/**
 * A frontend like the one that clients will meet, over the same repositories. It knows no accounts,
 * keeps what it makes to itself, and counts for nobody.
 */
async function openStage(
  { rates: _, ...ground }: FrontendGround,
  options: FrontendServerOptions,
  releases: Releases,
): Promise<PracticeStage> {
  const { clock, random, packCache, limits } = options;
  const directory = `${ground.directory}/warm-start/practice`;
  releases.add(() => removeDirectory(directory));
  const practice: FrontendServerOptions = {
    ...options,
    auth: false,
    metrics: new PrometheusMetrics(),
    logger: silentLogger,
    ...(packCache && {
      packCache: {
        ...packCache,
        bytesMax: Math.min(packCache.bytesMax, REHEARSED_CACHE_BYTES_MAX),
      },
    }),
    ...(limits && { limits: { ...limits, rates: {} } }),
  };
  const secrets = [random.bytes(SECRET_BYTES).toHex()];
  const { frontend } = await openFrontend({ ...ground, directory, secrets }, {
    ...practice,
    ...openBounds(ground, { ...practice, releases }),
  });
  const stage = new PracticeStage({ clock, random, handle: handlerOf(frontend, practice) });
  releases.add(() => stage.close());
  return stage;
}

/** The secret of a frontend that shares none with others. */
function ownSecret(directory: string, random: Random): Promise<string> {
  return openPrivateFile(directory, {
    name: "secret",
    make: () => random.bytes(SECRET_BYTES).toHex(),
  });
}

/** Asks the policy, if there is one. */
function openPolicy(options: FrontendServerOptions): { readonly policy?: PushPolicy } {
  const { policy, clock, metrics } = options;
  if (policy === undefined) return {};
  const logger = options.logger.child({ role: "frontend" });
  const counted = new PushPolicyMetrics(metrics);
  return { policy: new HttpPushPolicy({ ...policy, clock, logger, metrics: counted }) };
}

/** An empty pack cache in a directory of its own, if there is to be one. */
function openPackCache(
  directory: string,
  options: FrontendServerOptions,
): { readonly cache?: PackCache } {
  const { packCache, clock, logger, metrics } = options;
  if (packCache === undefined) return {};
  const cache = new PackCache({
    ...packCache,
    disk: new FileDisk(directory),
    clock,
    metrics,
    freeBytes() {
      const { bavail, bsize } = statfsSync(directory);
      return bavail * bsize;
    },
    onTrouble: (error) => logger.error("Meet trouble in the pack cache", { error: String(error) }),
  });
  return { cache };
}

function listen(frontend: Frontend, options: FrontendServerOptions): HttpServer {
  const { clock, tls } = options;
  return serveHttp({
    ...options.http,
    clock,
    drainMs: options.drainMs ?? DRAIN_MS,
    handle: handlerOf(frontend, options),
    ...(tls === undefined ? {} : { tls }),
  });
}

/** What a socket of clients hands its requests to. */
function handlerOf(
  frontend: Frontend,
  options: FrontendServerOptions,
): HttpServerOptions["handle"] {
  const { clock, metrics, trust } = options;
  const logger = options.logger.child({ role: "frontend" });
  const isQuiet = options.accessLog !== true;
  const noted = withAccessLog((request, info) => frontend.fetch(request, info), {
    clock,
    logger,
    metrics,
    isQuiet,
  });
  return trust === undefined ? noted : withForwardedAddress(noted, trust);
}

function serveAdmin(
  readiness: () => Readiness,
  options: FrontendServerOptions,
): HttpServer | undefined {
  const { admin, clock, metrics } = options;
  if (admin === undefined) return undefined;
  const { token } = admin;
  const service = new AdminService({
    metrics,
    readiness,
    ...(token === undefined ? {} : { token }),
  });
  const handle = (request: Request) => service.fetch(request);
  return serveHttp({ ...admin, clock, drainMs: ADMIN_DRAIN_MS, handle });
}

function openSsh(
  directory: string,
  frontend: Frontend,
  options: FrontendServerOptions & OpenAccounts & Bounds,
): Promise<SshServer> {
  const { admission } = options;
  const logger = options.logger.child({ role: "frontend" });
  return openSshServer({
    ...options.ssh,
    directory,
    clock: options.clock,
    drainMs: options.drainMs ?? DRAIN_MS,
    ...(options.accounts && { authenticator: options.accounts.authenticator }),
    conversations: frontend.conversations,
    ...(options.memory && { streams: options.memory.streams }),
    ...(admission && { countHandshake: (address) => admission.countHandshake(address) }),
    onFailure: (error, facts) =>
      logger.error("Fail an SSH session", { ...facts, error: String(error) }),
  });
}
