/**
 * SHA-1 (FIPS 180-4). The message schedule is computed four words at a time.
 */

import { finishBlocks, startBlocks, STATE_BYTES, updateBlocks } from "./block_hash";

export const SHA1_STATE_BYTES: i32 = STATE_BYTES;

const K0: u32 = 0x5a827999;
const K1: u32 = 0x6ed9eba1;
const K2: u32 = 0x8f1bbcdc;
const K3: u32 = 0xca62c1d6;

const schedule = memory.data(80 * 4, 16);
/** The schedule with each round's constant added. */
const terms = memory.data(80 * 4, 16);
const scratch = memory.data(112, 16);

/** Begins a hash in the state at `state`. */
export function sha1Start(state: usize): void {
  store<u32>(state, 0x67452301, 0);
  store<u32>(state, 0xefcdab89, 4);
  store<u32>(state, 0x98badcfe, 8);
  store<u32>(state, 0x10325476, 12);
  store<u32>(state, 0xc3d2e1f0, 16);
  startBlocks(state);
}

/** Appends bytes. */
export function sha1Update(state: usize, pointer: usize, bytes: usize): void {
  updateBlocks(state, pointer, bytes, compress);
}

/** Writes the 20 bytes of the hash; the state must be started again. */
export function sha1Finish(state: usize, output: usize): void {
  finishBlocks(state, output, 5, compress);
}

/** The hash of two regions one after the other, such as a header and a body. */
export function sha1(
  first: usize,
  firstBytes: usize,
  second: usize,
  secondBytes: usize,
  output: usize,
): void {
  sha1Start(scratch);
  if (firstBytes != 0) sha1Update(scratch, first, firstBytes);
  if (secondBytes != 0) sha1Update(scratch, second, secondBytes);
  sha1Finish(scratch, output);
}

// @ts-ignore: decorator
@inline
function rotateLanes(v: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(v, bits), i32x4.shr_u(v, 32 - bits));
}

function expand(pointer: usize): void {
  for (let at: usize = 0; at < 64; at += 16) {
    const block = v128.load(pointer + at);
    v128.store(
      schedule + at,
      v128.shuffle<u8>(block, block, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12),
    );
  }
  const zero = i32x4.splat(0);
  for (let at: usize = 64; at < 128; at += 16) {
    const w16 = v128.load(schedule + at - 64);
    const w14 = v128.shuffle<u32>(w16, v128.load(schedule + at - 48), 2, 3, 4, 5);
    const w8 = v128.load(schedule + at - 32);
    const w3 = v128.shuffle<u32>(v128.load(schedule + at - 16), zero, 1, 2, 3, 4);
    const mixed = rotateLanes(v128.xor(v128.xor(w16, w14), v128.xor(w8, w3)), 1);
    // The fourth word needs the first of the same four.
    const first = rotateLanes(v128.shuffle<u32>(zero, mixed, 0, 1, 2, 4), 1);
    v128.store(schedule + at, v128.xor(mixed, first));
  }
  // From here on the recurrence can be stepped twice, which frees it of such needs.
  for (let at: usize = 128; at < 320; at += 16) {
    const w6 = v128.shuffle<u32>(
      v128.load(schedule + at - 32),
      v128.load(schedule + at - 16),
      2,
      3,
      4,
      5,
    );
    const far = v128.xor(v128.load(schedule + at - 112), v128.load(schedule + at - 128));
    const mixed = v128.xor(v128.xor(w6, v128.load(schedule + at - 64)), far);
    v128.store(schedule + at, rotateLanes(mixed, 2));
  }
  addConstant(0, K0);
  addConstant(80, K1);
  addConstant(160, K2);
  addConstant(240, K3);
}

// @ts-ignore: decorator
@inline
function addConstant(start: usize, constant: u32): void {
  const k = i32x4.splat(constant);
  for (let at = start; at < start + 80; at += 16) {
    v128.store(terms + at, i32x4.add(v128.load(schedule + at), k));
  }
}

