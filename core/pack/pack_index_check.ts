/**
 * Second stage of opening a pack index: what its tables say must be consistent, so that readers can
 * follow offsets, ordinals and references without checks of their own.
 *
 * @module
 */

import { oidBytes } from "../git/oid.ts";
import {
  EXTERNAL_TYPE_SHIFT,
  EXTERNAL_USES,
  externalRow,
  isExternal,
  NO_BASE,
  SIZE_IS_LARGE,
} from "./pack_index_layout.ts";
import { corruptIndex, type PackIndexTables } from "./pack_index_tables.ts";

/** Rows that are checked between two pauses: a millisecond or two. */
const ROWS_PER_STEP = 1 << 16;

/**
 * Checks the tables of an index against each other.
 *
 * @throws `corrupt`
 */
export function checkPackIndex(tables: PackIndexTables): void {
  for (const _ of packIndexChecks(tables)) continue;
}

/**
 * The same in steps of about a millisecond; the index is good when the last one is done.
 *
 * @throws `corrupt`
 */
export function* packIndexChecks(tables: PackIndexTables): Generator<void> {
  const width = oidBytes(tables.format);
  yield* checkAscending(tables.oids, width, "OIDS");
  yield* checkAscending(tables.externals, width, "EXTO");
  yield checkPermutation(tables.ordinals);
  yield checkOffsets(tables, 0);
  yield checkOffsets(tables, 1);
  yield* checkKinds(tables);
  yield checkLargeSizes(tables);
  yield checkCommits(tables);
  yield checkTags(tables);
  yield checkTypeCounts(tables);
  yield checkReferences(tables, tables.parents, "PARE");
  yield checkReferences(tables, tables.tips, "TIPS");
  for (const flags of tables.externalFlags) {
    const good = (flags & EXTERNAL_USES) !== 0 && (flags & 8) === 0 &&
      flags >> EXTERNAL_TYPE_SHIFT <= 4;
    if (!good) throw corruptIndex("Read a pack index with an odd external flag");
  }
}

function* checkAscending(table: Uint8Array, width: number, chunk: string): Generator<void> {
  for (let at = width; at < table.length; at += width) {
    if (at % (ROWS_PER_STEP * width) === 0) yield;
    let byte = 0;
    while (byte < width && table[at + byte] === table[at - width + byte]) byte++;
    if (byte === width || table[at + byte]! < table[at - width + byte]!) {
      throw corruptIndex("Read a pack index whose ids do not ascend", { chunk });
    }
  }
}

function checkPermutation(ordinals: Uint32Array): void {
  const seen = new Uint8Array(ordinals.length);
  for (const ordinal of ordinals) {
    if (seen[ordinal] !== 0) throw corruptIndex("Read a pack index with a wrong ordinal");
    seen[ordinal] = 1;
  }
}

/** Offsets start at 0, ascend and stay inside the pack; an empty pack has no bytes. */
function checkOffsets(tables: PackIndexTables, part: 0 | 1): void {
  const { offsets, offsetsHigh } = tables;
  const start = part === 0 ? 0 : tables.historyCount;
  const end = part === 0 ? tables.historyCount : offsets.length;
  const packBytes = part === 0 ? tables.historyBytes : tables.contentBytes;
  let previous = -1;
  for (let ordinal = start; ordinal < end; ordinal++) {
    const high = offsetsHigh.length === 0 ? 0 : offsetsHigh[ordinal]!;
    const offset = high * 0x1_0000_0000 + offsets[ordinal]!;
    if (ordinal === start ? offset !== 0 : offset <= previous) {
      throw corruptIndex("Read a pack index whose offsets do not ascend", { ordinal });
    }
    previous = offset;
  }
  const fits = start === end
    ? packBytes === 0
    : packBytes > previous && packBytes <= Number.MAX_SAFE_INTEGER;
  if (!fits) throw corruptIndex("Read a pack index whose pack length is wrong", { packBytes });
}

