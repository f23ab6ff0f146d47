/**
 * A first look at a tree of git: whether it is in order, as nearly all are. Whatever is not is left to
 * the slower check, which knows what to say about it. Reads nothing outside the region.
 */

/** There is something to be said about the tree. */
const NOT_PLAIN: i32 = -1;
const NAME_BYTES_MAX: usize = 4096;
const SLASH: u32 = 0x2f;
const DOT: u32 = 0x2e;
const TILDE: u32 = 0x7e;
const TREE_MODE: u32 = 0o040000;

/**
 * Looks at every entry `octal mode SP name NUL id`. When all have ids, usual modes and good names, and
 * stand in order, writes the offsets of those whose names deserve a closer look (32-bit words at
 * `suspects`, at most `countMax`) and returns how many there are; otherwise returns -1.
 */
export function checkTree(
  tree: usize,
  bytes: usize,
  idBytes: usize,
  suspects: usize,
  countMax: i32,
): i32 {
  const end = tree + bytes;
  let at = tree;
  let count: i32 = 0;
  let before: usize = 0;
  let beforeBytes: usize = 0;
  let beforeIsTree = false;
  // Whether some file may have the name of a directory that comes later: `a`, `a.b`, … and then `a/`.
  let hasCandidate = false;
  while (at < end) {
    const entry = at;
    const mode = readMode(entry, end);
    const name = modeEnd + 1;
    if (mode == 0 || name >= end) return NOT_PLAIN;
    const found = scanName(name, end);
    if (found == 0 || nameBytes == 0 || nameBytes > NAME_BYTES_MAX) return NOT_PLAIN;
    const id = name + nameBytes + 1;
    if (id > end || end - id < idBytes || load<u64>(id) == 0) return NOT_PLAIN;
    const isTree = mode == TREE_MODE;
    if (before != 0) {
      const bytesMin = min<usize>(beforeBytes, nameBytes);
      const common = commonBytes(before, name, bytesMin);
      if (common < bytesMin) {
        if (load<u8>(before + common) > load<u8>(name + common)) return NOT_PLAIN;
      } else {
        if (beforeBytes == nameBytes) return NOT_PLAIN;
        const left: u32 = common == beforeBytes ? (beforeIsTree ? SLASH : 0) : load<u8>(before + common);
        const right: u32 = common == nameBytes ? (isTree ? SLASH : 0) : load<u8>(name + common);
        if (left >= right) return NOT_PLAIN;
        if (left == 0 && right < SLASH) hasCandidate = true;
        else if (right == SLASH && hasCandidate) return NOT_PLAIN;
      }
    }
    if (found == SUSPECT || isSuspect(name)) {
      if (count == countMax) return NOT_PLAIN;
      store<u32>(suspects + (<usize>count << 2), <u32>(entry - tree));
      ++count;
    }
    before = name;
    beforeBytes = nameBytes;
    beforeIsTree = isTree;
    at = id + idBytes;
  }
  return count;
}

/** Where the mode that readMode read last ended. */
let modeEnd: usize = 0;

/** The mode, if it is one that git writes, as git writes it; otherwise 0. */
// @ts-ignore: decorator
@inline
function readMode(at: usize, end: usize): u32 {
  if (end - at < 7) return 0;
  let mode: u32 = 0;
  const first = load<u8>(at);
  // No mode begins with a zero.
  if (first == 0x30) return 0;
  const limit = at + 6;
  while (at < limit && (load<u8>(at) & 0xf8) == 0x30) mode = mode << 3 | load<u8>(at++) & 7;
  if (load<u8>(at) != 0x20) return 0;
  modeEnd = at;
  const isUsual = mode == 0o100644 || mode == TREE_MODE || mode == 0o100755 || mode == 0o120000 ||
    mode == 0o160000;
  return isUsual ? mode : 0;
}

/** What scanName found: nothing, or a backslash, which is a separator elsewhere. */
const CLEAN: i32 = 1;
const SUSPECT: i32 = 2;

/** Bytes of the name that scanName saw last. */
let nameBytes: usize = 0;

/** Finds the end of a name; 0 when it has none, or a slash. */
// @ts-ignore: decorator
@inline
function scanName(name: usize, end: usize): i32 {
  let at = name;
  let found = CLEAN;
  while (end - at >= 16) {
    const block = v128.load(at);
    const zeros = i8x16.bitmask(i8x16.eq(block, i8x16.splat(0)));
    const slashes = i8x16.bitmask(i8x16.eq(block, i8x16.splat(0x2f)));
    const backslashes = i8x16.bitmask(i8x16.eq(block, i8x16.splat(0x5c)));
    // Bits below the first zero; all when there is none.
    const inside = zeros == 0 ? 0xffff : (zeros & -zeros) - 1;
    if ((slashes & inside) != 0) return 0;
    if ((backslashes & inside) != 0) found = SUSPECT;
    if (zeros != 0) {
      nameBytes = at + <usize>ctz<i32>(zeros) - name;
      return found;
    }
    at += 16;
  }
  // An id follows a name, so that a name that ends here is cut off.
  return 0;
}

/** Whether the name of the entry at `entry`, whose id lies at `id`, deserves a closer look. */
export function deservesCloserLook(entry: usize, id: usize): bool {
  let name = entry;
  while (name < id && load<u8>(name) != 0x20) ++name;
  // In a tree that is in order there is a name, and it has an end.
  return name >= id || scanName(++name, id + 16) != CLEAN || isSuspect(name);
}

/** How many of `bytes` bytes two names have in common; 16 bytes may be read at both. */
// @ts-ignore: decorator
@inline
function commonBytes(left: usize, right: usize, bytes: usize): usize {
  const differ = i8x16.bitmask(i8x16.ne(v128.load(left), v128.load(right)));
  if (differ != 0) return min<usize>(<usize>ctz<i32>(differ), bytes);
  let common: usize = 16;
  while (common < bytes && load<u8>(left + common) == load<u8>(right + common)) ++common;
  return min<usize>(common, bytes);
}

/** Whether some file system may take the name for one of git's own, or for a step in a path. */
// @ts-ignore: decorator
@inline
function isSuspect(name: usize): bool {
  const first = <u32>load<u8>(name);
  if (first == DOT) {
    const second = <u32>load<u8>(name + 1);
    const letter = second | 0x20;
    return letter == 0x67 || letter == 0x6d || second == 0xe2 || second == 0xef ||
      second == 0 || second == DOT;
  }
  const letter = first | 0x20;
  if (letter == 0x67 || letter == 0x6d) {
    for (let index: usize = 1; index < 8 && index < nameBytes; ++index) {
      if (load<u8>(name + index) == TILDE) return true;
    }
    return false;
  }
  return first == TILDE || first == 0xe2 || first == 0xef;
}
