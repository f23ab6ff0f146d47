/**
 * When a pushed pack may be taken in: by the memory that it takes, and by how fast its client sends.
 *
 * A large pack is not begun before it has come or comes fast. Until then it is a file; begun at once it
 * would hold memory for as long as its client takes to send it.
 *
 * @module
 */

import {
  type Clock,
  MEMORY_LARGE_PUSH_BYTES,
  MEMORY_PUSH_OBJECT_BYTES,
  MEMORY_SMALL_PUSH_BYTES,
  MIB,
} from "@gitstratum/core";
import type { MemoryPermit, MemoryPermits } from "../admission/memory_permits.ts";
import type { PackIntake } from "./pack_intake.ts";

/** What comes at first tells nothing about the rate: it was in buffers. */
const FIRST_BYTES = 4 * MIB;
/** A client as fast as this keeps a worker busy. */
const FAST_BYTES_PER_SECOND = 8 * MIB;

/** The world of an admission. */
export interface PushAdmissionOptions {
  readonly permits: Pick<MemoryPermits, "acquire">;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** Lets pushes in. */
export class PushAdmission {
  readonly #options: PushAdmissionOptions;

  /** Lets pushes in as memory allows. */
  constructor(options: PushAdmissionOptions) {
    this.#options = options;
  }

  /** Resolves with memory for a pack that is taken in where it arrives. */
  small(signal: AbortSignal | undefined): Promise<MemoryPermit> {
    const { permits } = this.#options;
    return permits.acquire({ bytes: MEMORY_SMALL_PUSH_BYTES, lane: "small", signal });
  }

  /**
   * Resolves with memory for a pack of so many objects that a worker takes in, once it has come or
   * comes fast.
   *
   * @throws what reading the pack threw
   */
  async large(
    intake: Pick<PackIntake, "arrival">,
    pack: { readonly objectCount: number; readonly signal?: AbortSignal | undefined },
  ): Promise<MemoryPermit> {
    await this.#comesFast(intake);
    const { objectCount, signal } = pack;
    const bytes = MEMORY_LARGE_PUSH_BYTES + objectCount * MEMORY_PUSH_OBJECT_BYTES;
    return await this.#options.permits.acquire({ bytes, lane: "large", signal });
  }

  async #comesFast(intake: Pick<PackIntake, "arrival">): Promise<void> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    for (let have = 0;;) {
      const { bytes, ended } = await intake.arrival(have);
      const seconds = (clock.monotonicMs() - startMs) / 1000;
      if (ended || (bytes >= FIRST_BYTES && bytes >= seconds * FAST_BYTES_PER_SECOND)) return;
      have = bytes;
    }
  }
}
