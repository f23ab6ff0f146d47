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
  type DeletedRepository,
  type ForkRepositoryRequest,
  type Metadata,
  type NetworkId,
  type RenameRepositoryRequest,
  type RepositoryId,
  type RepositoryInfo,
  type RepositoryListQuery,
  type RepositoryName,
  type RepositorySettingsChange,
  type RepositoryUsage,
  repositoryVersion,
  type RestoreRepositoryRequest,
  type UpdateRepositoryRequest,
} from "@gitstratum/core/rpc";

/** The part of the metadata that the API asks. */
export class FakeMetadata {
  /** By name. */
  readonly repositories = new Map<string, RepositoryInfo>();
  /** New names by old ones. */
  readonly formerNames = new Map<string, RepositoryName>();
  /** Those that can come back. */
  readonly deleted: DeletedRepository[] = [];
  /** What was asked, with the arguments behind the repository's key. */
  readonly asked: { readonly what: string; readonly request: unknown }[] = [];
  #nextId = 0;
  #deletedCount = 0;

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
    const { name, objectFormat, defaultBranch, settings = {} } = request;
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
      settings: changedSettings(DEFAULT_REPOSITORY_SETTINGS, settings),
      repositoryId: id as RepositoryId,
      networkId: id as NetworkId,
    };
    this.repositories.set(name, info);
    return Promise.resolve(info);
  }

  findRepository(name: RepositoryName): Promise<RepositoryInfo | undefined> {
    return Promise.resolve(this.repositories.get(this.formerNames.get(name) ?? name));
  }

  forkRepository(parent: RepositoryInfo, request: ForkRepositoryRequest): Promise<RepositoryInfo> {
    const { objectFormat, settings: { visibility }, repositoryId: parentId } = parent;
    const settings = { visibility, ...request.settings };
    const { name } = request;
    return this.createRepository({ name, objectFormat, defaultBranch: "main", settings })
      .then((made) => {
        const fork = { ...made, parentId };
        this.repositories.set(name, fork);
        return fork;
      });
  }

  renameRepository(
    key: RepositoryInfo,
    { from, name }: RenameRepositoryRequest,
  ): Promise<RepositoryInfo> {
    const renamed = { ...this.repositories.get(from)!, name };
    this.repositories.delete(key.name);
    this.repositories.set(name, renamed);
    this.formerNames.set(from, name);
    return Promise.resolve(renamed);
  }

  listDeletedRepositories(query: RepositoryListQuery): Promise<DeletedRepository[]> {
    const { after = "", afterId = "~", limit } = query;
    const placeOf = ({ name, repositoryId }: DeletedRepository) => `${name} ${repositoryId}`;
    const found = this.deleted.filter((one) => placeOf(one) > `${after} ${afterId}`);
    return Promise.resolve(
      found.sort((a, b) => placeOf(a) < placeOf(b) ? -1 : 1).slice(0, limit),
    );
  }

  restoreRepository(
    key: DeletedRepository,
    request: RestoreRepositoryRequest,
  ): Promise<RepositoryInfo> {
    const { deletedAtMs: _, purgeAtMs: __, ...info } = this.deleted.splice(
      this.deleted.indexOf(key),
      1,
    )[0]!;
    const name = request.name ?? info.name;
    const restored = { ...info, name };
    this.repositories.set(name, restored);
    return Promise.resolve(restored);
  }

  purgeRepository(key: DeletedRepository): Promise<void> {
    this.deleted.splice(this.deleted.indexOf(key), 1);
    return Promise.resolve();
  }

  repositoryUsage(): Promise<RepositoryUsage> {
    const usage = { networkBytes: 10, broughtBytes: 5, networkRepositoryCount: 2 };
    return Promise.resolve({ ...usage, referenceCount: 3 });
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
    const { ifVersion } = request;
    if (ifVersion !== undefined && ifVersion !== repositoryVersion({ head, settings })) {
      return Promise.reject(new GitStratumError("conflict", "Find the repository changed"));
    }
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
    this.deleted.push({ ...key, deletedAtMs: ++this.#deletedCount, purgeAtMs: 1000 });
    return Promise.resolve();
  }
}
