/**
 * What the compiled module exports, in the types that cross its border: pointers and byte counts
 * are numbers below 2^31, 64-bit values are signed bigints.
 *
 * @module
 */

/** The functions and constants of one instance. */
export interface KernelExports {
  /** Never shared; its buffer is replaced when the memory grows. */
  readonly memory: { readonly buffer: ArrayBuffer };
  /** Takes memory; traps when there is none. */
  alloc(bytes: number): number;
  /** Gives memory back. */
  free(pointer: number): void;
  /** Adler-32 appended to `check`. */
  adler32(check: number, pointer: number, bytes: number): number;
  /** CRC-32 appended to `check`. */
  crc32(check: number, pointer: number, bytes: number): number;
  /** Bytes of the state of an XXH64 in progress. */
  readonly XXH64_STATE_BYTES: WebAssembly.Global;
  /** XXH64 of a region. */
  xxh64(pointer: number, bytes: number, seed: bigint): bigint;
  /** Begins an XXH64. */
  xxh64Start(state: number, seed: bigint): void;
  /** Appends a region. */
  xxh64Update(state: number, pointer: number, bytes: number): void;
  /** The hash so far. */
  xxh64Finish(state: number): bigint;
  /** Bytes of the state of a SHA-1 in progress. */
  readonly SHA1_STATE_BYTES: WebAssembly.Global;
  /** SHA-1 of two regions. */
  sha1(a: number, aBytes: number, b: number, bBytes: number, output: number): void;
  /** Begins a SHA-1. */
  sha1Start(state: number): void;
  /** Appends a region. */
  sha1Update(state: number, pointer: number, bytes: number): void;
  /** Pads and writes 20 bytes. */
  sha1Finish(state: number, output: number): void;
  /** Bytes of the state of a SHA-256 in progress. */
  readonly SHA256_STATE_BYTES: WebAssembly.Global;
  /** SHA-256 of two regions. */
  sha256(a: number, aBytes: number, b: number, bBytes: number, output: number): void;
  /** Begins a SHA-256. */
  sha256Start(state: number): void;
  /** Appends a region. */
  sha256Update(state: number, pointer: number, bytes: number): void;
  /** Pads and writes 32 bytes. */
  sha256Finish(state: number, output: number): void;
  /** Bytes of the state of an inflater. */
  readonly INFLATE_STATE_BYTES: WebAssembly.Global;
  /** Bytes of the window of a streaming inflater. */
  readonly INFLATE_WINDOW_BYTES: WebAssembly.Global;
  /** Begins a stream. */
  inflateStart(state: number): void;
  /** Goes on with contiguous output; returns a status. */
  inflateRun(
    state: number,
    input: number,
    inputBytes: number,
    output: number,
    outputBytes: number,
  ): number;
  /** Goes on with output anywhere; returns a status. */
  inflateStreamRun(
    state: number,
    window: number,
    input: number,
    inputBytes: number,
    output: number,
    outputBytes: number,
  ): number;
  /** A size at the head of a delta (0 = base, 1 = result), or -1. */
  deltaSize(pointer: number, bytes: number, which: number): number;
  /** Applies a delta; returns a status. */
  applyDelta(
    base: number,
    baseBytes: number,
    delta: number,
    deltaBytes: number,
    output: number,
    outputBytes: number,
  ): number;
  /** Indexes the blocks of a base for a search of deltas. */
  indexDeltaBase(
    base: number,
    baseBytes: number,
    heads: number,
    headBits: number,
    nexts: number,
  ): void;
  /** Writes the delta against an indexed base; returns its length, or -1 without room. */
  searchDelta(
    base: number,
    baseBytes: number,
    heads: number,
    headBits: number,
    nexts: number,
    target: number,
    targetBytes: number,
    result: number,
    resultBytes: number,
  ): number;
  /** Compresses a block; returns its size, or -1 when there is no room. */
  lz4Compress(input: number, inputBytes: number, output: number, outputBytes: number): number;
  /** Decompresses a block; returns the size, or -1. */
  lz4Decompress(input: number, inputBytes: number, output: number, outputBytes: number): number;
  /** Bytes of the state of a key table. */
  readonly KEY_TABLE_BYTES: WebAssembly.Global;
  /** Makes an empty table. */
  keyTableStart(table: number, keyBytes: number, seed: bigint): void;
  /** Gives the table's memory back. */
  keyTableClose(table: number): void;
  /** The number of a key, or -1. */
  keyTableFind(table: number, key: number): number;
  /** The number of a key, inserted when new; traps when there is no memory. */
  keyTableInsert(table: number, key: number, value: number): number;
  /** Makes room for keys; traps when there is no memory. */
  keyTableReserve(table: number, count: number): void;
  /** The value of a key. */
  keyTableValue(table: number, number: number): number;
  /** Replaces the value of a key. */
  keyTableSetValue(table: number, number: number, value: number): void;
  /** The flags of a key. */
  keyTableFlags(table: number, number: number): number;
  /** Sets flags of a key. */
  keyTableAddFlags(table: number, number: number, flags: number): void;
  /** Writes numbers of keys by their flags; returns how many. */
  keyTableSelect(
    table: number,
    mask: number,
    wanted: number,
    start: number,
    output: number,
    countMax: number,
  ): number;
  /** Inserts the keys of records; returns the offset of the first bad one, or -1. */
  scanRecords(
    table: number,
    keyBytes: number,
    records: number,
    bytes: number,
    flagsOfClass: number,
    value: number,
  ): number;
  /** Inserts what a tree has other than its base; returns 0 when it is not like it. */
  scanTreeChanges(
    table: number,
    keyBytes: number,
    base: number,
    baseBytes: number,
    tree: number,
    treeBytes: number,
    flagsOfClass: number,
    value: number,
  ): number;
  /** Looks at a tree; returns how many entries need a closer look, or -1 when the whole does. */
  checkTree(
    tree: number,
    bytes: number,
    idBytes: number,
    suspects: number,
    countMax: number,
  ): number;
}
