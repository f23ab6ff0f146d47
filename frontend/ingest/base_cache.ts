/**
 * Small objects that pushes needed lately: blobs like `.gitattributes`, which each push of a root tree
 * names and has checked again, and bases of deltas.
 *
 * Invariant: what is here was reached by the repository once. That it still is needs no look: whatever
 * a push builds on or links to is checked again when it is committed.
 *
 * @module
 */

import { BASE_CACHE_BYTES_MAX, BASE_CACHE_OBJECT_BYTES_MAX } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type { RepositoryId } from "@gitstratum/core/rpc";
import type { BaseObject } from "./ingest_host.ts";

/** What an entry costs beside the object. */
const ENTRY_BYTES = 512;

/** Objects of many repositories, those used longest ago first out. */
export class BaseCache {
  /** In order of use, oldest first. */
  readonly #entries = new Map<string, BaseObject>();
  #bytes = 0;

  /** Bytes that the objects take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** An object of a repository, if it is here. */
  get(repository: RepositoryId, oid: Oid): BaseObject | undefined {
    const key = keyOf(repository, oid);
    const found = this.#entries.get(key);
    if (found === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, found);
    return found;
  }

  /** Keeps an object that the repository reaches, if it is small and in memory. */
  add(repository: RepositoryId, base: BaseObject): void {
    const key = keyOf(repository, base.oid);
    const isKept = base.content.kind === "memory" && base.size <= BASE_CACHE_OBJECT_BYTES_MAX;
    if (!isKept || this.#entries.has(key)) return;
    this.#entries.set(key, base);
    this.#bytes += base.size + ENTRY_BYTES;
    for (const [oldest, { size }] of this.#entries) {
      if (this.#bytes <= BASE_CACHE_BYTES_MAX) break;
      this.#entries.delete(oldest);
      this.#bytes -= size + ENTRY_BYTES;
    }
  }
}

/** Ids of repositories are never used again, so what was deleted is not found under another. */
function keyOf(repository: RepositoryId, oid: Oid): string {
  return `${repository}/${oid}`;
}
