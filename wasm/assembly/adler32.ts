/**
 * Adler-32 (RFC 1950): two sums modulo 65521.
 */

const MODULUS: u32 = 65521;
/** The longest run, a multiple of 16, after which neither sum can have overflowed 32 bits. */
const RUN_BYTES: usize = 5552;

/** The checksum of `bytes` bytes appended to what `check` covers; 1 covers nothing. */
export function adler32(check: u32, pointer: usize, bytes: usize): u32 {
  let a = check & 0xffff;
  let b = check >>> 16;
  while (bytes >= 16) {
    const run = min(bytes, RUN_BYTES) & ~15;
    const blocks = run >> 4;
    const end = pointer + run;
    // a before each block, summed over the blocks, without the run's first a.
    let before = i32x4.splat(0);
    let sum = i32x4.splat(0);
    let weighted = i32x4.splat(0);
    const weightsLow = i16x8(16, 15, 14, 13, 12, 11, 10, 9);
    const weightsHigh = i16x8(8, 7, 6, 5, 4, 3, 2, 1);
    while (pointer < end) {
      const block = v128.load(pointer);
      before = i32x4.add(before, sum);
      sum = i32x4.add(
        sum,
        i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(block)),
      );
      weighted = i32x4.add(
        weighted,
        i32x4.add(
          i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(block), weightsLow),
          i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(block), weightsHigh),
        ),
      );
      pointer += 16;
    }
    // Sixteen bytes of the block each pass the a from before it into b.
    b = (b + (a * <u32>blocks % MODULUS) * 16 + lanes(before) % MODULUS * 16 + lanes(weighted)) %
      MODULUS;
    a = (a + lanes(sum)) % MODULUS;
    bytes -= run;
  }
  while (bytes != 0) {
    a += load<u8>(pointer++);
    b += a;
    --bytes;
  }
  return (b % MODULUS) << 16 | a % MODULUS;
}

// @ts-ignore: decorator
@inline
function lanes(v: v128): u32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) +
    i32x4.extract_lane(v, 3);
}
