/**
 * Request bodies that are kept in memory: what they take is permitted before it is read.
 *
 * A short body takes nothing. A longer one waits for a first permit, while it holds none; further ones
 * are granted at once or refused.
 *
 * @module
 */

import { MIB } from "@gitstratum/core";
import type { MemoryPermit, MemoryPermits } from "./memory_permits.ts";

/** A body up to this is free: the wants and haves of any usual fetch. */
const FREE_BYTES = 1 * MIB;
/** How much of a body one permit is for. */
const STEP_BYTES = 4 * MIB;
/** Memory for each byte of it: ids of 40 characters in lists and sets, from lines of 50. */
const MEMORY_FACTOR = 3;

/** A body and what it holds. */
export interface AdmittedBody {
  /** To be read once. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Gives its memory back, once nothing of it is kept. */
  release(): void;
}

/** Whether a body of so many bytes takes nothing. */
export function isFreeBody(bodyBytes: number): boolean {
  return bodyBytes <= FREE_BYTES;
}

/** The same body, permitted as it is read. Reading throws `exhausted` when there is no memory for it. */
export function admittedBody(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  permits: Pick<MemoryPermits, "acquire">,
  signal: AbortSignal,
): AdmittedBody {
  let permit: MemoryPermit | undefined;
  let isReleased = false;
  const chunks = async function* () {
    let bytes = 0;
    let permittedBytes = FREE_BYTES;
    for await (const chunk of body) {
      bytes += chunk.length;
      while (bytes > permittedBytes) {
        const more = STEP_BYTES * MEMORY_FACTOR;
        if (permit === undefined) {
          permit = await permits.acquire({ bytes: more, lane: "large", signal });
        } else permit.grow(more);
        permittedBytes += STEP_BYTES;
        if (isReleased) permit.release();
      }
      yield chunk;
    }
  };
  return {
    body: ReadableStream.from(chunks()),
    release() {
      isReleased = true;
      permit?.release();
    },
  };
}
