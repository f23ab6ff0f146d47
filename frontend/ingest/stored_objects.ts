/**
 * Reads whole objects that the network stores: bases of thin deltas, and objects that a push brings
 * once more.
 *
 * Small chains are rebuilt in memory; anything larger passes through scratch files.
 *
 * @module
 */

import { GitStratumError, INGEST_STORED_CHAIN_BYTES_MAX, MIB } from "@gitstratum/core";
import type { ObjectFormat, Oid } from "@gitstratum/core/git";
import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import {
  ENTRY_HEAD_BYTES_MAX,
  isDeltaCode,
  parseEntryHead,
  rebuildObject,
} from "@gitstratum/core/pack";
import {
  type EntryLocation,
  type ExtentStore,
  type LocatedObject,
  type Metadata,
  packRanges,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import { Inflater, Kernels } from "@gitstratum/wasm";
import { applyDeltaTo, deltaSizes } from "../pack_assembly/delta_application.ts";
import { type ObjectBytes, ObjectBytesWriter } from "../pack_assembly/object_bytes.ts";

/** Bytes of an extent that are read at a time. */
const READ_BYTES_MAX = 1 * MIB;

/** What stored objects are read with. */
export interface StoredObjectsOptions {
  readonly metadata: Pick<Metadata, "locate">;
  readonly extents: Pick<ExtentStore, "read">;
  readonly repository: RepositoryInfo;
  /** Existing directory for objects that memory should not hold. */
  readonly scratchDirectory: string;
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
  readonly #format: ObjectFormat;

  /** Makes a reader. */
  constructor(options: StoredObjectsOptions) {
    this.#options = options;
    this.#format = options.repository.objectFormat;
  }

  /** Rebuilds objects one after the other; those that are not there are left out. */
  async *read(
    oids: readonly Oid[],
    scope: "repository" | "network",
  ): AsyncGenerator<StoredObject> {
    const { metadata, repository } = this.#options;
    for (const located of await metadata.locate(repository, { oids, scope })) {
      const bytes = await this.#rebuild(located);
      if (bytes.size !== located.size) {
        bytes.close();
        throw new GitStratumError("corrupt", "Rebuild an object of another size than recorded", {
          data: { object: located.oid, wanted: located.size, found: bytes.size },
        });
      }
      const typeCode = OBJECT_TYPE_CODES[located.type];
      yield { oid: located.oid, typeCode, depth: located.chain.length - 1, bytes };
    }
  }

  async #rebuild(located: LocatedObject): Promise<ObjectBytes> {
    const stored = located.chain.reduce((sum, entry) => sum + entry.length, 0);
    if (stored <= INGEST_STORED_CHAIN_BYTES_MAX && located.size <= INGEST_STORED_CHAIN_BYTES_MAX) {
      const small = await this.#rebuildInMemory(located.chain);
      if (small !== undefined) return small;
    }
    return await this.#rebuildInPieces(located.chain);
  }

  /** Undefined when some base or delta is larger than memory should hold. */
  async #rebuildInMemory(chain: readonly EntryLocation[]): Promise<ObjectBytes | undefined> {
    const entries = await Promise.all(chain.map((entry) => this.#whole(entry)));
    const options = { format: this.#format, sizeMax: INGEST_STORED_CHAIN_BYTES_MAX };
    try {
      const { bytes } = rebuildObject(entries, options);
      const out = new ObjectBytesWriter(bytes.length, this.#options);
      out.write(bytes);
      return out.finishExact();
    } catch (error) {
      if (error instanceof GitStratumError && error.code === "exhausted") return undefined;
      throw error;
    }
  }

  async #rebuildInPieces(chain: readonly EntryLocation[]): Promise<ObjectBytes> {
    let object: ObjectBytes | undefined;
    for (const entry of chain.toReversed()) {
      const { bytes, isDelta } = await this.#inflated(entry);
      if (isDelta !== (object !== undefined)) {
        bytes.close();
        object?.close();
        throw new GitStratumError("corrupt", "Find a delta chain without its root");
      }
      object = object === undefined ? bytes : this.#applied(object, bytes);
    }
    if (object === undefined) throw new GitStratumError("corrupt", "Find an empty delta chain");
    return object;
  }

  #applied(base: ObjectBytes, delta: ObjectBytes): ObjectBytes {
    try {
      const out = new ObjectBytesWriter(deltaSizes(delta).result, this.#options);
      try {
        applyDeltaTo(base, delta, out);
        return out.finishExact();
      } catch (error) {
        out.abandon();
        throw error;
      }
    } finally {
      base.close();
      delta.close();
    }
  }

  async #inflated(
    entry: EntryLocation,
  ): Promise<{ readonly bytes: ObjectBytes; readonly isDelta: boolean }> {
    const headLength = Math.min(ENTRY_HEAD_BYTES_MAX, entry.length);
    const start = await this.#whole({ ...entry, length: headLength });
    const { typeCode, size, headBytes } = parseEntryHead(start, this.#format);
    const out = new ObjectBytesWriter(size, this.#options);
    const stream = new StreamInflater(out);
    try {
      const offset = entry.offset + headBytes;
      const body = { ...entry, offset, length: entry.length - headBytes };
      for await (const chunk of this.#chunks(body)) stream.push(chunk);
      return { bytes: out.finishExact(), isDelta: isDeltaCode(typeCode) };
    } catch (error) {
      out.abandon();
      throw error;
    }
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

  async *#chunks(entry: EntryLocation): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (const range of packRanges(entry.pack, entry)) {
      for (let done = 0; done < range.length; done += READ_BYTES_MAX) {
        const length = Math.min(READ_BYTES_MAX, range.length - done);
        yield await this.#options.extents.read(range.id, { offset: range.offset + done, length });
      }
    }
  }
}

/** Inflates one zlib stream, chunk by chunk, into a writer. */
class StreamInflater {
  readonly #out: ObjectBytesWriter;
  readonly #kernels = Kernels.create();
  readonly #inflater: Inflater;
  readonly #input: number;
  readonly #output: number;

  constructor(out: ObjectBytesWriter) {
    this.#out = out;
    this.#inflater = new Inflater(this.#kernels);
    this.#input = this.#kernels.alloc(READ_BYTES_MAX);
    this.#output = this.#kernels.alloc(READ_BYTES_MAX);
    this.#inflater.start({ streaming: true });
  }

  push(chunk: Uint8Array): void {
    this.#kernels.write(this.#input, chunk);
    for (let at = 0;;) {
      const inflater = this.#inflater;
      const status = inflater.run(
        this.#input + at,
        chunk.length - at,
        this.#output,
        READ_BYTES_MAX,
      );
      at += inflater.consumed;
      this.#out.write(this.#kernels.view(this.#output, inflater.produced));
      if (status === "corrupt") {
        throw new GitStratumError("corrupt", "Read a broken zlib stream");
      }
      if (status !== "needs-output") return;
    }
  }
}
