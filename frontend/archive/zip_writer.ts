/**
 * Archives in the zip format, laid out as `git archive --format=zip` lays them out: Unix modes and link
 * targets, UTF-8 names, the commit's id as the archive's comment.
 *
 * Small files are compressed before their header is written; large ones stream, and what is not known
 * before stands behind them. Where 32 bits are too few, zip64 fields follow.
 * Source: PKWARE, APPNOTE.TXT 6.3.
 *
 * @module
 */

import { constants, crc32, createDeflateRaw, deflateRawSync } from "node:zlib";
import { GitStratumError } from "@gitstratum/core";
import {
  type ArchiveEntry,
  type ArchiveFacts,
  entryKind,
  type FileContent,
} from "./archive_entry.ts";
import { compressed } from "./compressed.ts";
import { type ByteText, joinBytes, toBytes } from "./byte_text.ts";
import { ByteFields } from "./byte_fields.ts";

const LOCAL_MAGIC = 0x04034b50;
const DESCRIPTOR_MAGIC = 0x08074b50;
const CENTRAL_MAGIC = 0x02014b50;
const END_MAGIC = 0x06054b50;
const END64_MAGIC = 0x06064b50;
const LOCATOR64_MAGIC = 0x07064b50;
const EXTRA_TIME = 0x5455;
const EXTRA_ZIP64 = 0x0001;
const FLAG_DESCRIPTOR = 1 << 3;
const FLAG_UTF8 = 1 << 11;
const STORED = 0;
const DEFLATED = 8;
/** Versions of the format: 1.0, and 4.5 for zip64. */
const VERSION_PLAIN = 10;
const VERSION_ZIP64 = 45;
/** Made on Unix, version 2.3: external attributes hold a mode. */
const MADE_ON_UNIX = 0x0317;
const DIRECTORY_ATTRIBUTE = 0x10;
const MAX16 = 0xffff;
const MAX32 = 0xffffffff;
/** Streamed files above this may grow over 32 bits when they are compressed. */
const SURELY_SMALL_BYTES = 0x7fffffff;

/** Bytes of a file that tell text from binary. */
const SNIFFED_BYTES = 8000;

/** Options of a zip archive. */
export interface ZipOptions {
  /** 0 to 9; the compressor's own default when absent. */
  readonly level?: number;
}

/** What is known of a member once it is written. */
interface Written {
  readonly method: number;
  readonly crc: number;
  readonly size: number;
  readonly packedSize: number;
  /** For programs that change the ends of lines. */
  readonly isText: boolean;
}

/** A member on its way. */
interface Member {
  readonly entry: ArchiveEntry;
  readonly name: Uint8Array;
  readonly flags: number;
  readonly offset: number;
  readonly version: number;
}

/** DOS date and time, two seconds apart at best, in UTC. */
function dosTime(timeS: number): { readonly date: number; readonly time: number } {
  const at = new Date(timeS * 1000);
  const year = Math.min(Math.max(at.getUTCFullYear() - 1980, 0), 127);
  const date = at.getUTCDate() + (at.getUTCMonth() + 1) * 32 + year * 512;
  const time = (at.getUTCSeconds() >> 1) + at.getUTCMinutes() * 32 + at.getUTCHours() * 2048;
  return { date, time };
}

// deno-lint-ignore no-control-regex
const isAscii = (path: ByteText) => /^[\x00-\x7f]*$/.test(path);

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Git takes for binary what has a zero byte near its start. */
const looksLikeText = (start: Uint8Array) => !start.subarray(0, SNIFFED_BYTES).includes(0);

/** Unix mode and DOS attributes of a member. */
function attributesOf(entry: ArchiveEntry): { readonly madeBy: number; readonly external: number } {
  const kind = entryKind(entry);
  if (kind === "directory") return { madeBy: 0, external: DIRECTORY_ATTRIBUTE };
  const mode = kind === "symlink" ? entry.mode | 0o777 : entry.mode;
  const isPlain = kind === "file" && (mode & 0o111) === 0;
  return isPlain ? { madeBy: 0, external: 0 } : { madeBy: MADE_ON_UNIX, external: mode * 0x10000 };
}

/** Writes one archive. */
class ZipWriter {
  readonly #facts: ArchiveFacts;
  readonly #level: number;
  readonly #time: { readonly date: number; readonly time: number };
  readonly #directory: Uint8Array[] = [];
  #directoryBytes = 0;
  #offset = 0;
  #madeByMax = 0;

  constructor(facts: ArchiveFacts, options: ZipOptions) {
    this.#facts = facts;
    this.#level = options.level ?? constants.Z_DEFAULT_COMPRESSION;
    this.#time = dosTime(facts.timeS);
  }

