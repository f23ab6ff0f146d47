/**
 * Sorting of id tables: many ids of 20 or 32 bytes, one after the other, without a string for each.
 *
 * @module
 */

import { assert } from "../assert.ts";

/** More rows than this need more than the 23 bits that a sort key leaves for the row number. */
const SORT_ROW_COUNT_MAX = 1 << 23;
const KEY_BITS = 30;

/**
 * The rows of an id table in ascending order of their ids; rows with equal ids keep their order.
 *
 * The first 30 bits of an id and its row number share one float, so that the runtime's native number
 * sort does the work; only runs of equal prefixes are compared byte by byte.
 */
export function sortedOidRows(table: Uint8Array, width: number): Uint32Array {
  const count = table.length / width;
  assert(Number.isInteger(count) && count <= SORT_ROW_COUNT_MAX, "An id table can be sorted");
  const keys = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const prefix = prefixOf(table, row * width);
    keys[row] = prefix * SORT_ROW_COUNT_MAX + row;
  }
  keys.sort();
  const order = new Uint32Array(count);
  let runStart = 0;
  let runPrefix = -1;
  for (let index = 0; index < count; index++) {
    const prefix = Math.floor(keys[index]! / SORT_ROW_COUNT_MAX);
    order[index] = keys[index]! - prefix * SORT_ROW_COUNT_MAX;
    if (prefix !== runPrefix) {
      sortRun(order.subarray(runStart, index), table, width);
      runStart = index;
      runPrefix = prefix;
    }
  }
  sortRun(order.subarray(runStart), table, width);
  return order;
}

function prefixOf(table: Uint8Array, at: number): number {
  const word = (table[at]! << 24 | table[at + 1]! << 16 | table[at + 2]! << 8 | table[at + 3]!) >>>
    0;
  return word >>> (32 - KEY_BITS);
}

function sortRun(run: Uint32Array, table: Uint8Array, width: number): void {
  if (run.length < 2) return;
  run.sort((left, right) => compareRows(table, left, { table, row: right, width }) || left - right);
}

/** Compares an id of one table with an id of another: negative, zero or positive. */
export function compareRows(
  table: Uint8Array,
  row: number,
  other: { readonly table: Uint8Array; readonly row: number; readonly width: number },
): number {
  const width = other.width;
  const left = row * width;
  const right = other.row * width;
  for (let index = 0; index < width; index++) {
    const difference = table[left + index]! - other.table[right + index]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
