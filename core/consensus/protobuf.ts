/**
 * Messages in the encoding of protocol buffers, version 3: as much of it as etcd's messages need.
 *
 * A message is described once, by the numbers and kinds of its fields, and is written and read by that.
 *
 * Invariants:
 * - What is given is written, zeros included: the member of a `oneof` tells by being there which of them
 *   it is. What is not given is not written.
 * - What is read is whole: every length stays within its message. Fields that are not described are
 *   passed over, as later versions may add some; a described one of another kind is damage.
 *
 * Source: <https://protobuf.dev/programming-guides/encoding/>.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { GitStratumError } from "../error.ts";

/** What a field holds; a message when it is none of the words. */
export type Kind =
  /** `int64`, `uint64`, `int32` or an enumeration, never negative and below 2^53. */
  | "number"
  /** `int64` or `uint64` of any value that is not negative, in decimal. */
  | "id"
  | "flag"
  | "bytes"
  /** `string`, or `bytes` that are text. */
  | "text"
  | { readonly shape: Shape };

/** A field: its number, what it holds, and whether there may be several. */
export interface Field<K extends Kind = Kind, Repeated extends boolean = boolean> {
  readonly number: number;
  readonly kind: K;
  readonly isRepeated: Repeated;
}

/** The fields of a message by their names. */
export type Shape = Readonly<Record<string, Field>>;

/** A field that is there once or not at all. */
export function one<const K extends Kind>(number: number, kind: K): Field<K, false> {
  return { number, kind, isRepeated: false };
}

/** A field that may be there several times. */
export function many<const K extends Kind>(number: number, kind: K): Field<K, true> {
  return { number, kind, isRepeated: true };
}

type Scalar<K> = K extends "number" ? number
  : K extends "id" | "text" ? string
  : K extends "flag" ? boolean
  : K extends "bytes" ? Uint8Array<ArrayBuffer>
  : never;

type Read<F> = F extends Field<infer K, infer Repeated>
  ? K extends { readonly shape: infer S extends Shape }
    ? Repeated extends true ? readonly Message<S>[] : Message<S> | undefined
  : Repeated extends true ? readonly Scalar<K>[]
  : Scalar<K>
  : never;

/** A message that was read: zeros, empty lists, and no message where there was nothing. */
export type Message<S extends Shape> = { readonly [Name in keyof S]: Read<S[Name]> };

type Written<F> = F extends Field<infer K, infer Repeated>
  ? K extends { readonly shape: infer S extends Shape }
    ? Repeated extends true ? readonly Given<S>[] : Given<S>
  : K extends "bytes" ? Repeated extends true ? readonly Uint8Array[] : Uint8Array
  : Repeated extends true ? readonly Scalar<K>[]
  : Scalar<K>
  : never;

/** A message to write: any of its fields. */
export type Given<S extends Shape> = { readonly [Name in keyof S]?: Written<S[Name]> };

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH = 2;
const FIXED_32 = 5;
/** A varint of 64 bits has no more bytes. */
const VARINT_BYTES_MAX = 10;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** How messages of one kind are written and read. */
export class MessageType<S extends Shape> {
  /** The fields. */
  readonly shape: S;
  readonly #byNumber: ReadonlyMap<number, readonly [string, Field]>;
  readonly #fields: readonly (readonly [string, Field])[];

