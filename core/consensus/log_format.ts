/**
 * Keys and values of the partition logs in a consensus store. Specification: `docs/formats/log.md`.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { GitStratumError } from "../error.ts";
import { PARTITION_COUNT } from "../limits.ts";
import type { KeyRange } from "./consensus.ts";
import type { Epoch, LogEntry, LogHead, Lsn, Partition } from "./log.ts";

/** First byte of every entry's value. */
const ENTRY_VERSION = 1;
/** Version, epoch and checksum before an entry's payload, in bytes. */
const ENTRY_HEADER_BYTES = 13;

const HEAD = /^1 epoch=(0|[1-9][0-9]{0,15}) lsn=(0|[1-9][0-9]{0,15})$/;
const TRUNCATION = /^1 truncated=(0|[1-9][0-9]{0,15})$/;
const ENTRY_KEY = /^log\/(0|[1-9][0-9]{0,5})\/e\/([0-9a-f]{16})$/;

/** A stored value with the key it was found at. */
export interface StoredValue {
  /** Where it was found. */
  readonly key: string;
  /** What was found. */
  readonly value: Uint8Array;
}

/** Checks a partition's number. @throws `invalid` */
export function parsePartition(number: number): Partition {
  if (Number.isInteger(number) && number >= 0 && number < PARTITION_COUNT) {
    return number as Partition;
  }
  throw new GitStratumError("invalid", "Expect a partition number", {
    data: { wanted: `below ${PARTITION_COUNT}`, found: number },
  });
}

/** What all keys of all logs start with. */
export const LOG_PREFIX = "log/";

/** Key of a partition's head. */
export function headKey(partition: Partition): string {
  return `log/${partition}/head`;
}

/** Key of a partition's truncation mark. */
export function truncationKey(partition: Partition): string {
  return `log/${partition}/truncated`;
}

/** Holds a partition's head and truncation mark and nothing else: both in one consistent read. */
export function markRange(partition: Partition): KeyRange {
  return { from: headKey(partition), to: `${truncationKey(partition)}!` };
}

/** Key of an entry: keys sort as their lsns do. */
export function entryKey(partition: Partition, lsn: Lsn): string {
  return `log/${partition}/e/${lsn.toString(16).padStart(16, "0")}`;
}

/** All entries of a partition. */
export function entryRange(partition: Partition): KeyRange {
  // "0" follows "/" in ASCII.
  return { from: `log/${partition}/e/`, to: `log/${partition}/e0` };
}

/** A head's value; equal heads have equal bytes. */
export function encodeHead(head: Pick<LogHead, "epoch" | "lsn">): Uint8Array {
  return new TextEncoder().encode(`1 epoch=${head.epoch} lsn=${head.lsn}`);
}

/** Reads a head. @throws `corrupt`, `unsupported` */
export function decodeHead(stored: StoredValue): Pick<LogHead, "epoch" | "lsn"> {
  const [, epoch, lsn] = matchText(stored, HEAD);
  return {
    epoch: toSafeInteger(stored, epoch!) as Epoch,
    lsn: toSafeInteger(stored, lsn!) as Lsn,
  };
}

/** A truncation mark's value. */
export function encodeTruncation(lsn: Lsn): Uint8Array {
  return new TextEncoder().encode(`1 truncated=${lsn}`);
}

/** Reads a truncation mark. @throws `corrupt`, `unsupported` */
export function decodeTruncation(stored: StoredValue): Lsn {
  return toSafeInteger(stored, matchText(stored, TRUNCATION)[1]!) as Lsn;
}

/** An entry's value: version, epoch, checksum over key, epoch and payload, payload. */
export function encodeLogEntry(
  key: string,
  entry: Pick<LogEntry, "epoch" | "payload">,
): Uint8Array {
  const value = new Uint8Array(ENTRY_HEADER_BYTES + entry.payload.length);
  const view = new DataView(value.buffer);
  view.setUint8(0, ENTRY_VERSION);
  view.setBigUint64(1, BigInt(entry.epoch));
  value.set(entry.payload, ENTRY_HEADER_BYTES);
  view.setUint32(9, checksum(key, value));
  return value;
}

/** Reads an entry found at its key. @throws `corrupt`, `unsupported` */
export function decodeLogEntry(stored: StoredValue): LogEntry {
  const { key, value } = stored;
  const keyMatch = ENTRY_KEY.exec(key);
  if (keyMatch === null || value.length < ENTRY_HEADER_BYTES) throw corrupt(key);
  if (value[0] !== ENTRY_VERSION) throw unsupported(key, value[0]!);
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (view.getUint32(9) !== checksum(key, value)) throw corrupt(key);
  const epoch = view.getBigUint64(1);
  if (epoch > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt(key);
  return {
    lsn: toSafeInteger(stored, `0x${keyMatch[2]}`) as Lsn,
    epoch: Number(epoch) as Epoch,
    payload: value.subarray(ENTRY_HEADER_BYTES),
  };
}

/** CRC-32 over the key, the first nine bytes, and the payload: an entry in a wrong place shows. */
function checksum(key: string, value: Uint8Array): number {
  const overKey = crc32(new TextEncoder().encode(key));
  return crc32(value.subarray(ENTRY_HEADER_BYTES), crc32(value.subarray(0, 9), overKey));
}

function matchText(stored: StoredValue, pattern: RegExp): RegExpExecArray {
  const text = new TextDecoder().decode(stored.value);
  const match = pattern.exec(text);
  if (match !== null) return match;
  const version = /^(\d+) /.exec(text)?.[1];
  if (version !== undefined && version !== "1") throw unsupported(stored.key, version);
  throw corrupt(stored.key);
}

function toSafeInteger(stored: StoredValue, digits: string): number {
  const number = Number(digits);
  if (!Number.isSafeInteger(number)) throw corrupt(stored.key);
  return number;
}

function corrupt(key: string): GitStratumError {
  return new GitStratumError("corrupt", "Read a damaged value of the log", { data: { key } });
}

function unsupported(key: string, version: string | number): GitStratumError {
  return new GitStratumError("unsupported", "Expect a known version of a log value", {
    data: { key, wanted: 1, found: version },
  });
}
