/**
 * Answers what is asked about repositories.
 *
 * @module
 */

import type { z } from "zod";
import type { Metadata, RepositoryInfo } from "@gitstratum/core/rpc";
import type { ApiHandlersOf } from "./api_handler.ts";
import { type RepositoryListingOptions, repositoryPage } from "./repository_listing.ts";
import type { repositorySchema } from "./repository_operations.ts";

/** What they work with. */
export interface RepositoryHandlerOptions extends RepositoryListingOptions {
  /** Where repositories are. */
  readonly metadata: Metadata;
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
      const { repositories, ...rest } = await repositoryPage(query, asker.principal(), options);
      return { repositories: repositories.map(shownRepository), ...rest };
    },
    async createRepository({ body, provenance }) {
      const { settings, ...wanted } = body;
      const made = await metadata.createRepository({ ...wanted, provenance });
      if (settings === undefined) return shownRepository(made);
      return shownRepository(await metadata.updateRepository(made, { settings, provenance }));
    },
    getRepository: ({ repository }) => Promise.resolve(shownRepository(repository)),
    async updateRepository({ body, repository, provenance }) {
      const { defaultBranch, settings } = body;
      return shownRepository(
        await metadata.updateRepository(repository, {
          ...(defaultBranch === undefined ? {} : { head: `refs/heads/${defaultBranch}` }),
          ...(settings === undefined ? {} : { settings }),
          provenance,
        }),
      );
    },
    async deleteRepository({ repository, provenance }) {
      await metadata.deleteRepository(repository, { provenance });
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
    createdAt: new Date(repository.createdAtMs).toISOString(),
    settings: repository.settings,
  };
}
