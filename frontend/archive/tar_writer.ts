/**
 * Archives in POSIX's ustar format with pax headers where a name or a size does not fit, byte for byte
 * as `git archive --format=tar` writes them.
 *
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Interchange Format".
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { type ArchiveEntry, type ArchiveFacts, contentSize, entryKind } from "./archive_entry.ts";
import { type ByteText, byteText, joinBytes, NO_BYTES, toBytes } from "./byte_text.ts";

const RECORD_BYTES = 512;
/** Archives are whole numbers of blocks. */
const BLOCK_BYTES = 20 * RECORD_BYTES;
const NAME_BYTES_MAX = 100;
const PREFIX_BYTES_MAX = 155;
const LINK_BYTES_MAX = 100;
/** Eleven octal digits. */
const NUMBER_MAX = 0o77777777777;
/** What git's `tar.umask` is unless configured. */
const UMASK = 0o002;
/** Mode of the headers that are files to programs that do not know them. */
const HEADER_MODE = 0o666;

/** Offsets of the fields of a header. */
const FIELD = {
  name: 0,
  mode: 100,
  uid: 108,
  gid: 116,
  size: 124,
  time: 136,
  checksum: 148,
  type: 156,
  link: 157,
  magic: 257,
  user: 265,
  group: 297,
  major: 329,
  minor: 337,
  prefix: 345,
} as const;

/** What stands in a header. */
interface Header {
  readonly type: "0" | "2" | "5" | "g" | "x";
  readonly name: ByteText;
  readonly prefix?: ByteText;
  readonly mode: number;
  readonly size: number;
  readonly timeS: number;
  readonly link?: ByteText;
}

const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");

function put(record: Uint8Array, offset: number, text: string): void {
  for (let index = 0; index < text.length; index++) record[offset + index] = text.charCodeAt(index);
}

function encodeHeader(header: Header): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(RECORD_BYTES);
  put(record, FIELD.name, header.name);
  put(record, FIELD.mode, octal(header.mode & 0o7777, 7));
  put(record, FIELD.uid, octal(0, 7));
  put(record, FIELD.gid, octal(0, 7));
  put(record, FIELD.size, octal(header.size, 11));
  put(record, FIELD.time, octal(header.timeS, 11));
  put(record, FIELD.type, header.type);
  put(record, FIELD.link, header.link ?? "");
  put(record, FIELD.magic, "ustar\x0000");
  put(record, FIELD.user, "root");
  put(record, FIELD.group, "root");
  put(record, FIELD.major, octal(0, 7));
  put(record, FIELD.minor, octal(0, 7));
  put(record, FIELD.prefix, header.prefix ?? "");
  // The checksum counts its own field as blanks.
  put(record, FIELD.checksum, " ".repeat(8));
  const sum = record.reduce((total, byte) => total + byte, 0);
  put(record, FIELD.checksum, `${octal(sum, 7)}\0`);
  return record;
}

/** A pax record: `<length of all of it> <keyword>=<value>\n`. */
function paxRecord(keyword: string, value: string): ByteText {
  const rest = ` ${keyword}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}`.length + rest.length > length) length++;
  return joinBytes(`${length}`, rest);
}

/** Bytes and what fills their last record. */
function* padded(bytes: Uint8Array): Generator<Uint8Array> {
  yield bytes;
  yield* padding(bytes.length);
}

function* padding(length: number): Generator<Uint8Array> {
  const rest = length % RECORD_BYTES;
  if (rest > 0) yield new Uint8Array(RECORD_BYTES - rest);
}

/** Where a long path is cut so that both parts fit; undefined when they do not. */
function cutPath(
  path: ByteText,
): { readonly prefix: ByteText; readonly name: ByteText } | undefined {
  const inner = path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
  const at = path.lastIndexOf("/", Math.min(inner, PREFIX_BYTES_MAX) - 1);
  if (at <= 0 || path.length - at - 1 > NAME_BYTES_MAX) return undefined;
  return { prefix: path.slice(0, at) as ByteText, name: path.slice(at + 1) as ByteText };
}

