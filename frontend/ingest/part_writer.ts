/**
 * Cuts the bytes of one part of a pack group into extents.
 *
 * @module
 */

import { EXTENT_BYTES } from "@gitstratum/core/limits";
import type { ExtentWrite } from "@gitstratum/core/rpc";
import { extentId, type PackId } from "@gitstratum/core/rpc/ids";
import type { Spool } from "./spool.ts";

/** Writes one part, from its first byte to its last. */
export class PartWriter {
  readonly #pack: PackId;
  readonly #capacity: number;
  readonly #full: ExtentWrite[];
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #used = 0;
  #extents = 0;
  #announced = 0;

  /**
   * Makes a writer; it puts finished extents into `full`. No part has more than `bytesMax` bytes, so
   * that small ones need no large buffer.
   */
  constructor(
    pack: PackId,
    options: { readonly bytesMax: number; readonly full: ExtentWrite[] },
  ) {
    this.#pack = pack;
    this.#capacity = Math.min(EXTENT_BYTES, options.bytesMax);
    this.#full = options.full;
  }

  /** Bytes announced so far, written or not. */
  get bytes(): number {
    return this.#announced;
  }

  /** Counts bytes that will be written, in order. */
  announce(bytes: number): void {
    this.#announced += bytes;
  }

  /** Appends bytes. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const room = this.#room(bytes.length - at);
      room.set(bytes.subarray(at, at + room.length));
      at += room.length;
    }
  }

  /** Appends bytes of a spool, without a stop in between. */
  copy(spool: Spool, offset: number, length: number): void {
    for (let done = 0; done < length;) {
      const room = this.#room(length - done);
      spool.read(room, offset + done);
      done += room.length;
    }
  }

  /** Ends the part: its last extent is as long as what is left. */
  finish(): void {
    this.#flush();
  }

  /** Room for at most `bytes` bytes, which the caller fills. */
  #room(bytes: number): Uint8Array<ArrayBuffer> {
    if (this.#buffer !== undefined && this.#used === this.#buffer.length) this.#flush();
    this.#buffer ??= new Uint8Array(this.#capacity);
    const count = Math.min(bytes, this.#buffer.length - this.#used);
    const room = this.#buffer.subarray(this.#used, this.#used + count);
    this.#used += count;
    return room;
  }

  #flush(): void {
    if (this.#buffer === undefined) return;
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#full.push({ id: extentId(this.#pack, this.#extents++), bytes });
    this.#buffer = undefined;
    this.#used = 0;
  }
}