function compress(state: usize, pointer: usize, blocks: usize): void {
  let h0 = load<u32>(state, 0);
  let h1 = load<u32>(state, 4);
  let h2 = load<u32>(state, 8);
  let h3 = load<u32>(state, 12);
  let h4 = load<u32>(state, 16);
  while (blocks != 0) {
    expand(pointer);
    let a = h0, b = h1, c = h2, d = h3, e = h4;
    // Each sum ends with the rotation, on which the next round waits; the rest is ready before.
    let at = terms;
    for (const end = at + 80; at < end; at += 20) {
      e = e + load<u32>(at) + (d ^ b & (c ^ d)) + rotl<u32>(a, 5);
      b = rotl<u32>(b, 30);
      d = d + load<u32>(at, 4) + (c ^ a & (b ^ c)) + rotl<u32>(e, 5);
      a = rotl<u32>(a, 30);
      c = c + load<u32>(at, 8) + (b ^ e & (a ^ b)) + rotl<u32>(d, 5);
      e = rotl<u32>(e, 30);
      b = b + load<u32>(at, 12) + (a ^ d & (e ^ a)) + rotl<u32>(c, 5);
      d = rotl<u32>(d, 30);
      a = a + load<u32>(at, 16) + (e ^ c & (d ^ e)) + rotl<u32>(b, 5);
      c = rotl<u32>(c, 30);
    }
    for (const end = at + 80; at < end; at += 20) {
      e = e + load<u32>(at) + (b ^ c ^ d) + rotl<u32>(a, 5);
      b = rotl<u32>(b, 30);
      d = d + load<u32>(at, 4) + (a ^ b ^ c) + rotl<u32>(e, 5);
      a = rotl<u32>(a, 30);
      c = c + load<u32>(at, 8) + (e ^ a ^ b) + rotl<u32>(d, 5);
      e = rotl<u32>(e, 30);
      b = b + load<u32>(at, 12) + (d ^ e ^ a) + rotl<u32>(c, 5);
      d = rotl<u32>(d, 30);
      a = a + load<u32>(at, 16) + (c ^ d ^ e) + rotl<u32>(b, 5);
      c = rotl<u32>(c, 30);
    }
    for (const end = at + 80; at < end; at += 20) {
      e = e + load<u32>(at) + ((b & c) + (d & (b ^ c))) + rotl<u32>(a, 5);
      b = rotl<u32>(b, 30);
      d = d + load<u32>(at, 4) + ((a & b) + (c & (a ^ b))) + rotl<u32>(e, 5);
      a = rotl<u32>(a, 30);
      c = c + load<u32>(at, 8) + ((e & a) + (b & (e ^ a))) + rotl<u32>(d, 5);
      e = rotl<u32>(e, 30);
      b = b + load<u32>(at, 12) + ((d & e) + (a & (d ^ e))) + rotl<u32>(c, 5);
      d = rotl<u32>(d, 30);
      a = a + load<u32>(at, 16) + ((c & d) + (e & (c ^ d))) + rotl<u32>(b, 5);
      c = rotl<u32>(c, 30);
    }
    for (const end = at + 80; at < end; at += 20) {
      e = e + load<u32>(at) + (b ^ c ^ d) + rotl<u32>(a, 5);
      b = rotl<u32>(b, 30);
      d = d + load<u32>(at, 4) + (a ^ b ^ c) + rotl<u32>(e, 5);
      a = rotl<u32>(a, 30);
      c = c + load<u32>(at, 8) + (e ^ a ^ b) + rotl<u32>(d, 5);
      e = rotl<u32>(e, 30);
      b = b + load<u32>(at, 12) + (d ^ e ^ a) + rotl<u32>(c, 5);
      d = rotl<u32>(d, 30);
      a = a + load<u32>(at, 16) + (c ^ d ^ e) + rotl<u32>(b, 5);
      c = rotl<u32>(c, 30);
    }
    h0 += a;
    h1 += b;
    h2 += c;
    h3 += d;
    h4 += e;
    pointer += 64;
    --blocks;
  }
  store<u32>(state, h0, 0);
  store<u32>(state, h1, 4);
  store<u32>(state, h2, 8);
  store<u32>(state, h3, 12);
  store<u32>(state, h4, 16);
}
