/**
 * Reads the header lines of commits and tags from raw bytes.
 *
 * @module
 */

import { isOid, type ObjectFormat, type Oid, oidBytes } from "./oid.ts";

const LF = 0x0a;
const latin1 = new TextDecoder("latin1");

/** A position in an object's header that moves over lines. */
export class HeaderCursor {
  /** The object. */
  readonly bytes: Uint8Array;
  /** Offset of the next byte to read. */
  offset = 0;

  /** A cursor at the first byte. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Skips `keyword` when it stands here; whether it did. */
  skip(keyword: string): boolean {
    const { bytes, offset } = this;
    if (offset + keyword.length > bytes.length) return false;
    for (let index = 0; index < keyword.length; index++) {
      if (bytes[offset + index] !== keyword.charCodeAt(index)) return false;
    }
    this.offset += keyword.length;
    return true;
  }

  /** Reads an id and the line feed behind it; undefined, without moving, when they are not there. */
  oidLine(format: ObjectFormat): Oid | undefined {
    const end = this.offset + oidBytes(format) * 2;
    if (this.bytes[end] !== LF) return undefined;
    // Git takes upper-case digits too.
    const text = latin1.decode(this.bytes.subarray(this.offset, end)).toLowerCase();
    if (!isOid(text, format)) return undefined;
    this.offset = end + 1;
    return text;
  }

  /** Reads up to the next line feed and moves behind it; undefined, without moving, when there is none. */
  line(): Uint8Array | undefined {
    const end = this.bytes.indexOf(LF, this.offset);
    if (end < 0) return undefined;
    const line = this.bytes.subarray(this.offset, end);
    this.offset = end + 1;
    return line;
  }
}
