/**
 * Takes the bytes of a pack from the client: small ones stay in memory, others go to a scratch file
 * that others read while it grows.
 *
 * @module
 */

import { assert, INGEST_INLINE_BYTES_MAX } from "@gitstratum/core";
import type { DiskFile } from "@gitstratum/core/disk";
import { PACK_HEADER_BYTES, readPackHeader } from "@gitstratum/core/pack";
import { badPack } from "./bad_pack.ts";
import type { Arrival } from "./ingest_host.ts";
import { MemorySpool } from "./spool.ts";

/** How the intake goes. */
type IntakeState =
  | { readonly kind: "open" }
  | { readonly kind: "ended" }
  | { readonly kind: "failed"; readonly error: unknown };

/** One pack on its way in. */
export class PackIntake {
  /** The bytes, as long as they are few. */
  readonly memory: MemorySpool = new MemorySpool();

  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #bytesMax: number;
  #file: DiskFile | undefined;
  #bytes = 0;
  #state: IntakeState = { kind: "open" };
  /** The stream can still give bytes: whoever gives up cancels it. */
  #isFlowing = true;
  #changed = Promise.withResolvers<void>();

  /** Begins to take a stream of `bytesMax` at most; it belongs to the intake until {@link close}. */
  constructor(stream: ReadableStream<Uint8Array>, bytesMax: number) {
    this.#reader = stream.getReader();
    this.#bytesMax = bytesMax;
  }

  /**
   * Reads as much as stays in memory.
   *
   * @returns whether that was all
   * @throws whatever the stream throws
   */
  async readSmall(): Promise<boolean> {
    while (this.#state.kind === "open" && this.#bytes <= INGEST_INLINE_BYTES_MAX) {
      await this.#readChunk();
    }
    if (this.#state.kind === "failed") throw this.#state.error;
    return this.#state.kind === "ended" && this.#bytes <= INGEST_INLINE_BYTES_MAX;
  }

  /** Objects that the header announces, if a sound one has come. To be asked before the pack spills. */
  get objectCount(): number {
    if (this.memory.bytes < PACK_HEADER_BYTES) return 0;
    const header = new Uint8Array(PACK_HEADER_BYTES);
    this.memory.read(header, 0);
    const result = readPackHeader(header);
    return result.ok ? result.objectCount : 0;
  }

  /** Moves what came so far to a file, which stays the caller's, and reads on into it. */
  spillTo(file: DiskFile): void {
    assert(this.#file === undefined, "An intake spills once");
    let at = 0;
    for (const chunk of this.memory.chunks) {
      file.writeAt(chunk, at);
      at += chunk.length;
    }
    this.memory.clear();
    this.#file = file;
    void this.#pump();
  }

  /** Resolves once more than `have` bytes have arrived, or all have. @throws what reading threw */
  async arrival(have: number): Promise<Arrival> {
    while (this.#state.kind === "open" && this.#bytes <= have) await this.#changed.promise;
    if (this.#state.kind === "failed") throw this.#state.error;
    return { bytes: this.#bytes, ended: this.#state.kind === "ended" };
  }

  /** Gives the intake up: reading stops, and whoever waits for an arrival is told `reason`. */
  async close(reason: unknown): Promise<void> {
    const isFlowing = this.#isFlowing;
    this.#isFlowing = false;
    this.#fail(reason);
    if (isFlowing) await this.#reader.cancel(reason);
    this.#reader.releaseLock();
  }

  async #pump(): Promise<void> {
    while (this.#state.kind === "open") await this.#readChunk();
  }

  /** Never rejects: a failure becomes the state. */
  async #readChunk(): Promise<void> {
    try {
      const { done, value } = await this.#read();
      if (this.#state.kind !== "open") return;
      if (done) this.#state = { kind: "ended" };
      else this.#take(value);
      this.#wake();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    try {
      const result = await this.#reader.read();
      if (result.done) this.#isFlowing = false;
      return result;
    } catch (error) {
      this.#isFlowing = false;
      throw error;
    }
  }

  #take(chunk: Uint8Array): void {
    if (this.#bytes + chunk.length > this.#bytesMax) {
      throw badPack("Reject a pack above the size limit", { bytesMax: this.#bytesMax });
    }
    if (this.#file === undefined) this.memory.append(chunk);
    else this.#file.writeAt(chunk, this.#bytes);
    this.#bytes += chunk.length;
  }

  #fail(error: unknown): void {
    if (this.#state.kind === "open") this.#state = { kind: "failed", error };
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
