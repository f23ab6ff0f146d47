/**
 * A slow and obvious twin of the delta kernel, and a source of random deltas. For tests.
 *
 * @module
 */

import type { DeltaStatus } from "../kernels.ts";
import type { RandomBytes } from "./random_bytes.ts";

/** Reads a base-128 number at the head of `bytes` and removes it; undefined when there is none. */
function takeSize(bytes: number[]): bigint | undefined {
  let size = 0n;
  for (let shift = 0n; bytes.length > 0; shift += 7n) {
    const byte = bytes.shift()!;
    size |= BigInt(byte & 0x7f) << shift;
    if (size >= 1n << 53n || shift > 70n) return undefined;
    if (byte < 0x80) return size;
  }
  return undefined;
}

/** What the kernel ought to say of a delta, and to make of it. */
export function applyDeltaSlowly(
  base: Uint8Array,
  delta: Uint8Array,
  outputBytes: number,
): { status: DeltaStatus; output: readonly number[] } {
  const rest = [...delta];
  const output: number[] = [];
  const ended = (status: DeltaStatus) => ({ status, output });
  const baseSize = takeSize(rest);
  if (baseSize === undefined) return ended("truncated");
  if (baseSize !== BigInt(base.length)) return ended("base-size-mismatch");
  const outputSize = takeSize(rest);
  if (outputSize === undefined) return ended("truncated");
  if (outputSize !== BigInt(outputBytes)) return ended("result-size-mismatch");
  while (rest.length > 0) {
    const code = rest.shift()!;
    if (code === 0) return ended("reserved-opcode");
    let source: Uint8Array;
    if (code < 0x80) {
      if (rest.length < code) return ended("truncated");
      source = Uint8Array.from(rest.splice(0, code));
    } else {
      const digits = [0, 1, 2, 3, 4, 5, 6].map((bit) => {
        if ((code & (1 << bit)) === 0) return 0;
        return rest.length === 0 ? undefined : rest.shift();
      });
      if (digits.includes(undefined)) return ended("truncated");
      const [o0, o1, o2, o3, s0, s1, s2] = digits as number[];
      const offset = o0! + o1! * 2 ** 8 + o2! * 2 ** 16 + o3! * 2 ** 24;
      const bytes = (s0! + s1! * 2 ** 8 + s2! * 2 ** 16) || 2 ** 16;
      if (offset + bytes > base.length) return ended("read-out-of-base");
      source = base.subarray(offset, offset + bytes);
    }
    if (output.length + source.length > outputBytes) return ended("write-out-of-result");
    output.push(...source);
  }
  return ended(output.length === outputBytes ? "ok" : "result-size-mismatch");
}

function sizeBytes(size: number): number[] {
  const bytes = [];
  for (; size >= 0x80; size = Math.floor(size / 128)) bytes.push((size & 0x7f) | 0x80);
  return [...bytes, size];
}

/** A valid delta against `base`, and what it makes. */
export function randomDelta(
  random: RandomBytes,
  base: Uint8Array,
): { delta: Uint8Array<ArrayBuffer>; result: Uint8Array<ArrayBuffer> } {
  const instructions: number[] = [];
  const result: number[] = [];
  for (let count = random.below(30); count > 0; count--) {
    if (base.length > 0 && random.below(2) === 0) {
      const offset = random.below(base.length);
      const bytes = Math.min(1 + random.below(70_000), base.length - offset);
      const fields = [offset & 255, (offset >> 8) & 255, (offset >> 16) & 255, offset >>> 24];
      const length = bytes === 0x10000 ? 0 : bytes;
      fields.push(length & 255, (length >> 8) & 255, length >> 16);
      // A digit that is zero may be left out, or not.
      const kept = fields.map((field) => field !== 0 || random.below(4) === 0);
      instructions.push(kept.reduce((code, keep, bit) => keep ? code | (1 << bit) : code, 0x80));
      fields.forEach((field, i) => {
        if (kept[i]) instructions.push(field);
      });
      for (let i = 0; i < bytes; i++) result.push(base[offset + i]!);
    } else {
      const literal = random.noise(1 + random.below(127));
      instructions.push(literal.length, ...literal);
      result.push(...literal);
    }
  }
  const delta = [...sizeBytes(base.length), ...sizeBytes(result.length), ...instructions];
  return { delta: Uint8Array.from(delta), result: Uint8Array.from(result) };
}
