/**
 * Growth of typed arrays.
 *
 * @module
 */

type Table =
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** A table of `length` items that begins with those of `table`; the others are 0. */
export function grown<T extends Table>(table: T, length: number): T {
  const larger = new (table.constructor as { new (length: number): T })(length);
  larger.set(table as never);
  return larger;
}
