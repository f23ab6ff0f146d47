/**
 * Typed arrays that grow by copying.
 *
 * @module
 */

/** A copy of `table` with room for `size` numbers. */
export function growUint32(
  table: Uint32Array<ArrayBuffer>,
  size: number,
): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(size);
  grown.set(table);
  return grown;
}

/** A copy of `table` with room for `size` numbers. */
export function growFloat64(
  table: Float64Array<ArrayBuffer>,
  size: number,
): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(size);
  grown.set(table);
  return grown;
}
