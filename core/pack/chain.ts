/**
 * Rebuilding of stored objects from their delta chains, in memory.
 *
 * Fault model: stored bytes were checked when they were pushed, so whatever does not decode is
 * `corrupt`. Memory is bounded by `sizeMax` for each of base, delta and result.
 *
 * @module
 */

import { applyDelta, inflate, KernelError } from "@gitstratum/wasm";
import { GitStratumError } from "../error.ts";
import type { ObjectFormat } from "../git/oid.ts";
import { OFS_DELTA, parseEntryHead, REF_DELTA } from "./entry_head.ts";

/** What a rebuilding may assume and use. */
export interface ChainOptions {
  /** Decides the length of ids in heads. */
  readonly format: ObjectFormat;
  /** Largest object or delta that is held, in bytes. */
  readonly sizeMax: number;
}

/** An inflated entry. */
export interface InflatedEntry {
  /** 1 to 4 for an object, 6 or 7 for a delta. */
  readonly typeCode: number;
  /** The object, or the delta. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** A rebuilt object. */
export interface RebuiltObject {
  /** Type number, 1 to 4. */
  readonly typeCode: number;
  /** The object. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Whether an entry of this type is a delta. */
export function isDeltaCode(typeCode: number): boolean {
  return typeCode === OFS_DELTA || typeCode === REF_DELTA;
}

/**
 * Inflates one whole stored entry.
 *
 * @throws `corrupt`, or `exhausted` when it is larger than `sizeMax`
 */
export function inflateEntry(entry: Uint8Array, options: ChainOptions): InflatedEntry {
  const { typeCode, size, headBytes } = parseEntryHead(entry, options.format);
  checkSize(size, options.sizeMax);
  const { output, consumed } = decode(() => inflate(entry.subarray(headBytes), size), "corrupt");
  if (output.length !== size || headBytes + consumed !== entry.length) {
    throw new GitStratumError("corrupt", "Read a pack entry of the wrong length", {
      data: { wanted: size, found: output.length, unread: entry.length - headBytes - consumed },
    });
  }
  return { typeCode, payload: output };
}

/**
 * Applies the delta of one inflated entry to its base.
 *
 * @throws `corrupt`, or `exhausted` when the result is larger than `sizeMax`
 */
export function applyEntryDelta(
  base: Uint8Array,
  delta: Uint8Array,
  options: ChainOptions,
): Uint8Array<ArrayBuffer> {
  return decode(() => applyDelta(base, delta, options.sizeMax), "exhausted");
}

/**
 * Rebuilds an object from a chain of whole stored entries: its own entry first, then each delta base
 * in turn; the last is not a delta.
 *
 * @throws `corrupt`, or `exhausted` when a part is larger than `sizeMax`
 */
export function rebuildObject(
  chain: readonly Uint8Array[],
  options: ChainOptions,
): RebuiltObject {
  let object: RebuiltObject | undefined;
  for (const entry of chain.toReversed()) {
    const { typeCode, payload } = inflateEntry(entry, options);
    if (isDeltaCode(typeCode) !== (object !== undefined)) {
      throw new GitStratumError("corrupt", "Read a delta chain without its root", {
        data: { typeCode },
      });
    }
    object = object === undefined ? { typeCode, bytes: payload } : {
      typeCode: object.typeCode,
      bytes: applyEntryDelta(object.bytes, payload, options),
    };
  }
  if (object === undefined) throw new GitStratumError("corrupt", "Read an empty delta chain");
  return object;
}

function checkSize(size: number, sizeMax: number): void {
  if (size <= sizeMax) return;
  throw new GitStratumError("exhausted", "Refuse to hold a large object in memory", {
    data: { size, sizeMax },
  });
}

/** Runs a kernel; turns its refusal into the project's error. */
function decode<T>(kernel: () => T, tooLarge: "corrupt" | "exhausted"): T {
  try {
    return kernel();
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause;
    const code = cause.reason === "too-large" ? tooLarge : "corrupt";
    throw new GitStratumError(code, "Fail to decode a pack entry", {
      data: { reason: cause.reason, ...cause.data },
      cause,
    });
  }
}
