/**
 * Repositories in memory, for tests of the API alone.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import {
  changedSettings,
  type CreateRepositoryRequest,
  DEFAULT_REPOSITORY_SETTINGS,
  type Metadata,
  type NetworkId,
  type RepositoryId,
  type RepositoryInfo,
  type RepositoryListQuery,
  type RepositoryName,
  type RepositorySettingsChange,
  type UpdateRepositoryRequest,
} from "@gitstratum/core/rpc";

/** The part of the metadata that the API asks. */
export class FakeMetadata {
  /** By name. */
  readonly repositories = new Map<string, RepositoryInfo>();
  /** What was asked, with the arguments behind the repository's key. */
  readonly asked: { readonly what: string; readonly request: unknown }[] = [];
  #nextId = 0;

  /** As the whole contract; what is not here fails loudly. */
  get metadata(): Metadata {
    return this as unknown as Metadata;
  }

  /** Adds a repository with some settings, without being asked. */
  async add(name: string, settings: RepositorySettingsChange): Promise<RepositoryInfo> {
    const made = await this.createRepository({
      name: name as RepositoryName,
      objectFormat: "sha1",
      defaultBranch: "main",
    });
    return await this.updateRepository(made, { settings });
  }

  createRepository(request: CreateRepositoryRequest): Promise<RepositoryInfo> {
    this.asked.push({ what: "create", request });
    const { name, objectFormat, defaultBranch } = request;
    if (this.repositories.has(name)) {
      return Promise.reject(
        new GitStratumError("already-exists", "Find the name taken", { data: { name } }),
      );
    }
    const id = String(this.#nextId++).padStart(32, "0");
    const info: RepositoryInfo = {
      name,
      objectFormat,
      head: `refs/heads/${defaultBranch}`,
      createdAtMs: 0,
      settings: DEFAULT_REPOSITORY_SETTINGS,
      repositoryId: id as RepositoryId,
      networkId: id as NetworkId,
    };
    this.repositories.set(name, info);
    return Promise.resolve(info);
  }

  findRepository(name: RepositoryName): Promise<RepositoryInfo | undefined> {
    return Promise.resolve(this.repositories.get(name));
  }

  listRepositories(query: RepositoryListQuery): Promise<RepositoryInfo[]> {
    this.asked.push({ what: "list", request: query });
    const names = [...this.repositories.keys()].sort().filter((n) => n > (query.after ?? ""));
    return Promise.resolve(names.slice(0, query.limit).map((n) => this.repositories.get(n)!));
  }

  updateRepository(
    { name }: RepositoryInfo,
    request: UpdateRepositoryRequest,
  ): Promise<RepositoryInfo> {
    this.asked.push({ what: "update", request });
    const { head, settings, ...same } = this.repositories.get(name)!;
    const changed = {
      ...same,
      head: request.head ?? head,
      settings: changedSettings(settings, request.settings ?? {}),
    };
    this.repositories.set(name, changed);
    return Promise.resolve(changed);
  }

  deleteRepository(key: RepositoryInfo, request: unknown): Promise<void> {
    this.asked.push({ what: "delete", request });
    this.repositories.delete(key.name);
    return Promise.resolve();
  }
}
