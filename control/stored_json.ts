/**
 * JSON values of the control plane in the consensus store.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { KeyValue } from "@gitstratum/core/consensus";
import type { z } from "zod";

/** A value to be stored. */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Reads a stored JSON value. @throws `corrupt` when it has another shape */
export function decodeJson<T>(entry: KeyValue, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(entry.value)));
  } catch (cause) {
    throw new GitStratumError("corrupt", "Read a damaged value of the control plane", {
      data: { key: entry.key },
      cause,
    });
  }
}
