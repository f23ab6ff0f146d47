/**
 * A slow and obvious twin of the XXH64 kernel, in bigints modulo 2^64. For tests.
 *
 * @module
 */

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

const wrap = (value: bigint) => BigInt.asUintN(64, value);
const rotate = (value: bigint, bits: bigint) => wrap(value << bits) | (value >> (64n - bits));
const round = (lane: bigint, input: bigint) => wrap(rotate(wrap(lane + input * P2), 31n) * P1);
const mix = (hash: bigint, shift: bigint, prime: bigint) => wrap((hash ^ (hash >> shift)) * prime);

/** XXH64 of `data`. */
export function xxh64Slowly(data: Uint8Array, seed: bigint): bigint {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  let at = 0;
  let hash = wrap(seed + P5);
  if (data.length >= 32) {
    const lanes = [wrap(seed + P1 + P2), wrap(seed + P2), seed, wrap(seed - P1)];
    for (; at + 32 <= data.length; at += 32) {
      lanes.forEach((lane, i) => lanes[i] = round(lane, view.getBigUint64(at + i * 8, true)));
    }
    hash = wrap([1n, 7n, 12n, 18n].reduce((sum, bits, i) => sum + rotate(lanes[i]!, bits), 0n));
    for (const lane of lanes) hash = wrap((hash ^ round(0n, lane)) * P1 + P4);
  }
  hash = wrap(hash + BigInt(data.length));
  for (; at + 8 <= data.length; at += 8) {
    hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
  }
  if (at + 4 <= data.length) {
    hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
    at += 4;
  }
  for (; at < data.length; at++) {
    hash = wrap(rotate(hash ^ wrap(BigInt(data[at]!) * P5), 11n) * P1);
  }
  hash = mix(hash, 33n, P2);
  hash = mix(hash, 29n, P3);
  return mix(hash, 32n, 1n);
}
