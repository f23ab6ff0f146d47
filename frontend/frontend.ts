/**
 * A frontend: the HTTP app over sessions over the metadata and object clusters.
 *
 * @module
 */

import type { Clock, Logger, Random } from "@gitstratum/core";
import type { UploadPackFeatures } from "@gitstratum/core/protocol";
import type { ExtentStore, Metadata } from "@gitstratum/core/rpc";
import { ObjectRebuilder } from "./assembly/object_rebuilder.ts";
import type { ConnectionInfo } from "./http/git_routes.ts";
import { httpApp } from "./http/http_app.ts";
import { StatelessSessions } from "./session/git_sessions.ts";
import type { IngestPack } from "./session/receive_pack_session.ts";
import { RepositoryAccess } from "./session/repository_access.ts";

/** What the server calls itself in pages and to git clients. */
export const SERVER_VERSION = "0.1.0";

/** What this server's planner and metadata can do beyond the base protocol. */
const FEATURES: UploadPackFeatures = {
  shallow: true,
  filter: true,
  reachableWants: true,
  refInWant: true,
  sidebandAll: false,
  objectInfo: true,
};

/** What a frontend works with. */
export interface FrontendOptions {
  readonly metadata: Metadata;
  readonly extents: ExtentStore;
  readonly ingest: IngestPack;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Existing directory for what does not fit memory. */
  readonly scratchDirectory: string;
  readonly readOnly: boolean;
  readonly autoCreate: boolean;
}

/** A frontend that answers requests. */
export interface Frontend {
  /** Answers one request of a client. */
  fetch(request: Request, info?: ConnectionInfo): Promise<Response>;
  /** From now on `/readyz` says that new work should go elsewhere. */
  drain(): void;
}

/** Makes a frontend. */
export function createFrontend(options: FrontendOptions): Frontend {
  const { metadata, extents, ingest, clock, random, logger, readOnly, autoCreate } = options;
  const agent = `gitstratum/${SERVER_VERSION}`;
  const access = new RepositoryAccess({ metadata, autoCreate, readOnly });
  const rebuilder = new ObjectRebuilder({ extents, scratchDirectory: options.scratchDirectory });
  const sessions = new StatelessSessions(
    {
      metadata,
      extents,
      rebuild: (step, recipe) => rebuilder.rebuild(step, recipe),
      clock,
      agent,
      features: FEATURES,
    },
    { access, metadata, ingest, clock, random, agent, features: { pushOptions: true } },
  );
  let ready = true;
  const app = httpApp({
    sessions,
    metadata,
    version: SERVER_VERSION,
    readOnly,
    autoCreate,
    ready: () => ready,
    onFailure: (error, facts) =>
      logger.error("Fail a request", { ...facts, error: asError(error) }),
  });
  return {
    fetch: (request, info = {}) => Promise.resolve(app.fetch(request, info)),
    drain: () => void (ready = false),
  };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
