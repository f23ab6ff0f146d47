/**
 * A hash table of keys of one fixed size, each with a value and flags.
 *
 * Keys get numbers from 0 in the order in which they are inserted, and lie in one array in that
 * order. A slot holds the upper half of a key's hash and its number + 1, so that a probe rarely has
 * to look at a key. Hashes are seeded: whoever chooses the keys can not choose their slots.
 */

@unmanaged
class Table {
  /** The wrapper reads these two, so they stay first. */
  count: u32;
  keys: usize;
  keyBytes: u32;
  /** Entries for which there is room. */
  capacity: u32;
  values: usize;
  flags: usize;
  slots: usize;
  slotMask: u32;
  seed: u64;
}

const ABSENT: u32 = 0xffffffff;
const CAPACITY_MIN: u32 = 64;
/** The allocator's largest block. */
const BLOCK_BYTES_MAX: u64 = 0x3fff0000;
const P1: u64 = 0x9e3779b185ebca87;
const P2: u64 = 0xc2b2ae3d27d4eb4f;

export const KEY_TABLE_BYTES: i32 = <i32>offsetof<Table>();

/** Makes an empty table in the state at `pointer`; a key is a multiple of 4 bytes, at least 8. */
export function keyTableStart(pointer: usize, keyBytes: u32, seed: u64): void {
  const t = changetype<Table>(pointer);
  t.count = 0;
  t.keyBytes = keyBytes;
  t.capacity = 0;
  t.keys = 0;
  t.slots = 0;
  t.seed = seed;
}

/** Makes room for `count` keys at once: growing step by step leaves as much behind in the memory. */
export function keyTableReserve(pointer: usize, count: u32): void {
  const t = changetype<Table>(pointer);
  let capacity = max(t.capacity, CAPACITY_MIN);
  while (capacity < count && capacity < 0x80000000) capacity <<= 1;
  if (capacity > t.capacity) growTo(t, capacity);
}

/** Gives back what the table has allocated. */
export function keyTableClose(pointer: usize): void {
  const t = changetype<Table>(pointer);
  if (t.slots != 0) heap.free(t.slots);
  t.capacity = 0;
  t.count = 0;
  t.keys = 0;
  t.slots = 0;
}

/** The number of a key, or 0xffffffff. */
export function keyTableFind(pointer: usize, key: usize): u32 {
  const t = changetype<Table>(pointer);
  if (t.count == 0) return ABSENT;
  const slot = load<u64>(locate(t, key, hashOf(t, key)));
  return slot == 0 ? ABSENT : <u32>slot - 1;
}

/** The number of a key, which is inserted with `value` and no flags when it is new. */
export function keyTableInsert(pointer: usize, key: usize, value: u32): u32 {
  const t = changetype<Table>(pointer);
  if (t.count == t.capacity) growTo(t, t.capacity == 0 ? CAPACITY_MIN : t.capacity << 1);
  const hash = hashOf(t, key);
  const place = locate(t, key, hash);
  const slot = load<u64>(place);
  if (slot != 0) return <u32>slot - 1;
  const number = t.count++;
  copyKey(t.keys + <usize>number * t.keyBytes, key, t.keyBytes);
  store<u32>(t.values + (<usize>number << 2), value);
  store<u8>(t.flags + <usize>number, 0);
  store<u64>(place, hash & 0xffffffff00000000 | <u64>(number + 1));
  return number;
}

/** The value of a key. */
export function keyTableValue(pointer: usize, number: u32): u32 {
  return load<u32>(changetype<Table>(pointer).values + (<usize>number << 2));
}

/** Replaces the value of a key. */
export function keyTableSetValue(pointer: usize, number: u32, value: u32): void {
  store<u32>(changetype<Table>(pointer).values + (<usize>number << 2), value);
}

/** The flags of a key. */
export function keyTableFlags(pointer: usize, number: u32): u32 {
  return load<u8>(changetype<Table>(pointer).flags + <usize>number);
}

