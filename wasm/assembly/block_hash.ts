/**
 * What SHA-1 and SHA-256 share: bytes in any portions become blocks of 64, and the end is padded
 * with the length in bits (FIPS 180-4).
 *
 * A state is laid out as 8 words of chaining value, a block being filled, the bytes in it, and the
 * total.
 */

/** Bytes of a block. */
export const BLOCK_BYTES: usize = 64;
const BLOCK: usize = 32;
const FILLED: usize = 96;
const TOTAL: usize = 104;
/** Bytes of a state. */
export const STATE_BYTES: i32 = 112;

/** Empties the block and the total; the caller sets the chaining value. */
export function startBlocks(state: usize): void {
  store<u32>(state + FILLED, 0);
  store<u64>(state + TOTAL, 0);
}

/** Appends bytes, compressing each block that gets full with `compress(state, blocks, count)`. */
// @ts-ignore: decorator
@inline
export function updateBlocks(
  state: usize,
  pointer: usize,
  bytes: usize,
  compress: (state: usize, pointer: usize, blocks: usize) => void,
): void {
  let filled = <usize>load<u32>(state + FILLED);
  store<u64>(state + TOTAL, load<u64>(state + TOTAL) + bytes);
  if (filled != 0) {
    const part = min(BLOCK_BYTES - filled, bytes);
    memory.copy(state + BLOCK + filled, pointer, part);
    filled += part;
    pointer += part;
    bytes -= part;
    if (filled == BLOCK_BYTES) {
      compress(state, state + BLOCK, 1);
      filled = 0;
    }
  }
  if (bytes >= BLOCK_BYTES) {
    compress(state, pointer, bytes >> 6);
    pointer += bytes & ~63;
    bytes &= 63;
  }
  if (bytes != 0) {
    memory.copy(state + BLOCK + filled, pointer, bytes);
    filled += bytes;
  }
  store<u32>(state + FILLED, <u32>filled);
}

/** Pads, compresses the last block or two and writes `words` words big-endian at `output`. */
// @ts-ignore: decorator
@inline
export function finishBlocks(
  state: usize,
  output: usize,
  words: usize,
  compress: (state: usize, pointer: usize, blocks: usize) => void,
): void {
  const filled = <usize>load<u32>(state + FILLED);
  const block = state + BLOCK;
  store<u8>(block + filled, 0x80);
  memory.fill(block + filled + 1, 0, BLOCK_BYTES - 1 - filled);
  if (filled >= 56) {
    compress(state, block, 1);
    memory.fill(block, 0, 56);
  }
  store<u64>(block + 56, bswap<u64>(load<u64>(state + TOTAL) << 3));
  compress(state, block, 1);
  for (let i: usize = 0; i < words; ++i) {
    store<u32>(output + (i << 2), bswap<u32>(load<u32>(state + (i << 2))));
  }
}
