/**
 * Applying a delta between arrays outside the kernels' memory. Copies of whole ranges are all the
 * work, and the engine's are as quick as the kernel's, without moving base and result first.
 *
 * @module
 */

import type { DeltaStatus } from "./kernels.ts";
import { KernelError } from "./kernel_error.ts";

/**
 * The object that `delta` (git's format, gitformat-pack) makes of `base`.
 *
 * @throws KernelError "too-large" when it has more than `sizeMax` bytes, "truncated" or "corrupt"
 * when the delta is bad; `data.violation` says how.
 */
export function applyDelta(
  base: Uint8Array,
  delta: Uint8Array,
  sizeMax: number,
): Uint8Array<ArrayBuffer> {
  const baseSize = readSize(delta, 0);
  if (baseSize.value !== base.length) throw violation("base-size-mismatch");
  const resultSize = readSize(delta, baseSize.end);
  if (resultSize.value > sizeMax) {
    throw new KernelError("too-large", "Bound the result of a delta", {
      data: { bytes: resultSize.value, sizeMax },
    });
  }
  const result = new Uint8Array(resultSize.value);
  const written = runInstructions(base, delta.subarray(resultSize.end), result);
  if (written !== result.length) throw violation("result-size-mismatch");
  return result;
}

function readSize(delta: Uint8Array, start: number): { value: number; end: number } {
  let value = 0;
  let scale = 1;
  for (let at = start; at < delta.length; at++) {
    const byte = delta[at]!;
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 77) break;
    if (byte < 0x80) return { value, end: at + 1 };
  }
  throw violation("truncated");
}

/** Runs the instructions of a delta; returns how many bytes of `result` they wrote. */
function runInstructions(base: Uint8Array, delta: Uint8Array, result: Uint8Array): number {
  let at = 0;
  let written = 0;
  while (at < delta.length) {
    const code = delta[at++]!;
    if (code === 0) throw violation("reserved-opcode");
    let source = delta;
    let offset = at;
    let bytes = code;
    if (code >= 0x80) {
      if (at + argumentCount(code) > delta.length) throw violation("truncated");
      source = base;
      offset = 0;
      bytes = 0;
      if (code & 0x01) offset = delta[at++]!;
      if (code & 0x02) offset += delta[at++]! << 8;
      if (code & 0x04) offset += delta[at++]! << 16;
      if (code & 0x08) offset += delta[at++]! * 0x1000000;
      if (code & 0x10) bytes = delta[at++]!;
      if (code & 0x20) bytes += delta[at++]! << 8;
      if (code & 0x40) bytes += delta[at++]! << 16;
      if (bytes === 0) bytes = 0x10000;
      if (offset + bytes > base.length) throw violation("read-out-of-base");
    } else {
      at += bytes;
      if (at > delta.length) throw violation("truncated");
    }
    if (written + bytes > result.length) throw violation("write-out-of-result");
    result.set(source.subarray(offset, offset + bytes), written);
    written += bytes;
  }
  return written;
}

/** How many bytes of offset and size follow a copy instruction. */
function argumentCount(code: number): number {
  let count = 0;
  for (let flags = code & 0x7f; flags !== 0; flags &= flags - 1) count++;
  return count;
}

function violation(violation: Exclude<DeltaStatus, "ok">): KernelError {
  const reason = violation === "truncated" ? "truncated" : "corrupt";
  return new KernelError(reason, "Apply a delta", { data: { violation } });
}
