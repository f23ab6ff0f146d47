/**
 * Trees as raw bytes: `<octal mode> <name>\0<id>` for each entry, nothing between entries.
 *
 * The cursor allocates nothing per entry and is as lenient as git: any octal mode and any order pass.
 * What is odd but readable is for the object checks to report.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { type ObjectFormat, oidBytes } from "./oid.ts";

/** The bits of a mode that tell the kind of entry (POSIX `S_IFMT`). */
export const MODE_KIND_MASK = 0o170000;
/** Kind bits of a directory. */
export const MODE_TREE = 0o040000;
/** Kind bits of a symbolic link. */
export const MODE_SYMLINK = 0o120000;
/** Kind bits of a submodule. */
export const MODE_SUBMODULE = 0o160000;
/** Kind bits of a regular file. */
export const MODE_FILE = 0o100000;

/** Whether a mode is that of a directory. */
export const isTreeMode = (mode: number): boolean => (mode & MODE_KIND_MASK) === MODE_TREE;
/** Whether a mode is that of a symbolic link. */
export const isSymlinkMode = (mode: number): boolean => (mode & MODE_KIND_MASK) === MODE_SYMLINK;
/** Whether a mode is that of a submodule: its id names a commit of another repository. */
export const isSubmoduleMode = (mode: number): boolean =>
  (mode & MODE_KIND_MASK) === MODE_SUBMODULE;

/**
 * The type of object that an entry links to, or undefined for a submodule. As in git, a mode of no
 * known kind counts as a submodule.
 */
export function linkedTypeOf(mode: number): "tree" | "blob" | undefined {
  switch (mode & MODE_KIND_MASK) {
    case MODE_TREE:
      return "tree";
    case MODE_FILE:
    case MODE_SYMLINK:
      return "blob";
    default:
      return undefined;
  }
}

const SPACE = 0x20;
const DIGIT_0 = 0x30;

/**
 * Walks over a tree's entries:
 * `const cursor = new TreeCursor(bytes, format); while (cursor.next()) use(cursor.mode, …)`.
 * Its fields describe the current entry and change with every {@link next}.
 */
export class TreeCursor {
  /** The tree. */
  readonly bytes: Uint8Array;
  /** The entry's mode, all bits as written. */
  mode = 0;
  /** Offset of the entry's first byte, which is the first digit of its mode. */
  entryOffset = 0;
  /** Offset of the name's first byte. */
  nameStart = 0;
  /** Offset behind the name's last byte. */
  nameEnd = 0;
  /** Offset of the id. */
  oidOffset = 0;
  readonly #oidBytes: number;
  #end = 0;

  /** A cursor before the first entry. */
  constructor(bytes: Uint8Array, format: ObjectFormat) {
    this.bytes = bytes;
    this.#oidBytes = oidBytes(format);
  }

  /**
   * Moves to the next entry; false behind the last.
   *
   * @throws `invalid` when the bytes there are no entry: not octal, no name, or cut off
   */
  next(): boolean {
    const bytes = this.bytes;
    let position = this.#end;
    if (position >= bytes.length) return false;
    this.entryOffset = position;
    let mode = 0;
    let byte = bytes[position]!;
    if (byte === SPACE) throw this.#malformed("a mode is empty");
    while (byte !== SPACE) {
      const digit = byte - DIGIT_0;
      if (digit < 0 || digit > 7) throw this.#malformed("a mode is not octal");
      // Modes are 16 bits wide; higher bits are dropped as git drops them.
      mode = ((mode << 3) | digit) & 0xffff;
      if (++position >= bytes.length) throw this.#malformed("an entry is cut off");
      byte = bytes[position]!;
    }
    this.mode = mode;
    this.nameStart = ++position;
    // Names are short: a loop beats the call of a native search.
    while (bytes[position] !== 0) {
      if (++position >= bytes.length) throw this.#malformed("a name is cut off");
    }
    if (position === this.nameStart) throw this.#malformed("a name is empty");
    this.nameEnd = position;
    this.oidOffset = position + 1;
    this.#end = this.oidOffset + this.#oidBytes;
    if (this.#end > bytes.length) throw this.#malformed("an id is cut off");
    return true;
  }

  /** Makes the entry that begins at `offset` the next. */
  moveTo(offset: number): void {
    this.#end = offset;
  }

  /** The entry's name as text; bytes that are not UTF-8 become U+FFFD. */
  name(): string {
    return nameDecoder.decode(this.bytes.subarray(this.nameStart, this.nameEnd));
  }

  #malformed(reason: string): GitStratumError {
    return new GitStratumError("invalid", "Reject a malformed tree", {
      data: { reason, offset: this.entryOffset },
    });
  }
}

const nameDecoder = new TextDecoder();