  /** Describes a message. */
  constructor(shape: S) {
    this.shape = shape;
    this.#fields = Object.entries(shape);
    this.#byNumber = new Map(this.#fields.map((entry) => [entry[1].number, entry]));
    assert(this.#byNumber.size === this.#fields.length, "Fields have numbers of their own");
  }

  /** The bytes of a message. */
  encode(given: Given<S>): Uint8Array<ArrayBuffer> {
    const parts: Uint8Array[] = [];
    const length = this.write(given, parts);
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /** Appends the bytes of a message in pieces; answers how many there are. */
  write(given: Given<S>, parts: Uint8Array[]): number {
    let length = 0;
    for (const [name, field] of this.#fields) {
      const value: unknown = given[name];
      if (value === undefined) continue;
      const values: readonly unknown[] = field.isRepeated ? value as readonly unknown[] : [value];
      for (const each of values) length += writeField(field, each, parts);
    }
    return length;
  }

  /** The message that bytes are. @throws `corrupt` */
  decode(bytes: Uint8Array): Message<S> {
    return this.read(new Reader(bytes, 0, bytes.length));
  }

  /** The message that a reader stands before, up to the reader's end. @throws `corrupt` */
  read(reader: Reader): Message<S> {
    const message: Record<string, unknown> = {};
    for (const [name, field] of this.#fields) message[name] = emptyOf(field);
    while (!reader.isAtEnd) {
      const tag = reader.number();
      const found = this.#byNumber.get(Math.floor(tag / 8));
      if (found === undefined) {
        reader.skip(tag % 8);
        continue;
      }
      const [name, field] = found;
      const value = readField(field, tag % 8, reader);
      if (field.isRepeated) (message[name] as unknown[]).push(value);
      else message[name] = value;
    }
    return message as Message<S>;
  }
}

function emptyOf({ kind, isRepeated }: Field): unknown {
  if (isRepeated) return [];
  switch (kind) {
    case "number":
      return 0;
    case "id":
      return "0";
    case "flag":
      return false;
    case "bytes":
      return new Uint8Array(0);
    case "text":
      return "";
    default:
      return undefined;
  }
}

/** Appends one field, tag included; answers its bytes. */
function writeField({ number, kind }: Field, value: unknown, parts: Uint8Array[]): number {
  switch (kind) {
    case "number":
      return writeVarints(parts, number * 8 + VARINT, value as number);
    case "flag":
      return writeVarints(parts, number * 8 + VARINT, value === true ? 1 : 0);
    case "id": {
      const head = writeVarints(parts, number * 8 + VARINT);
      const id = bigVarint(BigInt(value as string));
      parts.push(id);
      return head + id.length;
    }
    case "bytes":
    case "text": {
      const bytes = kind === "text" ? ENCODER.encode(value as string) : value as Uint8Array;
      const head = writeVarints(parts, number * 8 + LENGTH, bytes.length);
      parts.push(bytes);
      return head + bytes.length;
    }
    default: {
      const inner: Uint8Array[] = [];
      const length = (kind as MessageType<Shape>).write(value as Given<Shape>, inner);
      const head = writeVarints(parts, number * 8 + LENGTH, length);
      for (const part of inner) parts.push(part);
      return head + length;
    }
  }
}

/** Appends numbers as one piece; answers its bytes. */
function writeVarints(parts: Uint8Array[], ...numbers: readonly number[]): number {
  const bytes: number[] = [];
  for (let number of numbers) {
    assert(Number.isSafeInteger(number) && number >= 0, "A number is written without loss");
    for (; number > 0x7f; number = Math.floor(number / 0x80)) bytes.push((number & 0x7f) | 0x80);
    bytes.push(number);
  }
  parts.push(Uint8Array.from(bytes));
  return bytes.length;
}

function bigVarint(id: bigint): Uint8Array {
  assert(id >= 0n && id < 1n << 64n, "An id has 64 bits");
  const bytes: number[] = [];
  for (; id > 0x7fn; id >>= 7n) bytes.push(Number(id & 0x7fn) | 0x80);
  bytes.push(Number(id));
  return Uint8Array.from(bytes);
}

const WIRE_TYPES = { number: VARINT, id: VARINT, flag: VARINT, bytes: LENGTH, text: LENGTH };

function readField({ kind }: Field, wireType: number, reader: Reader): unknown {
  if (wireType !== (typeof kind === "string" ? WIRE_TYPES[kind] : LENGTH)) throw damaged();
  switch (kind) {
    case "number":
      return reader.number();
    case "flag":
      return reader.number() !== 0;
    case "id":
      return reader.id();
    case "bytes":
      return reader.bytes().slice();
    case "text":
      return DECODER.decode(reader.bytes());
    default:
      return (kind as MessageType<Shape>).read(reader.inner());
  }
}

/** A place in a message's bytes. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  /** Reads from one place to another. */
  constructor(bytes: Uint8Array, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  /** Whether there is nothing left. */
  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  /** A varint below 2^53. */
  number(): number {
    let value = 0;
    for (let factor = 1, left = VARINT_BYTES_MAX; left > 0; factor *= 0x80, left--) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte > 0x7f) continue;
      if (value > Number.MAX_SAFE_INTEGER) throw damaged();
      return value;
    }
    throw damaged();
  }

  /** A varint of 64 bits in decimal. */
  id(): string {
    let value = 0n;
    for (let shift = 0n; shift < 7n * BigInt(VARINT_BYTES_MAX); shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte <= 0x7f) return BigInt.asUintN(64, value).toString();
    }
    throw damaged();
  }

  /** Bytes behind their length; a view of the message's. */
  bytes(): Uint8Array<ArrayBuffer> {
    const { from, to } = this.#span();
    return this.#bytes.subarray(from, to) as Uint8Array<ArrayBuffer>;
  }

  /** A message behind its length. */
  inner(): Reader {
    const { from, to } = this.#span();
    return new Reader(this.#bytes, from, to);
  }

  /** Passes a field over. */
  skip(wireType: number): void {
    switch (wireType) {
      case VARINT:
        this.id();
        return;
      case FIXED_64:
        return this.#pass(8);
      case LENGTH:
        this.#span();
        return;
      case FIXED_32:
        return this.#pass(4);
      default:
        throw damaged();
    }
  }

  #byte(): number {
    if (this.#at >= this.#end) throw damaged();
    return this.#bytes[this.#at++]!;
  }

  #span(): { readonly from: number; readonly to: number } {
    const length = this.number();
    const from = this.#at;
    this.#pass(length);
    return { from, to: this.#at };
  }

  #pass(length: number): void {
    if (length > this.#end - this.#at) throw damaged();
    this.#at += length;
  }
}

function damaged(): GitStratumError {
  return new GitStratumError("corrupt", "Read a damaged message");
}
