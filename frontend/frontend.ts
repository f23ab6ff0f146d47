/**
 * A frontend: the HTTP app over sessions over the metadata and object clusters.
 *
 * @module
 */

import {
  type Clock,
  hasCode,
  type LogData,
  type Logger,
  type Random,
  randomId,
  toError,
} from "@gitstratum/core";
import type { AccessView } from "@gitstratum/core/access";
import type { ConnectionInfo } from "@gitstratum/core/process";
import type { UploadPackFeatures } from "@gitstratum/core/protocol";
import type { ExtentStore, Metadata, RepositoryName } from "@gitstratum/core/rpc";
import type { AccessClient } from "@gitstratum/core/rpc/access";
import { createApi } from "./api/api_service.ts";
import { AccessGate } from "./access/access_gate.ts";
import { CommitSignatures } from "./access/commit_signatures.ts";
import { type Authenticator, OPEN_AUTHENTICATOR } from "./access/authenticator.ts";
import type { Admission } from "./admission/admission.ts";
import { AdmittedConversations, AdmittedSessions } from "./admission/admitted_sessions.ts";
import type { RequestMemory } from "./admission/request_memory.ts";
import type { EventGround } from "./events/event_ground.ts";
import type { PushPolicy } from "./events/push_policy.ts";
import { ObjectRebuilder } from "./pack_assembly/object_rebuilder.ts";
import { httpApp } from "./http/http_app.ts";
import type { PackCache } from "./pack_cache/pack_cache.ts";
import { ArchiveDownloads } from "./session/archive_downloads.ts";
import { BundleOffers } from "./session/bundle_offers.ts";
import { type GitConversations, StatefulSessions } from "./session/git_conversations.ts";
import { StatelessSessions } from "./session/git_sessions.ts";
import type { IngestPack } from "./session/ingest_pack.ts";
import { PushNonces } from "./session/push_nonces.ts";
import { isCallersFault } from "./session/shown_error.ts";
import type { TokenExchange } from "./oidc/token_exchange.ts";
import { RepositoryAccess } from "./session/repository_access.ts";
import { TagDigests } from "./session/tag_digests.ts";
import type { UploadPackOptions } from "./session/upload_pack_session.ts";
import type { RecentRepositories } from "./warm_start/recent_repositories.ts";

/** What the server calls itself in pages and to git clients. */
export const SERVER_VERSION = "0.1.0";

/** What this server's planner and metadata can do beyond the base protocol. */
const FEATURES: UploadPackFeatures = {
  shallow: true,
  filter: true,
  reachableWants: true,
  refInWant: true,
  sidebandAll: true,
  objectInfo: true,
  // What a repository has to offer is in its settings.
  bundleUri: false,
  packfileUris: false,
};

/** What a frontend works with. */
export interface FrontendOptions {
  /** Where repositories, references and recipes are. */
  readonly metadata: Metadata;
  /** Accounts and what they may do; absent = everybody may do everything. */
  readonly accounts?: FrontendAccounts;
  /** Who did what, and who is told of it; absent = the API has none of it. */
  readonly events?: EventGround;
  /** Where the bytes of packs are. */
  readonly extents: ExtentStore;
  /** Asked before each push is committed; absent = nobody is. */
  readonly policy?: PushPolicy;
  /** Takes the packs of pushes in. */
  readonly ingest: IngestPack;
  /** For keep-alives, time stamps and retries. */
  readonly clock: Clock;
  /** For ids of pushes and sessions. */
  readonly random: Random;
  /**
   * What all frontends of the cluster know and nobody else: the first one is used, all are accepted.
   * Signed pushes are bound to them.
   */
  readonly secrets: readonly string[];
  /** Told of what clients see as failures. */
  readonly logger: Logger;
  /** Existing directory for what does not fit memory. */
  readonly scratchDirectory: string;
  /** Pushes and changes are refused. */
  readonly readOnly: boolean;
  /** The first push to a free name creates the repository. */
  readonly autoCreate: boolean;
  /** Shares packs between equal fetches; absent = each is made for its client alone. */
  readonly cache?: PackCache;
  /** Hosts beside those of loopback that requests may be for; absent = any host. */
  readonly httpHosts?: readonly string[];
  /** Bounds what clients ask for; absent = nothing does. */
  readonly admission?: Admission;
  /** Hands out what requests take; absent = they take it. */
  readonly memory?: RequestMemory;
  /** Takes note of what clients use; absent = nobody wants to know. */
  readonly recent?: RecentRepositories;
}

