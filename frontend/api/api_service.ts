/**
 * The management API with everything behind it.
 *
 * @module
 */

import type { Hono } from "@hono/hono";
import type { Clock, Random } from "@gitstratum/core";
import type { Metadata } from "@gitstratum/core/rpc";
import { apiApp, type ApiChange } from "./api_app.ts";
import type { ApiGuard } from "./api_guard.ts";
import { PageCursors } from "./page_cursor.ts";
import { repositoryHandlers } from "./repository_handlers.ts";

/** What the API works with. */
export interface ApiServiceOptions {
  /** Where repositories are. */
  readonly metadata: Metadata;
  /** Knows callers and decides. */
  readonly guard: ApiGuard;
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
  /** Told of every change that was made. */
  readonly onChange?: (change: ApiChange) => void;
}

/** Makes the API; to be mounted at `API_BASE_PATH`. */
export function createApi(options: ApiServiceOptions): Hono {
  const { metadata, guard } = options;
  const cursors = new PageCursors(options);
  return apiApp({
    ...options,
    handlers: { ...repositoryHandlers({ metadata, guard, cursors }) },
  });
}
