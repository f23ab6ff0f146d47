/**
 * Extents in memory: the test double of the object cluster.
 *
 * It keeps the whole contract of {@link ExtentStore} except durability, and passes the same suite as
 * the real one. It holds copies, so a caller that changes its bytes later changes nothing here.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { GitStratumError } from "../../error.ts";
import { EXTENT_BYTES_MAX } from "../../limits.ts";
import type { ExtentInfo, ExtentStore, ExtentWrite } from "./extent_store.ts";
import type { ExtentId, NetworkId } from "../ids.ts";

interface StoredExtent {
  readonly owner: NetworkId;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly writtenAtMs: number;
}

/** An {@link ExtentStore} that forgets everything with its process. */
export class MemoryExtentStore implements ExtentStore {
  readonly #extents = new Map<ExtentId, StoredExtent>();
  readonly #clock: Pick<Clock, "nowMs">;

  /** Makes an empty store; time stands at 0 unless a clock is given. */
  constructor(options: { readonly clock?: Pick<Clock, "nowMs"> } = {}) {
    this.#clock = options.clock ?? { nowMs: () => 0 };
  }

  /** Number of extents. */
  get count(): number {
    return this.#extents.size;
  }

  /** Bytes of all extents. */
  get bytes(): number {
    let sum = 0;
    for (const extent of this.#extents.values()) sum += extent.bytes.length;
    return sum;
  }

  /** {@inheritDoc ExtentStore.write} */
  // deno-lint-ignore require-await -- failures must be rejections
  async write(owner: NetworkId, extents: readonly ExtentWrite[]): Promise<void> {
    for (const { id, bytes } of extents) this.#writeOne(owner, id, bytes);
  }

  #writeOne(owner: NetworkId, id: ExtentId, bytes: Uint8Array): void {
    if (bytes.length > EXTENT_BYTES_MAX) {
      throw new GitStratumError("exhausted", "Refuse an extent above its limit", {
        data: { id, bytes: bytes.length, bytesMax: EXTENT_BYTES_MAX },
      });
    }
    const found = this.#extents.get(id);
    if (found === undefined) {
      const writtenAtMs = this.#clock.nowMs();
      this.#extents.set(id, { owner, bytes: Uint8Array.from(bytes), writtenAtMs });
    } else if (!equalBytes(found.bytes, bytes)) {
      throw new GitStratumError("conflict", "Find the extent with other bytes", { data: { id } });
    }
  }

  /** {@inheritDoc ExtentStore.read} */
  // deno-lint-ignore require-await -- failures must be rejections
  async read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const found = this.#extents.get(id);
    if (found === undefined) {
      throw new GitStratumError("not-found", "Find no such extent", { data: { id } });
    }
    const { offset, length } = range;
    const sane = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 &&
      length >= 0;
    if (!sane || offset + length > found.bytes.length) {
      throw new GitStratumError("invalid", "Read outside the extent", {
        data: { id, offset, length, bytes: found.bytes.length },
      });
    }
    return found.bytes.slice(offset, offset + length);
  }

  /** {@inheritDoc ExtentStore.stat} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async stat(id: ExtentId): Promise<ExtentInfo | undefined> {
    const found = this.#extents.get(id);
    return found === undefined ? undefined : infoOf(id, found);
  }

  /** {@inheritDoc ExtentStore.remove} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async remove(ids: readonly ExtentId[]): Promise<void> {
    for (const id of ids) this.#extents.delete(id);
  }

  /** {@inheritDoc ExtentStore.list} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<ExtentInfo[]> {
    const after = options.after ?? "";
    return [...this.#extents.entries()]
      .filter(([id]) => id > after)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, options.limit)
      .map(([id, extent]) => infoOf(id, extent));
  }
}

function infoOf(id: ExtentId, extent: StoredExtent): ExtentInfo {
  const { owner, bytes, writtenAtMs } = extent;
  return { id, owner, bytes: bytes.length, writtenAtMs };
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
