/**
 * A slow and obvious twin of the LZ4 decompressor. For tests.
 *
 * @module
 */

/** What a block stands for; undefined when it is bad or stands for more than `sizeMax` bytes. */
export function lz4DecompressSlowly(
  block: Uint8Array,
  sizeMax: number,
): readonly number[] | undefined {
  const rest = [...block].reverse();
  const output: number[] = [];
  const length = (nibble: number): number => {
    let sum = nibble;
    if (nibble < 15) return sum;
    while (true) {
      const byte = rest.pop();
      if (byte === undefined) return Infinity;
      sum += byte;
      if (byte < 255) return sum;
    }
  };
  while (rest.length > 0) {
    const token = rest.pop()!;
    const literals = length(token >> 4);
    if (literals > rest.length || literals > sizeMax - output.length) return undefined;
    for (let i = 0; i < literals; i++) output.push(rest.pop()!);
    if (rest.length === 0) return (token & 15) === 0 ? output : undefined;
    if (rest.length < 2) return undefined;
    const distance = rest.pop()! + 256 * rest.pop()!;
    if (distance === 0 || distance > output.length) return undefined;
    const matched = length(token & 15) + 4;
    if (matched > sizeMax - output.length) return undefined;
    for (let i = 0; i < matched; i++) output.push(output[output.length - distance]!);
  }
  return undefined;
}