function typeOf(entry: ArchiveEntry): { readonly type: Header["type"]; readonly mode: number } {
  switch (entryKind(entry)) {
    case "directory":
      return { type: "5", mode: (entry.mode | 0o777) & ~UMASK };
    case "symlink":
      return { type: "2", mode: entry.mode | 0o777 };
    case "file": {
      const bits = (entry.mode & 0o100) === 0 ? 0o666 : 0o777;
      return { type: "0", mode: (entry.mode | bits) & ~UMASK };
    }
  }
}

/** Target of a symbolic link. */
function linkOf(entry: ArchiveEntry): ByteText {
  if (entryKind(entry) !== "symlink") return NO_BYTES;
  assert(entry.content?.kind === "whole", "A link's target is read at once");
  return byteText(entry.content.bytes);
}

/** The headers of an entry: its own, and one before it for what does not fit. */
function* entryHeaders(entry: ArchiveEntry, timeS: number): Generator<Uint8Array> {
  const { path, oid } = entry;
  const { type, mode } = typeOf(entry);
  const size = type === "0" && entry.content !== undefined ? contentSize(entry.content) : 0;
  const link = linkOf(entry);
  const records: ByteText[] = [];
  let names: { readonly name: ByteText; readonly prefix?: ByteText } = { name: path };
  if (path.length > NAME_BYTES_MAX) {
    const cut = cutPath(path);
    if (cut === undefined) records.push(paxRecord("path", path));
    names = cut ?? { name: joinBytes(oid, ".data") };
  }
  const longLink = link.length > LINK_BYTES_MAX;
  if (longLink) records.push(paxRecord("linkpath", link));
  if (size > NUMBER_MAX) records.push(paxRecord("size", `${size}`));
  if (records.length > 0) yield* paxHeader("x", { oid, timeS, text: joinBytes(...records) });
  yield encodeHeader({
    ...names,
    type,
    mode,
    size: size > NUMBER_MAX ? 0 : size,
    timeS,
    link: longLink ? shortened(`see ${oid}.paxheader`) : link,
  });
}

function shortened(text: string): ByteText {
  return text.slice(0, LINK_BYTES_MAX) as ByteText;
}

function* paxHeader(
  type: "g" | "x",
  header: { readonly oid?: Oid; readonly timeS: number; readonly text: ByteText },
): Generator<Uint8Array> {
  const name = header.oid === undefined ? "pax_global_header" : `${header.oid}.paxheader`;
  const bytes = toBytes(header.text);
  const { timeS } = header;
  yield encodeHeader({ type, name: joinBytes(name), mode: HEADER_MODE, size: bytes.length, timeS });
  yield* padded(bytes);
}

async function* entryBytes(entry: ArchiveEntry, timeS: number): AsyncGenerator<Uint8Array> {
  yield* entryHeaders(entry, timeS);
  const { content } = entry;
  if (content === undefined || entryKind(entry) !== "file") return;
  if (content.kind === "whole") {
    yield* padded(content.bytes);
    return;
  }
  yield* content.runs;
  yield* padding(content.size);
}

/** The commit's id, and a time that fits no header, ahead of everything. */
function* globalHeader(facts: ArchiveFacts, timeS: number): Generator<Uint8Array> {
  const records = [
    ...(facts.commit === undefined ? [] : [paxRecord("comment", facts.commit)]),
    ...(facts.timeS === timeS ? [] : [paxRecord("mtime", `${facts.timeS}`)]),
  ];
  if (records.length > 0) yield* paxHeader("g", { timeS, text: joinBytes(...records) });
}

/** The end: at least two empty records, up to the end of a block. */
function trailer(writtenBytes: number): Uint8Array {
  const used = writtenBytes % BLOCK_BYTES;
  const left = BLOCK_BYTES - used;
  return new Uint8Array(left < 2 * RECORD_BYTES ? left + BLOCK_BYTES : left);
}

/** Writes an archive. */
export async function* writeTar(
  entries: AsyncIterable<ArchiveEntry>,
  facts: ArchiveFacts,
): AsyncGenerator<Uint8Array> {
  const timeS = Math.min(facts.timeS, NUMBER_MAX);
  let writtenBytes = 0;
  const all = async function* () {
    yield* globalHeader(facts, timeS);
    for await (const entry of entries) yield* entryBytes(entry, timeS);
  };
  for await (const bytes of all()) {
    if (bytes.length === 0) continue;
    writtenBytes += bytes.length;
    yield bytes;
  }
  yield trailer(writtenBytes);
}
