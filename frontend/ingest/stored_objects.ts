/**
 * Reads whole objects that the network stores: bases of thin deltas, and objects that a push brings
 * once more.
 *
 * Small chains are rebuilt in memory; anything larger passes through scratch files.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { INGEST_STORED_CHAIN_BYTES_MAX } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import type { Metadata, RepositoryInfo } from "@gitstratum/core/rpc";
import {
  ChainReader,
  type ChainReaderOptions,
  type StoredChain,
} from "../pack_assembly/chain_reader.ts";
import { MemoryBytes, type ObjectBytes, pieces } from "../pack_assembly/object_bytes.ts";
import type { StoredDigest } from "./ingest_host.ts";
import { secondHash } from "./object_source.ts";

/** What stored objects are read with. */
export interface StoredObjectsOptions extends ChainReaderOptions {
  readonly metadata: Pick<Metadata, "locate">;
  readonly repository: RepositoryInfo;
}

/** A stored object, rebuilt. */
export interface StoredObject {
  readonly oid: Oid;
  /** Type number, 1 to 4. */
  readonly typeCode: number;
  /** Deltas between the stored object and one that is whole. */
  readonly depth: number;
  /** The object; whoever gets it closes it. */
  readonly bytes: ObjectBytes;
}

/** Objects of one repository's network. */
export class StoredObjects {
  readonly #options: StoredObjectsOptions;
  readonly #chains: ChainReader;

  /** Makes a reader. */
  constructor(options: StoredObjectsOptions) {
    this.#options = options;
    this.#chains = new ChainReader(options);
  }

  /**
   * Rebuilds objects one after the other; those that are not there are left out.
   *
   * @throws `corrupt` when a chain does not make an object of the recorded size
   */
  async *read(
    oids: readonly Oid[],
    scope: "repository" | "network",
  ): AsyncGenerator<StoredObject> {
    const { metadata, repository } = this.#options;
    const { objectFormat } = repository;
    for (const located of await metadata.locate(repository, { oids, scope })) {
      const { oid, type, size, chain } = located;
      const bytes = await this.#rebuild({ objectFormat, size, chain });
      yield { oid, typeCode: OBJECT_TYPE_CODES[type], depth: chain.length - 1, bytes };
    }
  }

  /** Second hashes of objects that the network stores; those that are not there are left out. */
  async *digests(oids: readonly Oid[]): AsyncGenerator<StoredDigest> {
    const algorithm = secondHash(this.#options.repository.objectFormat);
    for await (const { oid, bytes } of this.read(oids, "network")) {
      const hash = createHash(algorithm);
      for (const piece of pieces(bytes)) hash.update(piece);
      bytes.close();
      yield { oid, digest: hash.digest("hex") };
    }
  }

  async #rebuild(stored: StoredChain): Promise<ObjectBytes> {
    const small = await this.#chains.readSmall(stored, INGEST_STORED_CHAIN_BYTES_MAX);
    return small === undefined ? await this.#chains.read(stored) : new MemoryBytes(small);
  }
}
