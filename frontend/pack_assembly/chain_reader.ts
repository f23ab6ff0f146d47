/**
 * Rebuilds stored objects of any size from their delta chains: for clients that will not get a base,
 * for pushes that build on what is stored, for archives.
 *
 * Fault model: stored bytes were checked when they were pushed, so whatever does not decode is
 * `corrupt`. No failure leaves a scratch file behind.
 *
 * @module
 */

import { GitStratumError, hasCode } from "@gitstratum/core";
import type { ObjectFormat } from "@gitstratum/core/git";
import {
  ENTRY_HEAD_BYTES_MAX,
  isDeltaCode,
  parseEntryHead,
  rebuildObject,
} from "@gitstratum/core/pack";
import type { EntryLocation, ExtentStore } from "@gitstratum/core/rpc";
import { appliedDelta } from "./delta_application.ts";
import { readChunks } from "./extent_read.ts";
import type { ObjectBytes } from "./object_bytes.ts";
import { inflatedBytes } from "./zlib_bytes.ts";

/** What chains are read with. */
export interface ChainReaderOptions {
  readonly extents: Pick<ExtentStore, "read">;
  /** Existing directory for objects that memory should not hold. */
  readonly scratchDirectory: string;
}

/** Where a stored object is. */
export interface StoredChain {
  readonly objectFormat: ObjectFormat;
  /** Inflated size in bytes. */
  readonly size: number;
  /** The object's own entry first, then each delta base in turn; the last is not a delta. */
  readonly chain: readonly EntryLocation[];
}

/** What an entry inflates to. */
interface InflatedPart {
  readonly isDelta: boolean;
  readonly bytes: ObjectBytes;
}

/** Reads chains. */
export class ChainReader {
  readonly #options: ChainReaderOptions;

  /** Makes a reader, to be shared. */
  constructor(options: ChainReaderOptions) {
    this.#options = options;
  }

  /**
   * The object in memory, or undefined when it, its stored entries together or any part on the way
   * is larger than `bytesMax`.
   *
   * @throws `corrupt` when the chain does not make an object of the recorded size
   */
  async readSmall(
    stored: StoredChain,
    bytesMax: number,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const entriesBytes = stored.chain.reduce((sum, entry) => sum + entry.length, 0);
    if (stored.size > bytesMax || entriesBytes > bytesMax) return undefined;
    const entries = await Promise.all(stored.chain.map((entry) => this.#whole(entry)));
    try {
      const { bytes } = rebuildObject(entries, { format: stored.objectFormat, sizeMax: bytesMax });
      checkSize(stored, bytes.length);
      return bytes;
    } catch (error) {
      if (hasCode(error, "exhausted")) return undefined;
      throw error;
    }
  }

  /**
   * The object, whatever its size, to be closed by the caller.
   *
   * @throws `corrupt` when the chain does not make an object of the recorded size
   */
  async read(stored: StoredChain): Promise<ObjectBytes> {
    let object: ObjectBytes | undefined;
    try {
      for (const entry of stored.chain.toReversed()) {
        object = await this.#next(object, entry, stored.objectFormat);
      }
      if (object === undefined) throw new GitStratumError("corrupt", "Find an empty delta chain");
      checkSize(stored, object.size);
      return object;
    } catch (error) {
      object?.close();
      throw error;
    }
  }

  /** What `entry` makes of `base`, which is closed once it was used. */
  async #next(
    base: ObjectBytes | undefined,
    entry: EntryLocation,
    format: ObjectFormat,
  ): Promise<ObjectBytes> {
    const { bytes, isDelta } = await this.#inflated(entry, format);
    if (base === undefined && !isDelta) return bytes;
    try {
      if (base === undefined || !isDelta) {
        throw new GitStratumError("corrupt", "Find a delta chain without its root");
      }
      const object = appliedDelta(base, bytes, this.#options);
      base.close();
      return object;
    } finally {
      bytes.close();
    }
  }

  async #inflated(entry: EntryLocation, format: ObjectFormat): Promise<InflatedPart> {
    const headLength = Math.min(ENTRY_HEAD_BYTES_MAX, entry.length);
    const start = await this.#whole({ ...entry, length: headLength });
    const { typeCode, size, headBytes } = parseEntryHead(start, format);
    const body = {
      ...entry,
      offset: entry.offset + headBytes,
      length: entry.length - headBytes,
    };
    const bytes = await inflatedBytes(this.#chunks(body), size, this.#options);
    return { bytes, isDelta: isDeltaCode(typeCode) };
  }

  async #whole(entry: EntryLocation): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(entry.length);
    let at = 0;
    for await (const chunk of this.#chunks(entry)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  #chunks(entry: EntryLocation): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    return readChunks(this.#options.extents, entry);
  }
}

/** @throws `corrupt` unless an entry is a delta exactly where there is a base for it */
export function checkChainStep(typeCode: number, hasBase: boolean): void {
  if (isDeltaCode(typeCode) === hasBase) return;
  throw new GitStratumError("corrupt", "Find a delta chain without its root");
}

/** @throws `corrupt` when a rebuilt object has another size than recorded */
export function checkSize(stored: { readonly size: number }, found: number): void {
  if (found === stored.size) return;
  throw new GitStratumError("corrupt", "Rebuild an object of another size than recorded", {
    data: { wanted: stored.size, found },
  });
}