/** Sets flags that are not yet set. */
export function keyTableAddFlags(pointer: usize, number: u32, flags: u32): void {
  const place = changetype<Table>(pointer).flags + <usize>number;
  store<u8>(place, <u8>(load<u8>(place) | flags));
}

/** Numbers of the keys whose flags under `mask` are `wanted`, from `start` on; returns how many. */
export function keyTableSelect(
  pointer: usize,
  mask: u32,
  wanted: u32,
  start: u32,
  output: usize,
  countMax: u32,
): u32 {
  const t = changetype<Table>(pointer);
  let found: u32 = 0;
  for (let number = start; number < t.count && found < countMax; ++number) {
    if ((load<u8>(t.flags + <usize>number) & mask) != wanted) continue;
    store<u32>(output + (<usize>found << 2), number);
    ++found;
  }
  return found;
}

function hashOf(t: Table, key: usize): u64 {
  let hash = t.seed;
  let rest = t.keyBytes;
  while (rest >= 8) {
    hash = rotl<u64>(hash ^ load<u64>(key) * P2, 29) * P1;
    key += 8;
    rest -= 8;
  }
  if (rest != 0) hash = rotl<u64>(hash ^ <u64>load<u32>(key) * P2, 29) * P1;
  hash = (hash ^ hash >> 32) * P2;
  return hash ^ hash >> 29;
}

/** The slot that holds the key, or the free one where it belongs. */
function locate(t: Table, key: usize, hash: u64): usize {
  const tag = <u32>(hash >> 32);
  let index = <u32>hash & t.slotMask;
  while (true) {
    const place = t.slots + (<usize>index << 3);
    const slot = load<u64>(place);
    if (slot == 0) return place;
    if (<u32>(slot >> 32) == tag) {
      if (sameKey(t.keys + <usize>(<u32>slot - 1) * t.keyBytes, key, t.keyBytes)) return place;
    }
    index = index + 1 & t.slotMask;
  }
}

// @ts-ignore: decorator
@inline
function sameKey(a: usize, b: usize, bytes: u32): bool {
  for (let at: u32 = 0; at < bytes; at += 4) {
    if (load<u32>(a + <usize>at) != load<u32>(b + <usize>at)) return false;
  }
  return true;
}

// @ts-ignore: decorator
@inline
function copyKey(target: usize, source: usize, bytes: u32): void {
  for (let at: u32 = 0; at < bytes; at += 4) store<u32>(target + <usize>at, load<u32>(source + <usize>at));
}

/**
 * Makes room for `capacity` keys, a power of two. One block holds everything, and is allocated before
 * anything changes: when that traps, the table is whole.
 */
function growTo(t: Table, capacity: u32): void {
  // Two slots of 8 bytes for each key, so that at most half are taken; its value and its flags.
  const entryBytes = 16 + t.keyBytes + 4 + 1;
  if (<u64>capacity * entryBytes > BLOCK_BYTES_MAX) unreachable();
  const slots = heap.alloc(<usize>capacity * entryBytes);
  const keys = slots + (<usize>capacity << 4);
  const values = keys + <usize>capacity * t.keyBytes;
  const flags = values + (<usize>capacity << 2);
  memory.fill(slots, 0, <usize>capacity << 4);
  if (t.slots != 0) {
    memory.copy(keys, t.keys, <usize>t.count * t.keyBytes);
    memory.copy(values, t.values, <usize>t.count << 2);
    memory.copy(flags, t.flags, t.count);
    heap.free(t.slots);
  }
  t.keys = keys;
  t.values = values;
  t.flags = flags;
  t.slots = slots;
  t.slotMask = (capacity << 1) - 1;
  t.capacity = capacity;
  for (let number: u32 = 0; number < t.count; ++number) {
    const key = keys + <usize>number * t.keyBytes;
    const hash = hashOf(t, key);
    store<u64>(locate(t, key, hash), hash & 0xffffffff00000000 | <u64>(number + 1));
  }
}
