/**
 * A hash table of keys of one fixed size in the memory of an instance.
 *
 * Keys get numbers from 0 in the order in which they come; each has a 32-bit value and 8 flags. It
 * takes 41 bytes for each key of 20 bytes there is room for, and room doubles as it fills. Slots
 * depend on a seed, so that whoever chooses the keys can not make them collide.
 *
 * @module
 */

import { asOutOfMemory, type Kernels } from "./kernels.ts";

/** How {@link KeyTable.scanRecords} went. */
export type ScanStatus =
  | { readonly status: "ok" }
  /** What is at `offset` is no record; everything before it was inserted. */
  | { readonly status: "malformed"; readonly offset: number };

/** In `flagsOfClass`: records of this class are passed over. */
export const SKIP_CLASS = 0xff;

const CLASS_COUNT = 16;

/** A growing table of keys. */
export class KeyTable {
  /** Bytes of a key. */
  readonly keyBytes: number;

  readonly #kernels: Kernels;
  readonly #state: number;
  readonly #classes: number;
  #head: Uint32Array;

  /**
   * Makes an empty table for keys of `keyBytes` bytes (a multiple of 4, at least 8). The seed should
   * be random where keys come from outside.
   */
  constructor(kernels: Kernels, options: { readonly keyBytes: number; readonly seed: bigint }) {
    const { keyBytes, seed } = options;
    if (!Number.isInteger(keyBytes) || keyBytes % 4 !== 0 || keyBytes < 8 || keyBytes > 64) {
      throw new RangeError("Make keys of 8 to 64 bytes, a multiple of 4");
    }
    this.keyBytes = keyBytes;
    this.#kernels = kernels;
    const stateBytes: number = kernels.raw.KEY_TABLE_BYTES.value;
    this.#state = kernels.alloc(stateBytes + CLASS_COUNT);
    this.#classes = this.#state + stateBytes;
    kernels.raw.keyTableStart(this.#state, keyBytes, seed);
    this.#head = this.#readHead();
  }

  /** How many keys there are. */
  get count(): number {
    if (this.#head.length === 0) this.#head = this.#readHead();
    return this.#head[0]!;
  }

  /** Where the key with this number lies. Invalid after the next insert or scan. */
  keyPointer(number: number): number {
    this.#check(number);
    return this.#head[1]! + number * this.keyBytes;
  }

  /** The number of the key at `pointer`, or -1. */
  find(pointer: number): number {
    this.#kernels.checkRegion(pointer, this.keyBytes);
    return this.#kernels.raw.keyTableFind(this.#state, pointer);
  }

  /**
   * The number of the key at `pointer`, which is inserted with `value` (32 bits) and no flags when it
   * is new: then the number is what {@link count} was.
   *
   * @throws KernelError "out-of-memory" when it can not grow; the table stays as it was.
   */
  insert(pointer: number, value: number): number {
    this.#kernels.checkRegion(pointer, this.keyBytes);
    try {
      return this.#kernels.raw.keyTableInsert(this.#state, pointer, value);
    } catch (error) {
      throw asOutOfMemory(error, this.count * this.keyBytes);
    }
  }

  /**
   * Makes room for `count` keys at once. Growing step by step leaves blocks behind that together are
   * as large as the table.
   *
   * @throws KernelError "out-of-memory" when there is none; the table stays as it was.
   */
  reserve(count: number): void {
    if (!(count >= 0 && count < 2 ** 31)) throw new RangeError(`Make room for ${count} keys`);
    try {
      this.#kernels.raw.keyTableReserve(this.#state, count);
    } catch (error) {
      throw asOutOfMemory(error, count * this.keyBytes);
    }
  }

  /** The value of the key with this number. */
  value(number: number): number {
    this.#check(number);
    return this.#kernels.raw.keyTableValue(this.#state, number) >>> 0;
  }

  /** Replaces the value of the key with this number. */
  setValue(number: number, value: number): void {
    this.#check(number);
    this.#kernels.raw.keyTableSetValue(this.#state, number, value);
  }

  /** The flags of the key with this number, 8 bits. */
  flags(number: number): number {
    this.#check(number);
    return this.#kernels.raw.keyTableFlags(this.#state, number);
  }

  /** Sets flags of the key with this number; flags that are set stay so. */
  addFlags(number: number, flags: number): void {
    this.#check(number);
    this.#kernels.raw.keyTableAddFlags(this.#state, number, flags);
  }

  /**
   * Writes the numbers of keys whose flags under `mask` are `wanted`, ascending from `start` on, as
   * 32-bit words at `outputPointer`, at most `countMax`; returns how many. Fewer than `countMax`
   * means that there are no more.
   */
  select(options: {
    readonly mask: number;
    readonly wanted: number;
    readonly start: number;
    readonly outputPointer: number;
    readonly countMax: number;
  }): number {
    const { mask, wanted, start, outputPointer, countMax } = options;
    this.#kernels.checkRegion(outputPointer, countMax * 4);
    const { raw } = this.#kernels;
    return raw.keyTableSelect(this.#state, mask, wanted, start, outputPointer, countMax);
  }

  /**
   * Inserts the keys of a list of records `octal number SP text NUL key` that fills the region.
   *
   * Bits 12 to 15 of a record's number are its class. `flagsOfClass` (16 bytes) has the flags that
   * are set for the keys of each class, or {@link SKIP_CLASS}. New keys get `value`. At most one key
   * comes from each `keyBytes + 4` bytes; that bounds the growth.
   *
   * @throws KernelError "out-of-memory" when it can not grow; keys before that are in.
   */
  scanRecords(
    pointer: number,
    bytes: number,
    options: { readonly flagsOfClass: Uint8Array; readonly value: number },
  ): ScanStatus {
    const { flagsOfClass, value } = options;
    this.#kernels.checkRegion(pointer, bytes);
    this.#setClasses(flagsOfClass);
    const { raw } = this.#kernels;
    const { keyBytes } = this;
    let offset: number;
    try {
      offset = raw.scanRecords(this.#state, keyBytes, pointer, bytes, this.#classes, value);
    } catch (error) {
      throw asOutOfMemory(error, bytes);
    }
    return offset === -1 ? { status: "ok" } : { status: "malformed", offset: offset >>> 0 };
  }

  /**
   * Inserts the ids of a tree of git that differ from those of another tree, as {@link scanRecords}
   * does, and tells whether that was all there is to see: modes and names are those of the other
   * tree with some entries left out, no id is zero, and no entry with another id has a name that
   * deserves a closer look. When it is false, the tree has to be looked at as a whole; some ids may
   * have been inserted already.
   *
   * Of the other tree `Kernels.checkTree` must have said that it is in order; then so is this one.
   *
   * @throws KernelError "out-of-memory" when it can not grow; keys before that are in.
   */
  scanTreeChanges(
    base: { readonly pointer: number; readonly bytes: number },
    tree: { readonly pointer: number; readonly bytes: number },
    options: { readonly flagsOfClass: Uint8Array; readonly value: number },
  ): boolean {
    if (this.keyBytes < 16) throw new RangeError("Scan trees with ids of 20 or 32 bytes");
    this.#kernels.checkRegion(base.pointer, base.bytes);
    this.#kernels.checkRegion(tree.pointer, tree.bytes);
    this.#setClasses(options.flagsOfClass);
    const { raw } = this.#kernels;
    try {
      return raw.scanTreeChanges(
        this.#state,
        this.keyBytes,
        base.pointer,
        base.bytes,
        tree.pointer,
        tree.bytes,
        this.#classes,
        options.value,
      ) !== 0;
    } catch (error) {
      throw asOutOfMemory(error, tree.bytes);
    }
  }

  /** Gives the memory back; the table must not be used again. */
  close(): void {
    this.#kernels.raw.keyTableClose(this.#state);
    this.#kernels.free(this.#state);
  }

  #setClasses(flagsOfClass: Uint8Array): void {
    if (flagsOfClass.length !== CLASS_COUNT) throw new RangeError("Give the flags of 16 classes");
    this.#kernels.write(this.#classes, flagsOfClass);
  }

  #check(number: number): void {
    if (!(number >= 0 && number < this.count)) throw new RangeError(`Look up key ${number}`);
  }

  #readHead(): Uint32Array {
    return new Uint32Array(this.#kernels.buffer, this.#state, 2);
  }
}
