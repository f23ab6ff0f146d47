/**
 * Answers what is asked about repositories.
 *
 * @module
 */

import type { z } from "zod";
import { hasCode } from "@gitstratum/core";
import {
  type Metadata,
  type RepositoryInfo,
  repositoryVersion,
  shownSettings,
} from "@gitstratum/core/rpc";
import type { AccessGate } from "../access/access_gate.ts";
import type { ApiHandlersOf } from "./api_handler.ts";
import type { PageCursors } from "./page_cursor.ts";
import { repositoryPage } from "./repository_listing.ts";
import type { repositorySchema } from "./repository_operations.ts";
import { shownTime } from "./values.ts";

/** What they work with. */
export interface RepositoryHandlerOptions {
  /** Where repositories are. */
  readonly metadata: Metadata;
  /** Decides which of a listing are shown. */
  readonly gate: AccessGate;
  /** Seals places in listings. */
  readonly cursors: PageCursors;
}

/** Ids of these operations. */
type RepositoryOperationId =
  | "listRepositories"
  | "createRepository"
  | "getRepository"
  | "updateRepository"
  | "deleteRepository";

/** The handlers. */
export function repositoryHandlers(
  options: RepositoryHandlerOptions,
): ApiHandlersOf<RepositoryOperationId> {
  const { metadata } = options;
  return {
    async listRepositories({ query, asker }) {
      const { repositories, ...rest } = await repositoryPage(query, asker.principal(), {
        list: (query) => metadata.listRepositories(query),
        listing: "repos",
        operation: "read",
        ...options,
      });
      return { repositories: repositories.map(shownRepository), ...rest };
    },
    async createRepository({ body, provenance }) {
      const { settings, ...wanted } = body;
      const more = settings === undefined ? {} : { settings };
      return shownRepository(await metadata.createRepository({ ...wanted, ...more, provenance }));
    },
    getRepository: ({ repository }) => Promise.resolve(shownRepository(repository)),
    async updateRepository({ body, repository, provenance }) {
      const { defaultBranch, settings, ifVersion } = body;
      return shownRepository(
        await metadata.updateRepository(repository, {
          ...(defaultBranch === undefined ? {} : { head: `refs/heads/${defaultBranch}` }),
          ...(settings === undefined ? {} : { settings }),
          ...(ifVersion === undefined ? {} : { ifVersion }),
          provenance,
        }),
      );
    },
    async deleteRepository({ repository, provenance }) {
      try {
        await metadata.deleteRepository(repository, { provenance });
      } catch (error) {
        // It was there when it was looked up: this very call deleted it, which something on its way
        // repeated, or somebody else did at the same time.
        if (!hasCode(error, "not-found")) throw error;
      }
    },
  };
}

/** A repository as clients see it. */
export function shownRepository(repository: RepositoryInfo): z.output<typeof repositorySchema> {
  return {
    id: repository.repositoryId,
    name: repository.name,
    objectFormat: repository.objectFormat,
    defaultBranch: repository.head.replace(/^refs\/heads\//, ""),
    createdAt: shownTime(repository.createdAtMs),
    settings: shownSettings(repository.settings),
    version: repositoryVersion(repository),
    ...(repository.parentId === undefined ? {} : { parent: repository.parentId }),
  };
}
