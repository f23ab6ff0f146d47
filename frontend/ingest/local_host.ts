/**
 * The host of an ingest in the process that has the services.
 *
 * Invariant: whatever extents were written are known, so that a failed ingest can take them back.
 *
 * @module
 */

import type { Disk } from "@gitstratum/core/disk";
import type { Oid } from "@gitstratum/core/git";
import type {
  ExtentId,
  ExtentStore,
  ExtentWrite,
  Metadata,
  RepositoryInfo,
} from "@gitstratum/core/rpc";
import type { BaseCache } from "./base_cache.ts";
import { BaseFile } from "./base_file.ts";
import type { Arrival, BaseObject, IngestHost, StoredDigest } from "./ingest_host.ts";
import { LateComparison } from "./late_comparison.ts";
import { StoredObjects } from "./stored_objects.ts";

/** What a host works with. */
export interface LocalHostOptions {
  readonly metadata: Pick<Metadata, "locate" | "known">;
  readonly extents: Pick<ExtentStore, "read" | "write" | "remove">;
  /** Shared by all ingests of the process. */
  readonly cache: BaseCache;
  readonly repository: RepositoryInfo;
  readonly disk: Disk;
  /** Root of the disk. */
  readonly scratchDirectory: string;
  /** Name of the file of delta bases. */
  readonly baseFileName: string;
  readonly arrival: (have: number) => Promise<Arrival>;
  readonly progress: (text: string) => void;
}

/** Serves one ingest. */
export class LocalHost implements IngestHost {
  readonly #options: LocalHostOptions;
  readonly #stored: StoredObjects;
  readonly #bases: BaseFile;
  readonly #written: ExtentId[] = [];
  readonly #writing = new Set<Promise<void>>();

  /** Makes a host. */
  constructor(options: LocalHostOptions) {
    this.#options = options;
    this.#stored = new StoredObjects(options);
    this.#bases = new BaseFile(options.disk, options.baseFileName);
  }

  /** Removes scratch files. */
  close(): void {
    this.#bases.close();
  }

  /** Takes back what was written. */
  async discard(): Promise<void> {
    await Promise.allSettled([...this.#writing]);
    if (this.#written.length > 0) await this.#options.extents.remove(this.#written);
  }

  /** What is left to compare when the ingest has compared nothing; lasts longer than the host. */
  comparison(digests: readonly StoredDigest[]): LateComparison {
    const { metadata, extents, scratchDirectory, repository } = this.#options;
    // Of the pack itself nothing is to be kept.
    const stored = new StoredObjects({ metadata, extents, scratchDirectory, repository });
    return new LateComparison(stored, digests);
  }

  /** {@inheritDoc IngestHost.arrival} */
  arrival(have: number): Promise<Arrival> {
    return this.#options.arrival(have);
  }

  /** {@inheritDoc IngestHost.known} */
  known(oids: Uint8Array<ArrayBuffer>): Promise<Uint32Array> {
    return this.#options.metadata.known(this.#options.repository, oids);
  }

  /** {@inheritDoc IngestHost.bases} */
  async bases(oids: readonly Oid[]): Promise<readonly BaseObject[]> {
    const { cache, repository: { repositoryId } } = this.#options;
    const cached = oids.map((oid) => cache.get(repositoryId, oid));
    const bases = cached.filter((base) => base !== undefined);
    const others = oids.filter((_, index) => cached[index] === undefined);
    if (others.length === 0) return bases;
    // Only what the repository reaches: a delta against anything else would read it.
    for await (const object of this.#stored.read(others, "repository")) {
      try {
        const base = this.#bases.add(object);
        cache.add(repositoryId, base);
        bases.push(base);
      } finally {
        object.bytes.close();
      }
    }
    return bases;
  }

  /** {@inheritDoc IngestHost.digests} */
  async digests(oids: readonly Oid[]): Promise<readonly StoredDigest[]> {
    return await Array.fromAsync(this.#stored.digests(oids));
  }

  /** {@inheritDoc IngestHost.write} */
  async write(extents: readonly ExtentWrite[]): Promise<void> {
    for (const extent of extents) this.#written.push(extent.id);
    const writing = this.#options.extents.write(this.#options.repository.networkId, extents);
    this.#writing.add(writing);
    try {
      await writing;
    } finally {
      this.#writing.delete(writing);
    }
  }

  /** {@inheritDoc IngestHost.progress} */
  progress(text: string): void {
    this.#options.progress(text);
  }
}
