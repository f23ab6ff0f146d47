/**
 * The checksum of segments, in one place so that its kernel can be replaced.
 *
 * @module
 */

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const M = (1n << 64n) - 1n;
const rotl = (x: bigint, r: bigint) => ((x << r) | (x >> (64n - r))) & M;
const round = (acc: bigint, input: bigint) => (rotl((acc + input * P2) & M, 31n) * P1) & M;

/** xxh64 with seed 0. */
export function checksum64(data: Uint8Array): bigint {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let at = 0;
  let hash: bigint;
  if (data.length >= 32) {
    let v = [(P1 + P2) & M, P2, 0n, (0n - P1) & M];
    for (; at + 32 <= data.length; at += 32) {
      v = v.map((acc, lane) => round(acc, view.getBigUint64(at + lane * 8, true)));
    }
    hash = (rotl(v[0]!, 1n) + rotl(v[1]!, 7n) + rotl(v[2]!, 12n) + rotl(v[3]!, 18n)) & M;
    for (const acc of v) hash = ((hash ^ round(0n, acc)) * P1 + P4) & M;
  } else hash = P5;
  hash = (hash + BigInt(data.length)) & M;
  for (; at + 8 <= data.length; at += 8) {
    hash = (rotl(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4) & M;
  }
  if (at + 4 <= data.length) {
    hash = (rotl(hash ^ ((BigInt(view.getUint32(at, true)) * P1) & M), 23n) * P2 + P3) & M;
    at += 4;
  }
  for (; at < data.length; at++) hash = (rotl(hash ^ ((BigInt(data[at]!) * P5) & M), 11n) * P1) & M;
  hash = ((hash ^ (hash >> 33n)) * P2) & M;
  hash = ((hash ^ (hash >> 29n)) * P3) & M;
  return hash ^ (hash >> 32n);
}
