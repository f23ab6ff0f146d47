/**
 * A network for tests: repositories with references, groups in a memory store, and the catalogue.
 *
 * @module
 */

import type { ObjectFormat, ObjectType, Oid } from "@gitstratum/core/git";
import {
  extentId,
  groupExtents,
  type GroupId,
  MemoryExtentStore,
  type NetworkId,
  type PackGroup,
  packId,
  type RepositoryId,
} from "@gitstratum/core/rpc";
import type {
  CataloguedGroup,
  PackCatalogue,
  RepositoryRefsView,
} from "../../state/pack_catalogue.ts";
import { NetworkView, type ViewBudgets } from "../network_view.ts";
import type { GitRepository } from "./git_repository.ts";
import { splitPack } from "./pack_parts.ts";

/** References of one repository of a {@link TestNetwork}. */
export class TestRepository implements RepositoryRefsView {
  readonly repositoryId: RepositoryId;
  readonly networkId: NetworkId;
  readonly objectFormat: ObjectFormat;
  version = 1;
  readonly references = new Map<string, Oid>();
  readonly #history: { version: number; oid: Oid }[] = [];
  #lostAt = 0;

  /** Makes a repository without references. */
  constructor(repositoryId: RepositoryId, networkId: NetworkId, objectFormat: ObjectFormat) {
    this.repositoryId = repositoryId;
    this.networkId = networkId;
    this.objectFormat = objectFormat;
  }

  /** Sets or removes a reference; a former value is not kept. */
  update(name: string, oid: Oid | undefined): void {
    this.version++;
    if (this.references.has(name)) this.#lostAt = this.version;
    if (oid === undefined) this.references.delete(name);
    else {
      this.references.set(name, oid);
      this.#history.push({ version: this.version, oid });
    }
  }

  get closureKey(): string {
    return this.repositoryId;
  }

  tips(): Iterable<Oid> {
    return this.references.values();
  }

  tipsSince(version: number): readonly Oid[] | undefined {
    if (version < this.#lostAt) return undefined;
    return this.#history.filter((entry) => entry.version > version).map((entry) => entry.oid);
  }

  resolve(name: string): Oid | undefined {
    return this.references.get(name);
  }
}

/** A network of repositories that push from one source. */
export class TestNetwork implements PackCatalogue {
  readonly networkId = "1".repeat(32) as NetworkId;
  readonly extents = new MemoryExtentStore();
  readonly source: GitRepository;
  readonly view: NetworkView;
  #groups: CataloguedGroup[] = [];
  #generation = 1;
  #groupCount = 0;
  readonly #extentBytes: number;
  #repositoryCount = 0;

  /** Makes an empty network; small extents make every read cross their borders. */
  constructor(
    source: GitRepository,
    options: { readonly extentBytes?: number; readonly budgets?: ViewBudgets } = {},
  ) {
    this.source = source;
    this.#extentBytes = options.extentBytes ?? 5000;
    this.view = new NetworkView({
      catalogue: this,
      extents: this.extents,
      ...options.budgets === undefined ? {} : { budgets: options.budgets },
    });
  }

  groups(_networkId: NetworkId, after = 0): readonly CataloguedGroup[] {
    return this.#groups.filter((group) => group.sequence > after);
  }

  version(): { readonly sequence: number; readonly generation: number } {
    return { sequence: this.#groups.at(-1)?.sequence ?? 0, generation: this.#generation };
  }

  /** Lets groups go, with their extents. */
  async free(groupIds: readonly GroupId[]): Promise<void> {
    const isFreed = ({ group }: CataloguedGroup) => groupIds.includes(group.groupId);
    for (const { group } of this.#groups.filter(isFreed)) {
      await this.extents.remove([...groupExtents(group)]);
    }
    this.#groups = this.#groups.filter((group) => !isFreed(group));
    this.#generation++;
  }

  /** Adds a repository. */
  repository(): TestRepository {
    const id = (++this.#repositoryCount).toString(16).padStart(32, "0");
    return new TestRepository(id as RepositoryId, this.networkId, this.source.format);
  }

  /**
   * Pushes what the names stand for in the source.
   *
   * `known` stands in for what the pusher knows of the server; `junk` objects come along unlinked.
   */
  async push(
    repository: TestRepository,
    names: Readonly<Record<string, string>>,
    options: {
      readonly thin?: boolean;
      readonly known?: readonly Oid[];
      readonly junk?: readonly Oid[];
    } = {},
  ): Promise<void> {
    const updates = new Map<string, Oid>();
    for (const [name, value] of Object.entries(names)) {
      updates.set(name, await this.source.oid(value));
    }
    const tips = [...new Set(updates.values())];
    const known = options.known ?? [...repository.tips()];
    const wanted = [...tips, ...(options.junk ?? []), ...known.map((oid) => `^${oid}`)];
    const pack = await this.source.run([
      "pack-objects",
      "--stdout",
      "--revs",
      "--delta-base-offset",
      "-q",
      ...options.thin === true ? ["--thin"] : [],
    ], wanted.join("\n") + "\n");
    await this.#store(repository, pack, tips);
    for (const [name, oid] of updates) repository.update(name, oid);
  }

  async #store(repository: TestRepository, pack: Uint8Array, tips: readonly Oid[]): Promise<void> {
    const parts = await splitPack(pack, {
      format: this.source.format,
      tips,
      findBase: (oid) => this.#object(oid),
    });
    if (parts.historyCount + parts.contentCount === 0) return;
    const groupId = (++this.#groupCount).toString(16).padStart(32, "a") as GroupId;
    const group: PackGroup = {
      groupId,
      historyBytes: parts.h.length,
      contentBytes: parts.c.length,
      indexBytes: parts.i.length,
      historyCount: parts.historyCount,
      contentCount: parts.contentCount,
      extentBytes: this.#extentBytes,
    };
    for (const part of ["h", "c", "i"] as const) {
      const bytes = parts[part];
      const writes = [];
      for (let at = 0; at < bytes.length; at += this.#extentBytes) {
        const id = extentId(packId(groupId, part), at / this.#extentBytes);
        writes.push({ id, bytes: bytes.subarray(at, at + this.#extentBytes) });
      }
      await this.extents.write(this.networkId, writes);
    }
    const sequence = this.#groupCount * 2;
    this.#groups.push({ sequence, group, repositoryId: repository.repositoryId });
  }

  async #object(oid: Oid): Promise<{ type: ObjectType; bytes: Uint8Array }> {
    const [type] = await this.source.lines(["cat-file", "-t", oid]);
    return {
      type: type as ObjectType,
      bytes: await this.source.run(["cat-file", type!, oid]),
    };
  }
}
