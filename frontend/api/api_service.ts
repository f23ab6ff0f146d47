/**
 * The management API with everything behind it.
 *
 * @module
 */

import type { Hono } from "@hono/hono";
import { type Clock, GitStratumError, type Random } from "@gitstratum/core";
import type { AccessView } from "@gitstratum/core/access";
import type { Metadata } from "@gitstratum/core/rpc";
import type { AccessClient } from "@gitstratum/core/rpc/access";
import type { AccessGate } from "../access/access_gate.ts";
import type { Authenticator } from "../access/authenticator.ts";
import { RepositoryGate } from "../access/repository_gate.ts";
import type { TokenExchange } from "../oidc/token_exchange.ts";
import type { Admission } from "../admission/admission.ts";
import type { EventGround } from "../events/event_ground.ts";
import { apiApp, type ApiFailureFacts } from "./api_app.ts";
import { auditHandlers } from "./audit_handlers.ts";
import { credentialHandlers } from "./credential_handlers.ts";
import { deployHandlers } from "./deploy_handlers.ts";
import { jobHandlers } from "./job_handlers.ts";
import { memberHandlers } from "./member_handlers.ts";
import { openPgpKeyHandlers } from "./openpgp_key_handlers.ts";
import { PageCursors } from "./page_cursor.ts";
import { Accounts } from "./accounts.ts";
import { repositoryHandlers } from "./repository_handlers.ts";
import { repositoryLifeHandlers } from "./repository_life_handlers.ts";
import { userHandlers } from "./user_handlers.ts";
import { WebhookDesk } from "./webhook_desk.ts";
import { webhookHandlers } from "./webhook_handlers.ts";

/** What the API works with. */
export interface ApiServiceOptions {
  /** Where repositories are. */
  readonly metadata: Metadata;
  /** Finds out who asks. */
  readonly authenticator: Authenticator;
  /** Decides. */
  readonly gate: AccessGate;
  /** Where accounts are written and read; absent on a server that keeps none. */
  readonly accounts?: {
    readonly client: AccessClient;
    readonly view: AccessView;
    /** Exchanges tokens of issuers; absent = nobody's are taken. */
    readonly exchange?: TokenExchange;
  };
  /** Who did what, and who is told of it; absent on a server that keeps none of it. */
  readonly events?: EventGround;
  /** What all frontends share and nobody else knows: pages go on at another frontend. */
  readonly secrets: readonly string[];
  /** Says when something was asked. */
  readonly clock: Clock;
  /** Randomness. */
  readonly random: Random;
  /** Changes are refused. */
  readonly readOnly: boolean;
  /** The server's version, for the document. */
  readonly version: string;
  /** Counts what callers ask; absent = nobody does. */
  readonly admission?: Pick<Admission, "countCaller">;
  /** Told of failures that are nobody's fault but ours. */
  readonly onFailure?: (error: unknown, facts: ApiFailureFacts) => void;
}

/** Makes the API; to be mounted at `API_BASE_PATH`. */
export function createApi(options: ApiServiceOptions): Hono {
  const repositories = new RepositoryGate(options);
  const cursors = new PageCursors(options);
  const accounts = new Accounts({ ...options.accounts, cursors });
  const events = () => eventsOf(options);
  return apiApp({
    ...options,
    repositories,
    handlers: {
      ...repositoryHandlers({ ...options, cursors }),
      ...repositoryLifeHandlers({ ...options, repositories, cursors }),
      ...userHandlers(accounts),
      ...credentialHandlers({ accounts, repositories }),
      ...openPgpKeyHandlers(accounts),
      ...memberHandlers(accounts),
      ...deployHandlers(accounts),
      ...auditHandlers({ audit: () => events().audit, cursors }),
      ...webhookHandlers(new WebhookDesk({ ...options, events, cursors })),
      ...jobHandlers({ ...options, exchange: options.accounts?.exchange }),
    },
  });
}

function eventsOf({ events }: ApiServiceOptions): EventGround {
  if (events !== undefined) return events;
  throw new GitStratumError("not-found", "Find no events on this server");
}
