/**
 * SHA-256 (FIPS 180-4).
 */

import { finishBlocks, startBlocks, STATE_BYTES, updateBlocks } from "./block_hash";

export const SHA256_STATE_BYTES: i32 = STATE_BYTES;

const constants = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
const schedule = memory.data(64 * 4, 16);
/** The schedule with each round's constant added. */
const terms = memory.data(64 * 4, 16);
const scratch = memory.data(112, 16);

/** Begins a hash in the state at `state`. */
export function sha256Start(state: usize): void {
  store<u32>(state, 0x6a09e667, 0);
  store<u32>(state, 0xbb67ae85, 4);
  store<u32>(state, 0x3c6ef372, 8);
  store<u32>(state, 0xa54ff53a, 12);
  store<u32>(state, 0x510e527f, 16);
  store<u32>(state, 0x9b05688c, 20);
  store<u32>(state, 0x1f83d9ab, 24);
  store<u32>(state, 0x5be0cd19, 28);
  startBlocks(state);
}

/** Appends bytes. */
export function sha256Update(state: usize, pointer: usize, bytes: usize): void {
  updateBlocks(state, pointer, bytes, compress);
}

/** Writes the 32 bytes of the hash; the state must be started again. */
export function sha256Finish(state: usize, output: usize): void {
  finishBlocks(state, output, 8, compress);
}

/** The hash of two regions one after the other, such as a header and a body. */
export function sha256(
  first: usize,
  firstBytes: usize,
  second: usize,
  secondBytes: usize,
  output: usize,
): void {
  sha256Start(scratch);
  if (firstBytes != 0) sha256Update(scratch, first, firstBytes);
  if (secondBytes != 0) sha256Update(scratch, second, secondBytes);
  sha256Finish(scratch, output);
}

// @ts-ignore: decorator
@inline
function big0(x: u32): u32 {
  return rotr<u32>(x, 2) ^ rotr<u32>(x, 13) ^ rotr<u32>(x, 22);
}

// @ts-ignore: decorator
@inline
function big1(x: u32): u32 {
  return rotr<u32>(x, 6) ^ rotr<u32>(x, 11) ^ rotr<u32>(x, 25);
}

// @ts-ignore: decorator
@inline
function small0(x: u32): u32 {
  return rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ x >>> 3;
}

// @ts-ignore: decorator
@inline
function small1(x: u32): u32 {
  return rotr<u32>(x, 17) ^ rotr<u32>(x, 19) ^ x >>> 10;
}

function expand(pointer: usize): void {
  for (let at: usize = 0; at < 64; at += 16) {
    const block = v128.load(pointer + at);
    v128.store(
      schedule + at,
      v128.shuffle<u8>(block, block, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12),
    );
  }
  let w1 = load<u32>(schedule, 60);
  let w2 = load<u32>(schedule, 56);
  for (let at = schedule; at < schedule + 192; at += 8) {
    const even = load<u32>(at) + load<u32>(at, 36) + small0(load<u32>(at, 4)) + small1(w2);
    const odd = load<u32>(at, 4) + load<u32>(at, 40) + small0(load<u32>(at, 8)) + small1(w1);
    store<u32>(at, even, 64);
    store<u32>(at, odd, 68);
    w2 = even;
    w1 = odd;
  }
  for (let at: usize = 0; at < 256; at += 16) {
    v128.store(terms + at, i32x4.add(v128.load(schedule + at), v128.load(constants + at)));
  }
}

function compress(state: usize, pointer: usize, blocks: usize): void {
  let h0 = load<u32>(state, 0);
  let h1 = load<u32>(state, 4);
  let h2 = load<u32>(state, 8);
  let h3 = load<u32>(state, 12);
  let h4 = load<u32>(state, 16);
  let h5 = load<u32>(state, 20);
  let h6 = load<u32>(state, 24);
  let h7 = load<u32>(state, 28);
  while (blocks != 0) {
    expand(pointer);
    let a = h0, b = h1, c = h2, d = h3, e = h4, f = h5, g = h6, h = h7;
    // Each sum ends with what the next round waits for; the rest is ready before.
    for (let at = terms; at < terms + 256; at += 32) {
      h = h + load<u32>(at) + (g ^ e & (f ^ g)) + big1(e);
      d += h;
      h = h + ((a & b) + (c & (a ^ b))) + big0(a);
      g = g + load<u32>(at, 4) + (f ^ d & (e ^ f)) + big1(d);
      c += g;
      g = g + ((h & a) + (b & (h ^ a))) + big0(h);
      f = f + load<u32>(at, 8) + (e ^ c & (d ^ e)) + big1(c);
      b += f;
      f = f + ((g & h) + (a & (g ^ h))) + big0(g);
      e = e + load<u32>(at, 12) + (d ^ b & (c ^ d)) + big1(b);
      a += e;
      e = e + ((f & g) + (h & (f ^ g))) + big0(f);
      d = d + load<u32>(at, 16) + (c ^ a & (b ^ c)) + big1(a);
      h += d;
      d = d + ((e & f) + (g & (e ^ f))) + big0(e);
      c = c + load<u32>(at, 20) + (b ^ h & (a ^ b)) + big1(h);
      g += c;
      c = c + ((d & e) + (f & (d ^ e))) + big0(d);
      b = b + load<u32>(at, 24) + (a ^ g & (h ^ a)) + big1(g);
      f += b;
      b = b + ((c & d) + (e & (c ^ d))) + big0(c);
      a = a + load<u32>(at, 28) + (h ^ f & (g ^ h)) + big1(f);
      e += a;
      a = a + ((b & c) + (d & (b ^ c))) + big0(b);
    }
    h0 += a;
    h1 += b;
    h2 += c;
    h3 += d;
    h4 += e;
    h5 += f;
    h6 += g;
    h7 += h;
    pointer += 64;
    --blocks;
  }
  store<u32>(state, h0, 0);
  store<u32>(state, h1, 4);
  store<u32>(state, h2, 8);
  store<u32>(state, h3, 12);
  store<u32>(state, h4, 16);
  store<u32>(state, h5, 20);
  store<u32>(state, h6, 24);
  store<u32>(state, h7, 28);
}