/** Types, storage and bases agree, and history stands apart from content. */
function* checkKinds(tables: PackIndexTables): Generator<void> {
  const { kinds, bases, historyCount } = tables;
  for (let ordinal = 0; ordinal < kinds.length; ordinal++) {
    const type = kinds[ordinal]! & 7;
    const storage = kinds[ordinal]! >> 3;
    const base = bases[ordinal]!;
    if (ordinal % ROWS_PER_STEP === 0) yield;
    const isContent = ordinal >= historyCount;
    if (type < 1 || type > 4 || storage > 2 || (type === 3) !== isContent) {
      throw corruptIndex("Read a pack index with a wrong object type", { ordinal });
    }
    const agrees = storage === 0
      ? base === NO_BASE
      : base !== NO_BASE && base !== ordinal && isReference(tables, base) &&
        (storage === 2 || base < ordinal);
    if (!agrees) throw corruptIndex("Read a pack index with a wrong delta base", { ordinal });
  }
}

function checkLargeSizes(tables: PackIndexTables): void {
  let previous = -1;
  for (let row = 0; row < tables.largeSizes.length; row += 2) {
    const ordinal = Number(tables.largeSizes[row]!);
    const size = Number(tables.largeSizes[row + 1]!);
    const good = ordinal > previous && tables.sizes[ordinal] === SIZE_IS_LARGE &&
      size >= SIZE_IS_LARGE && size <= Number.MAX_SAFE_INTEGER;
    if (!good) throw corruptIndex("Read a pack index with a wrong large size", { ordinal });
    previous = ordinal;
  }
}

function checkCommits(tables: PackIndexTables): void {
  const { commits, parents, kinds } = tables;
  let previous = -1;
  let parentRow = 0;
  for (let at = 0; at < commits.length; at += 6) {
    const ordinal = commits[at]!;
    const first = commits[at + 2]!;
    const good = ordinal > previous && ordinal < kinds.length && (kinds[ordinal]! & 7) === 1 &&
      isReference(tables, commits[at + 1]!) && first >= parentRow && first <= parents.length &&
      (at > 0 || first === 0) && commits[at + 3] === 0;
    if (!good) throw corruptIndex("Read a pack index with a wrong commit", { ordinal });
    previous = ordinal;
    parentRow = first;
  }
  if (commits.length === 0 && parents.length > 0) {
    throw corruptIndex("Read a pack index with parents of no commit");
  }
}

function checkTags(tables: PackIndexTables): void {
  let previous = -1;
  for (let at = 0; at < tables.tags.length; at += 2) {
    const ordinal = tables.tags[at]!;
    const good = ordinal > previous && ordinal < tables.kinds.length &&
      (tables.kinds[ordinal]! & 7) === 4 && isReference(tables, tables.tags[at + 1]!);
    if (!good) throw corruptIndex("Read a pack index with a wrong tag", { ordinal });
    previous = ordinal;
  }
}

/** Every commit and tag, and every large size, has its row. */
function checkTypeCounts(tables: PackIndexTables): void {
  let commits = 0;
  let tags = 0;
  let large = 0;
  for (let ordinal = 0; ordinal < tables.kinds.length; ordinal++) {
    const type = tables.kinds[ordinal]! & 7;
    if (type === 1) commits++;
    else if (type === 4) tags++;
    if (tables.sizes[ordinal] === SIZE_IS_LARGE) large++;
  }
  const agrees = commits === tables.commits.length / 6 && tags === tables.tags.length / 2 &&
    large === tables.largeSizes.length / 2;
  if (!agrees) throw corruptIndex("Read a pack index with a missing row", { commits, tags, large });
}

function checkReferences(tables: PackIndexTables, table: Uint32Array, chunk: string): void {
  for (const reference of table) {
    if (!isReference(tables, reference)) {
      throw corruptIndex("Read a pack index with a wrong reference", { chunk });
    }
  }
}

function isReference(tables: PackIndexTables, reference: number): boolean {
  return isExternal(reference)
    ? externalRow(reference) < tables.externalFlags.length
    : reference < tables.kinds.length;
}