/** What a frontend with accounts works with. */
export interface FrontendAccounts {
  /** What is recorded of them. */
  readonly view: AccessView;
  /** Writes and lists them. */
  readonly client: AccessClient;
  /** Finds out who asks. */
  readonly authenticator: Authenticator;
  /** Exchanges tokens of issuers; absent = nobody's are taken. */
  readonly exchange?: TokenExchange;
}

/** A frontend that answers requests. */
export interface Frontend {
  /** Answers one request of a client. */
  fetch(request: Request, info?: ConnectionInfo): Promise<Response>;
  /** The same sessions for SSH. */
  readonly conversations: GitConversations;
  /** From now on `/readyz` says that new work should go elsewhere. */
  drain(): void;
}

/** Makes a frontend. */
export function createFrontend(options: FrontendOptions): Frontend {
  const { metadata, extents, ingest, clock, random, logger, readOnly, autoCreate } = options;
  const agent = `gitstratum/${SERVER_VERSION}`;
  const { accounts } = options;
  const gate = new AccessGate({ clock, ...(accounts && { view: accounts.view }) });
  const authenticator = accounts?.authenticator ?? OPEN_AUTHENTICATOR;
  const { recent } = options;
  const onUse = recent && ((name: RepositoryName) => recent.note(name));
  const access = new RepositoryAccess({
    metadata,
    gate,
    clock,
    autoCreate,
    readOnly,
    ...(onUse && { onUse }),
  });
  const rebuilder = new ObjectRebuilder({ extents, scratchDirectory: options.scratchDirectory });
  const newSessionId = () => randomId(random);
  const upload: UploadPackOptions = {
    metadata,
    extents,
    rebuild: (steps, recipe) => rebuilder.rebuild(steps, recipe),
    clock,
    agent,
    newSessionId,
    features: FEATURES,
    bundles: new BundleOffers({ metadata, clock }),
    rebuilder,
    ...(options.cache === undefined ? {} : { cache: options.cache }),
    tags: new TagDigests(metadata),
    ...(options.memory && { memory: options.memory.permits }),
  };
  const features = { pushOptions: true };
  const nonces = new PushNonces({ clock, secrets: options.secrets });
  const signatures = new CommitSignatures({ gate, rebuilder, clock });
  const common = { access, metadata, ingest, signatures, clock, random, agent };
  const { policy } = options;
  const receive = { ...common, newSessionId, nonces, features, ...(policy && { policy }) };
  const { admission, memory } = options;
  const sessions = new StatelessSessions(upload, receive);
  const archive = { metadata, rebuilder, clock };
  const conversations = new StatefulSessions({
    upload,
    receive,
    archive,
  });
  let ready = true;
  const onFailure = (error: unknown, facts: LogData) => {
    const told = { ...facts, error: toError(error) };
    if (isCallersFault(error) || hasCode(error, "aborted")) logger.info("End a request", told);
    else logger.error("Fail a request", told);
  };
  const app = httpApp({
    sessions: admission === undefined || memory === undefined
      ? sessions
      : new AdmittedSessions(sessions, admission, memory),
    archives: new ArchiveDownloads({ ...archive, access, ...(admission && { admission }) }),
    ...(memory && { streams: memory.streams }),
    ...(admission && { admission }),
    authenticator,
    api: createApi({
      metadata,
      authenticator,
      gate,
      ...(accounts && { accounts }),
      ...(options.events && { events: options.events }),
      secrets: options.secrets,
      clock,
      random,
      readOnly,
      version: SERVER_VERSION,
      ...(admission && { admission }),
      onFailure,
    }),
    version: SERVER_VERSION,
    autoCreate,
    ...(options.httpHosts && { httpHosts: options.httpHosts }),
    ready: () => ready,
    onFailure,
  });
  return {
    fetch: (request, info = {}) => Promise.resolve(app.fetch(request, info)),
    conversations: admission === undefined
      ? conversations
      : new AdmittedConversations(conversations, admission),
    drain: () => void (ready = false),
  };
}
