/**
 * Answers what is asked about the life of repositories.
 *
 * @module
 */

import type { z } from "zod";
import { GitStratumError } from "@gitstratum/core";
import {
  type DeletedRepository,
  type Metadata,
  parseRepositoryName,
  type RepositoryId,
  type RepositoryListQuery,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import type { AccessClient } from "@gitstratum/core/rpc/access";
import { type AccessGate, creationAt } from "../access/access_gate.ts";
import type { Asker } from "../access/asker.ts";
import type { RepositoryGate } from "../access/repository_gate.ts";
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
  /** Looks deleted repositories up for those who may know of them. */
  readonly repositories: RepositoryGate;
  /** Seals places in listings. */
  readonly cursors: PageCursors;
  /** Keeps what people and machines may do; absent on a server that keeps no accounts. */
  readonly accounts?: { readonly client: AccessClient };
}

/** Deleted repositories that are looked through for the last one of a name. */
const EXAMINED_COUNT_MAX = 10_000;

/** Ids that are the same but for the last digit. */
const HEX_DIGIT_COUNT = 16;

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
  const { metadata, gate, cursors, accounts, repositories: known } = options;
  const permitted = async (
    path: { readonly owner: string; readonly name: string },
    id: RepositoryId | undefined,
    caller: { readonly asker: Asker; readonly signal: AbortSignal },
  ) => {
    const name = parseRepositoryName(`${path.owner}/${path.name}`);
    const question = { ...caller, operation: "delete" } as const;
    if (id !== undefined) {
      return await known.findBy(() => deletedById(name, id, metadata), name, question);
    }
    let isWhole = true;
    const found = await known.findBy(
      async () => {
        const last = await lastDeleted(name, metadata);
        ({ isWhole } = last);
        return last.repository;
      },
      name,
      question,
    );
    if (isWhole) return found;
    throw new GitStratumError("invalid", "Expect an id where so many had the name", {
      data: { name, countMax: EXAMINED_COUNT_MAX },
    });
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
    async restoreRepository({ path, body: { id, name }, provenance, asker, signal }) {
      const repository = await permitted(path, id, { asker, signal });
      checkCreation(gate, asker, name ?? repository.name);
      const request = { provenance, ...(name === undefined ? {} : { name }) };
      return shownRepository(await metadata.restoreRepository(repository, request));
    },
    async purgeRepository({ path, query: { id }, provenance, asker, signal }) {
      const repository = await permitted(path, id, { asker, signal });
      const { repositoryId, deletedAtMs } = repository;
      await metadata.purgeRepository(repository, { deletedAtMs });
      // Nothing is permitted by what stays if this fails: ids are never used again.
      await accounts?.client.as(provenance).calls.removeRepository({ repository: repositoryId });
    },
  };
}

/** Whether somebody may have a repository of this name. @throws as `AccessGate.check` */
function checkCreation(gate: AccessGate, asker: Asker, name: RepositoryName): void {
  gate.check(asker.principal(), creationAt(name), { owner: ownerOf(name) });
}

/** The deleted repository of a name and an id. */
async function deletedById(
  name: RepositoryName,
  id: RepositoryId,
  metadata: Metadata,
): Promise<DeletedRepository | undefined> {
  const found = await metadata.listDeletedRepositories({
    after: name,
    afterId: id.slice(0, -1),
    limit: HEX_DIGIT_COUNT,
  });
  return found.find((one) => one.name === name && one.repositoryId === id);
}

/** Of the deleted repositories of a name that which was deleted last, and whether all were seen. */
async function lastDeleted(
  name: RepositoryName,
  metadata: Metadata,
): Promise<{ readonly repository: DeletedRepository | undefined; readonly isWhole: boolean }> {
  let examined = 0;
  let repository: DeletedRepository | undefined;
  const list = (query: RepositoryListQuery) => metadata.listDeletedRepositories(query);
  for await (const one of repositoriesFrom(name, list)) {
    if (one.name !== name) break;
    if (++examined > EXAMINED_COUNT_MAX) return { repository, isWhole: false };
    if (one.deletedAtMs >= (repository?.deletedAtMs ?? 0)) repository = one;
  }
  return { repository, isWhole: true };
}

function shownDeleted(repository: DeletedRepository): z.output<typeof deletedRepositorySchema> {
  return {
    ...shownRepository(repository),
    deletedAt: shownTime(repository.deletedAtMs),
    purgeAt: shownTime(repository.purgeAtMs),
  };
}
