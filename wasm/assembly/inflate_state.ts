/**
 * What inflate keeps between runs. The tables lie behind it.
 */

@unmanaged
export class Inflate {
  /** Bytes of the last run; the wrapper reads both, so they stay first. */
  consumed: u32;
  produced: u32;
  bits: u64;
  /** How many of `bits` are valid; those above are zero between steps. */
  bitCount: u32;
  mode: u32;
  input: usize;
  inputEnd: usize;
  output: usize;
  outputEnd: usize;
  /** Where the bytes that a match may refer to begin. */
  outputStart: usize;
  /** Bytes before the next output that a match may refer to. */
  history: u32;
  /** The checksum of everything before `checked`. */
  check: u32;
  checked: usize;
  isLast: u32;
  literals: usize;
  distances: usize;
  literalCount: u32;
  distanceCount: u32;
  lengthCount: u32;
  /** Progress inside a list, or bytes of a stored block still to come. */
  index: u32;
  /** The rest of a match for which there was no room. */
  matchBytes: u32;
  matchDistance: u32;
  /** The stream's window, for inflate_stream: bytes in it, and bytes of them handed out. */
  windowFill: u32;
  windowSent: u32;
}

/**
 * Fills the buffer to at least `count` bits, where the input has them. It may take more; what one
 * step leaves is then always of the present run.
 */
// @ts-ignore: decorator
@inline
export function needBits(s: Inflate, count: u32): bool {
  return s.bitCount >= count || refill(s, count);
}

function refill(s: Inflate, count: u32): bool {
  if (s.inputEnd - s.input >= 8) {
    s.bits |= load<u64>(s.input) << s.bitCount;
    s.input += (63 - s.bitCount) >> 3;
    s.bitCount |= 56;
    s.bits &= ((<u64>1) << s.bitCount) - 1;
    return true;
  }
  while (s.bitCount < count) {
    if (s.input == s.inputEnd) return false;
    s.bits |= <u64>load<u8>(s.input++) << s.bitCount;
    s.bitCount += 8;
  }
  return true;
}

// @ts-ignore: decorator
@inline
export function dropBits(s: Inflate, count: u32): void {
  s.bits >>= count;
  s.bitCount -= count;
}
