/**
 * Objects of one repository, for whoever walks its trees: located in batches, small ones rebuilt in
 * memory, large ones streamed from a scratch file.
 *
 * @module
 */

import { GitStratumError, HISTORY_OBJECT_BYTES_MAX } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type { LocatedObject, Metadata, RepositoryInfo } from "@gitstratum/core/rpc";
import { type ObjectBytes, pieces } from "../pack_assembly/object_bytes.ts";
import type { ObjectRebuilder } from "../pack_assembly/object_rebuilder.ts";

/** Ids of one question to the metadata cluster. */
const LOCATE_COUNT_MAX = 4096;

/** What objects are read with. */
export interface TreeObjectsOptions {
  readonly metadata: Pick<Metadata, "locate">;
  readonly rebuilder: Pick<ObjectRebuilder, "inflate">;
  readonly signal: AbortSignal;
}

/** Reads objects that the repository's references reach. */
export class TreeObjects {
  readonly #repository: RepositoryInfo;
  readonly #options: TreeObjectsOptions;

  /** Makes a reader of a repository. */
  constructor(repository: RepositoryInfo, options: TreeObjectsOptions) {
    this.#repository = repository;
    this.#options = options;
  }

  /** Format of the repository's ids. */
  get format(): RepositoryInfo["objectFormat"] {
    return this.#repository.objectFormat;
  }

  /** Where objects are, by id. @throws `corrupt` when one is missing */
  async locate(oids: readonly Oid[]): Promise<ReadonlyMap<Oid, LocatedObject>> {
    const found = new Map<Oid, LocatedObject>();
    const wanted = [...new Set(oids)];
    for (let at = 0; at < wanted.length; at += LOCATE_COUNT_MAX) {
      this.#options.signal.throwIfAborted();
      const batch = wanted.slice(at, at + LOCATE_COUNT_MAX);
      const request = { oids: batch, scope: "visible" as const };
      for (const each of await this.#options.metadata.locate(this.#repository, request)) {
        found.set(each.oid, each);
      }
    }
    const missing = wanted.find((oid) => !found.has(oid));
    if (missing === undefined) return found;
    throw new GitStratumError("corrupt", "Miss an object that a tree links to", {
      data: { oid: missing },
    });
  }

  /** A whole object that is read in memory: a commit, a tree, a tag, a small file. */
  async whole(located: LocatedObject): Promise<Uint8Array<ArrayBuffer>> {
    if (located.size > HISTORY_OBJECT_BYTES_MAX) {
      throw new GitStratumError("exhausted", "Refuse to hold a large object in memory", {
        data: { oid: located.oid, bytes: located.size, bytesMax: HISTORY_OBJECT_BYTES_MAX },
      });
    }
    const object = await this.#open(located);
    try {
      return object.read(0, object.size).slice();
    } finally {
      object.close();
    }
  }

  /** An object's bytes in runs. */
  async *content(located: LocatedObject): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const object = await this.#open(located);
    try {
      yield* pieces(object);
    } finally {
      object.close();
    }
  }

  #open(located: LocatedObject): Promise<ObjectBytes> {
    this.#options.signal.throwIfAborted();
    const { size, chain } = located;
    return this.#options.rebuilder.inflate({ objectFormat: this.format, size, chain });
  }
}
