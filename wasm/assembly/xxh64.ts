/**
 * xxHash, 64 bits (XXH64), by its published specification.
 */

const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;
const P3: u64 = 0x165667b19e3779f9;
const P4: u64 = 0x85ebca77c2b2ae63;
const P5: u64 = 0x27d4eb2f165667c5;

/** The state of a hash in progress. */
@unmanaged
class State {
  v1: u64;
  v2: u64;
  v3: u64;
  v4: u64;
  seed: u64;
  total: u64;
  /** Bytes waiting in the tail, less than a stripe of 32. */
  waiting: u32;
  unused: u32;
}

const TAIL = offsetof<State>();
export const XXH64_STATE_BYTES: i32 = <i32>offsetof<State>() + 32;

/** A whole hash in one call. */
export function xxh64(pointer: usize, bytes: usize, seed: u64): u64 {
  const total = <u64>bytes;
  let hash: u64;
  if (bytes >= 32) {
    let v1 = seed + P1 + P2;
    let v2 = seed + P2;
    let v3 = seed;
    let v4 = seed - P1;
    const end = pointer + (bytes & ~31);
    while (pointer < end) {
      v1 = round(v1, load<u64>(pointer));
      v2 = round(v2, load<u64>(pointer, 8));
      v3 = round(v3, load<u64>(pointer, 16));
      v4 = round(v4, load<u64>(pointer, 24));
      pointer += 32;
    }
    hash = merge(v1, v2, v3, v4);
  } else {
    hash = seed + P5;
  }
  return finish(hash + total, pointer, bytes & 31);
}

/** Begins a hash in the state at `state`. */
export function xxh64Start(state: usize, seed: u64): void {
  const s = changetype<State>(state);
  s.v1 = seed + P1 + P2;
  s.v2 = seed + P2;
  s.v3 = seed;
  s.v4 = seed - P1;
  s.seed = seed;
  s.total = 0;
  s.waiting = 0;
}

/** Appends bytes. */
export function xxh64Update(state: usize, pointer: usize, bytes: usize): void {
  const s = changetype<State>(state);
  s.total += bytes;
  if (s.waiting != 0) {
    const part = min(<usize>(32 - s.waiting), bytes);
    memory.copy(state + TAIL + s.waiting, pointer, part);
    s.waiting += <u32>part;
    if (s.waiting < 32) return;
    stripes(s, state + TAIL, 32);
    s.waiting = 0;
    pointer += part;
    bytes -= part;
  }
  const whole = bytes & ~31;
  stripes(s, pointer, whole);
  memory.copy(state + TAIL, pointer + whole, bytes - whole);
  s.waiting = <u32>(bytes - whole);
}

/** The hash of all bytes appended so far; the state stays as it is. */
export function xxh64Finish(state: usize): u64 {
  const s = changetype<State>(state);
  const hash = s.total >= 32 ? merge(s.v1, s.v2, s.v3, s.v4) : s.seed + P5;
  return finish(hash + s.total, state + TAIL, s.waiting);
}

function stripes(s: State, pointer: usize, bytes: usize): void {
  const end = pointer + bytes;
  let v1 = s.v1, v2 = s.v2, v3 = s.v3, v4 = s.v4;
  while (pointer < end) {
    v1 = round(v1, load<u64>(pointer));
    v2 = round(v2, load<u64>(pointer, 8));
    v3 = round(v3, load<u64>(pointer, 16));
    v4 = round(v4, load<u64>(pointer, 24));
    pointer += 32;
  }
  s.v1 = v1;
  s.v2 = v2;
  s.v3 = v3;
  s.v4 = v4;
}

// @ts-ignore: decorator
@inline
function round(lane: u64, input: u64): u64 {
  return rotl<u64>(lane + input * P2, 31) * P1;
}

// @ts-ignore: decorator
@inline
function mergeOne(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * P1 + P4;
}

// @ts-ignore: decorator
@inline
function merge(v1: u64, v2: u64, v3: u64, v4: u64): u64 {
  let hash = rotl<u64>(v1, 1) + rotl<u64>(v2, 7) + rotl<u64>(v3, 12) + rotl<u64>(v4, 18);
  hash = mergeOne(hash, v1);
  hash = mergeOne(hash, v2);
  hash = mergeOne(hash, v3);
  return mergeOne(hash, v4);
}

function finish(hash: u64, pointer: usize, bytes: usize): u64 {
  while (bytes >= 8) {
    hash = rotl<u64>(hash ^ round(0, load<u64>(pointer)), 27) * P1 + P4;
    pointer += 8;
    bytes -= 8;
  }
  if (bytes >= 4) {
    hash = rotl<u64>(hash ^ <u64>load<u32>(pointer) * P1, 23) * P2 + P3;
    pointer += 4;
    bytes -= 4;
  }
  while (bytes != 0) {
    hash = rotl<u64>(hash ^ <u64>load<u8>(pointer++) * P5, 11) * P1;
    --bytes;
  }
  hash = (hash ^ hash >> 33) * P2;
  hash = (hash ^ hash >> 29) * P3;
  return hash ^ hash >> 32;
}
