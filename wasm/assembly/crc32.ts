/**
 * CRC-32 (ISO-HDLC: the one of zip, gzip and git's pack index), sixteen bytes at a time from
 * sixteen tables ("slicing").
 */

const POLYNOMIAL: u32 = 0xedb88320;
const SLICES: u32 = 16;
const tables = memory.data(16 * 256 * 4, 16);
let tablesReady = false;

function makeTables(): void {
  for (let byte: u32 = 0; byte < 256; ++byte) {
    let crc = byte;
    for (let bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >>> 1 ^ POLYNOMIAL : crc >>> 1;
    store<u32>(tables + (<usize>byte << 2), crc);
  }
  for (let slice: u32 = 1; slice < SLICES; ++slice) {
    for (let byte: u32 = 0; byte < 256; ++byte) {
      const before = load<u32>(tables + (<usize>((slice - 1) << 8 | byte) << 2));
      const after = before >>> 8 ^ load<u32>(tables + (<usize>(before & 0xff) << 2));
      store<u32>(tables + (<usize>(slice << 8 | byte) << 2), after);
    }
  }
  tablesReady = true;
}

// @ts-ignore: decorator
@inline
function at(slice: u32, word: u32, shift: u32): u32 {
  return load<u32>(tables + (<usize>slice << 10) + (<usize>(word >>> shift & 0xff) << 2));
}

/** The checksum of `bytes` bytes appended to what `check` covers; 0 covers nothing. */
export function crc32(check: u32, pointer: usize, bytes: usize): u32 {
  if (!tablesReady) makeTables();
  let crc = ~check;
  while (bytes >= 16) {
    const a = crc ^ load<u32>(pointer);
    const b = load<u32>(pointer, 4);
    const c = load<u32>(pointer, 8);
    const d = load<u32>(pointer, 12);
    crc = at(15, a, 0) ^ at(14, a, 8) ^ at(13, a, 16) ^ at(12, a, 24) ^
      at(11, b, 0) ^ at(10, b, 8) ^ at(9, b, 16) ^ at(8, b, 24) ^
      at(7, c, 0) ^ at(6, c, 8) ^ at(5, c, 16) ^ at(4, c, 24) ^
      at(3, d, 0) ^ at(2, d, 8) ^ at(1, d, 16) ^ at(0, d, 24);
    pointer += 16;
    bytes -= 16;
  }
  while (bytes != 0) {
    crc = crc >>> 8 ^ at(0, crc ^ load<u8>(pointer++), 0);
    --bytes;
  }
  return ~crc;
}