  async *write(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Uint8Array> {
    for await (const entry of entries) yield* this.#counted(this.#member(entry));
    yield* this.#directory;
    yield this.#end();
  }

  async *#counted(pieces: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.#offset += piece.length;
      if (piece.length > 0) yield piece;
    }
  }

  async *#member(entry: ArchiveEntry): AsyncGenerator<Uint8Array> {
    const name = toBytes(entry.path);
    if (name.length > MAX16) {
      throw new GitStratumError("unsupported", "Refuse a path that is too long for zip", {
        data: { bytes: name.length, bytesMax: MAX16 },
      });
    }
    const { content } = entry;
    const utf8 = isAscii(entry.path) || !isUtf8(name) ? 0 : FLAG_UTF8;
    const streams = content?.kind === "stream";
    const flags = utf8 | (streams ? FLAG_DESCRIPTOR : 0);
    const needs64 = streams && content.size > SURELY_SMALL_BYTES;
    const version = needs64 ? VERSION_ZIP64 : VERSION_PLAIN;
    const member: Member = { entry, name, flags, offset: this.#offset, version };
    const written = streams
      ? yield* this.#streamed(member, content)
      : yield* this.#whole(member, content);
    this.#list(member, written);
  }

  async *#whole(
    member: Member,
    content: Extract<FileContent, { kind: "whole" }> | undefined,
  ): AsyncGenerator<Uint8Array, Written> {
    const bytes = content?.bytes ?? new Uint8Array();
    const worth = entryKind(member.entry) === "file" && this.#level !== 0 && bytes.length > 0;
    const deflated = worth ? deflateRawSync(bytes, { level: this.#level }) : bytes;
    const isSmaller = deflated.length < bytes.length;
    const packed = isSmaller ? deflated : bytes;
    const written = {
      method: isSmaller ? DEFLATED : STORED,
      crc: crc32(bytes),
      size: bytes.length,
      packedSize: packed.length,
      isText: content !== undefined && looksLikeText(bytes),
    };
    yield this.#localHeader(member, written);
    yield packed;
    return written;
  }

  async *#streamed(
    member: Member,
    content: Extract<FileContent, { kind: "stream" }>,
  ): AsyncGenerator<Uint8Array, Written> {
    const { size } = content;
    const method = this.#level === 0 ? STORED : DEFLATED;
    const expected = method === STORED ? size : 0;
    let isText = true;
    yield this.#localHeader(member, { method, crc: 0, size, packedSize: expected, isText });
    let crc = 0;
    let isFirst = true;
    const runs = (async function* () {
      for await (const run of content.runs) {
        crc = crc32(run, crc);
        if (isFirst) isText = looksLikeText(run);
        isFirst = false;
        yield run;
      }
    })();
    let packedSize = 0;
    const packer = createDeflateRaw({ level: this.#level });
    for await (const piece of method === STORED ? runs : compressed(runs, packer)) {
      packedSize += piece.length;
      yield piece;
    }
    const written = { method, crc, size, packedSize, isText };
    yield this.#descriptor(written, member.version === VERSION_ZIP64);
    return written;
  }

  #localHeader(member: Member, written: Written): Uint8Array {
    const is64 = member.version === VERSION_ZIP64;
    const fields = new ByteFields()
      .u32(LOCAL_MAGIC).u16(member.version).u16(member.flags).u16(written.method)
      .u16(this.#time.time).u16(this.#time.date).u32(written.crc)
      .u32(is64 ? MAX32 : written.packedSize).u32(is64 ? MAX32 : written.size)
      .u16(member.name.length).u16(is64 ? 9 + 20 : 9).bytes(member.name);
    this.#timeField(fields);
    if (is64) fields.u16(EXTRA_ZIP64).u16(16).u64(written.size).u64(written.packedSize);
    return fields.take();
  }

  #timeField(fields: ByteFields): void {
    fields.u16(EXTRA_TIME).u16(5).u8(1).u32(this.#facts.timeS % 2 ** 32);
  }

  #descriptor(written: Written, is64: boolean): Uint8Array {
    const { crc, packedSize, size } = written;
    const fields = new ByteFields().u32(DESCRIPTOR_MAGIC).u32(crc);
    if (is64) return fields.u64(packedSize).u64(size).take();
    return fields.u32(packedSize).u32(size).take();
  }

  /** Adds a member to the central directory. */
  #list(member: Member, written: Written): void {
    const { size, packedSize } = written;
    const { offset, name } = member;
    const large = [size, packedSize, offset].filter((value) => value >= MAX32);
    const { madeBy, external } = attributesOf(member.entry);
    this.#madeByMax = Math.max(this.#madeByMax, madeBy);
    const fields = new ByteFields()
      .u32(CENTRAL_MAGIC).u16(madeBy).u16(member.version).u16(member.flags).u16(written.method)
      .u16(this.#time.time).u16(this.#time.date).u32(written.crc)
      .u32(Math.min(packedSize, MAX32)).u32(Math.min(size, MAX32))
      .u16(name.length).u16(9 + (large.length > 0 ? 4 + 8 * large.length : 0))
      .u16(0).u16(0).u16(written.isText ? 1 : 0).u32(external).u32(Math.min(offset, MAX32)).bytes(
        name,
      );
    this.#timeField(fields);
    if (large.length > 0) {
      fields.u16(EXTRA_ZIP64).u16(8 * large.length);
      for (const value of large) fields.u64(value);
    }
    const bytes = fields.take();
    this.#directory.push(bytes);
    this.#directoryBytes += bytes.length;
  }

  #end(): Uint8Array {
    const count = this.#directory.length;
    const comment = toBytes(joinBytes(this.#facts.commit ?? ""));
    const fields = new ByteFields();
    if (count > MAX16 || this.#offset > MAX32) this.#end64(fields);
    return fields.u32(END_MAGIC).u16(0).u16(0)
      .u16(Math.min(count, MAX16)).u16(Math.min(count, MAX16))
      .u32(this.#directoryBytes).u32(Math.min(this.#offset, MAX32))
      .u16(comment.length).bytes(comment).take();
  }

  #end64(fields: ByteFields): void {
    const count = this.#directory.length;
    fields.u32(END64_MAGIC).u64(44).u16(this.#madeByMax).u16(VERSION_ZIP64).u32(0).u32(0)
      .u64(count).u64(count).u64(this.#directoryBytes).u64(this.#offset)
      .u32(LOCATOR64_MAGIC).u32(0).u64(this.#offset + this.#directoryBytes).u32(1);
  }
}

/** Writes an archive. */
export async function* writeZip(
  entries: AsyncIterable<ArchiveEntry>,
  facts: ArchiveFacts,
  options: ZipOptions = {},
): AsyncGenerator<Uint8Array> {
  yield* new ZipWriter(facts, options).write(entries);
}
