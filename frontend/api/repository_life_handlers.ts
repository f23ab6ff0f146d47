/**
 * Answers what is asked about the life of repositories.
 *
 * @module
 */

import type { z } from "zod";
import {
  type DeletedRepository,
  type Metadata,
  parseRepositoryName,
  type RepositoryId,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import type { AccessClient } from "@gitstratum/core/rpc/access";
import { type AccessGate, creationAt } from "../access/access_gate.ts";
import type { Asker } from "../access/asker.ts";
import type { ApiHandlersOf } from "./api_handler.ts";
import { ownerOf } from "./names.ts";
import type { PageCursors } from "./page_cursor.ts";
import { shownRepository } from "./repository_handlers.ts";
import type { deletedRepositorySchema } from "./repository_life_operations.ts";
import { repositoriesFrom, repositoryPage } from "./repository_listing.ts";
import { shownTime } from "./values.ts";

/** What they work with. */
export interface RepositoryLifeHandlerOptions {
  /** Where repositories are. */
  readonly metadata: Metadata;
  /** Decides about what the routes do not know yet. */
  readonly gate: AccessGate;
  /** Seals places in listings. */
  readonly cursors: PageCursors;
  /** Keeps what people and machines may do; absent on a server that keeps no accounts. */
  readonly accounts?: { readonly client: AccessClient };
}

/** Deleted repositories that are looked through for one of a name. */
const EXAMINED_COUNT_MAX = 10_000;

type LivingOperationId = "renameRepository" | "forkRepository" | "getRepositoryUsage";
type DeletedOperationId = "listDeletedRepositories" | "restoreRepository" | "purgeRepository";

/** The handlers. */
export function repositoryLifeHandlers(
  options: RepositoryLifeHandlerOptions,
): ApiHandlersOf<LivingOperationId | DeletedOperationId> {
  return { ...livingHandlers(options), ...deletedHandlers(options) };
}

function livingHandlers(
  { metadata, gate }: RepositoryLifeHandlerOptions,
): ApiHandlersOf<LivingOperationId> {
  return {
    async renameRepository({ body: { name }, repository, provenance, asker }) {
      if (ownerOf(name) !== ownerOf(repository.name)) checkCreation(gate, asker, name);
      const request = { from: repository.name, name, provenance };
      return shownRepository(await metadata.renameRepository(repository, request));
    },
    async forkRepository({ body, repository, provenance, asker }) {
      const { name, settings } = body;
      checkCreation(gate, asker, name);
      const more = settings === undefined ? {} : { settings };
      const request = { name, provenance, ...more };
      return shownRepository(await metadata.forkRepository(repository, request));
    },
    async getRepositoryUsage({ repository }) {
      const { networkBytes, broughtBytes, networkRepositoryCount, referenceCount } = await metadata
        .repositoryUsage(repository);
      return { networkBytes, broughtBytes, networkRepositoryCount, referenceCount };
    },
  };
}

function deletedHandlers(
  options: RepositoryLifeHandlerOptions,
): ApiHandlersOf<DeletedOperationId> {
  const { metadata, gate, cursors, accounts } = options;
  const find = (path: { owner: string; name: string }, id: RepositoryId | undefined) =>
    deletedRepository(parseRepositoryName(`${path.owner}/${path.name}`), id, metadata);
  const permitted = async (asker: Asker, ...which: Parameters<typeof find>) => {
    const repository = await find(...which);
    const name = `${which[0].owner}/${which[0].name}`;
    gate.check(asker.principal(), { on: "repository", operation: "delete", repository }, { name });
    // Of nothing nobody is let through.
    return repository!;
  };
  return {
    async listDeletedRepositories({ query, asker }) {
      const { repositories, ...rest } = await repositoryPage(query, asker.principal(), {
        list: (query) => metadata.listDeletedRepositories(query),
        listing: "deleted",
        operation: "delete",
        gate,
        cursors,
      });
      return { repositories: repositories.map(shownDeleted), ...rest };
    },
    async restoreRepository({ path, body: { id, name }, provenance, asker }) {
      const repository = await permitted(asker, path, id);
      checkCreation(gate, asker, name ?? repository.name);
      const request = { provenance, ...(name === undefined ? {} : { name }) };
      return shownRepository(await metadata.restoreRepository(repository, request));
    },
    async purgeRepository({ path, query: { id }, provenance, asker }) {
      const repository = await permitted(asker, path, id);
      await metadata.purgeRepository(repository);
      const { repositoryId } = repository;
      // Nothing is permitted by what stays if this fails: ids are never used again.
      await accounts?.client.as(provenance).calls.removeRepository({ repository: repositoryId });
    },
  };
}

/** Whether somebody may have a repository of this name. @throws as `AccessGate.check` */
function checkCreation(gate: AccessGate, asker: Asker, name: RepositoryName): void {
  gate.check(asker.principal(), creationAt(name), { owner: ownerOf(name) });
}

/** The deleted repository of a name: the one with the id, or the last that was deleted. */
async function deletedRepository(
  name: RepositoryName,
  id: RepositoryId | undefined,
  metadata: Metadata,
): Promise<DeletedRepository | undefined> {
  let examined = 0;
  const found: DeletedRepository[] = [];
  const list = (query: Parameters<Metadata["listDeletedRepositories"]>[0]) =>
    metadata.listDeletedRepositories(query);
  for await (const one of repositoriesFrom(name, list)) {
    if (one.name > name || ++examined > EXAMINED_COUNT_MAX) break;
    if (one.name === name && (id === undefined || one.repositoryId === id)) found.push(one);
  }
  return found.sort((a, b) => b.deletedAtMs - a.deletedAtMs)[0];
}

function shownDeleted(repository: DeletedRepository): z.output<typeof deletedRepositorySchema> {
  return {
    ...shownRepository(repository),
    deletedAt: shownTime(repository.deletedAtMs),
    purgeAt: shownTime(repository.purgeAtMs),
  };
}
