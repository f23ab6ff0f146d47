/**
 * Public keys of users and machines, as people paste them: one line of `ssh-keygen`'s `.pub` files.
 *
 * The key's own bytes decide what it is (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4); words and bytes
 * have to agree. Keys too weak to stand for somebody are refused: DSA, and RSA below 2048 bits.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { GitStratumError } from "../error.ts";

/** A key that may stand for somebody. */
export interface SshPublicKey {
  /** Its algorithm's name, `ssh-ed25519`. */
  readonly type: string;
  /** The key as it goes over the wire, in base 64. */
  readonly blob: string;
  /** SHA-256 of the blob as OpenSSH shows it: `SHA256:` and base 64 without padding. */
  readonly fingerprint: string;
  /** What stood behind the key: at most 100 printable characters. */
  readonly comment: string;
}

/** Longest line: a key of 16384 bits with its comment. */
const LINE_LENGTH_MAX = 8192;
const COMMENT_LENGTH_MAX = 100;
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 16_384;
const ED25519_BYTES = 32;
/** Uncompressed points: 4, then both coordinates. */
const POINT_BYTES: Readonly<Record<string, number>> = {
  nistp256: 65,
  nistp384: 97,
  nistp521: 133,
};
const LINE = /^([a-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(.*))?$/;

/**
 * Reads one line: type, key in base 64, comment.
 *
 * @throws `invalid` with the reason
 */
export function parseSshPublicKey(text: string): SshPublicKey {
  if (text.length > LINE_LENGTH_MAX) throw rejected("the line is too long");
  const [, type, words, comment = ""] = LINE.exec(text.trim()) ?? [];
  if (type === undefined || words === undefined) {
    throw rejected("it is not of the form: type, key, comment");
  }
  const blob = decodeBase64(words);
  const reason = blob === undefined ? "the key is not base 64" : keyProblem(type, blob);
  if (blob === undefined || reason !== undefined) throw rejected(reason!);
  const digest = createHash("sha256").update(blob).digest("base64").replace(/=+$/, "");
  return {
    type,
    blob: blob.toBase64(),
    fingerprint: `SHA256:${digest}`,
    comment: comment.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, COMMENT_LENGTH_MAX),
  };
}

function rejected(reason: string): GitStratumError {
  return new GitStratumError("invalid", "Reject public key", { data: { reason } });
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The length-prefixed strings that a key is made of; undefined when bytes are missing or left. */
function fieldsOf(blob: Uint8Array): readonly Uint8Array[] | undefined {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const fields: Uint8Array[] = [];
  let offset = 0;
  while (offset < blob.length) {
    if (blob.length - offset < 4) return undefined;
    const length = view.getUint32(offset);
    offset += 4;
    if (length > blob.length - offset) return undefined;
    fields.push(blob.subarray(offset, offset + length));
    offset += length;
  }
  return fields;
}

function keyProblem(type: string, blob: Uint8Array): string | undefined {
  const [name, ...fields] = fieldsOf(blob) ?? [];
  if (name === undefined) return "the key is damaged";
  if (latin1(name) !== type) return "the key is of another type than its line says";
  switch (type) {
    case "ssh-ed25519":
      return fields.length === 1 && fields[0]!.length === ED25519_BYTES
        ? undefined
        : "the key is damaged";
    case "ssh-rsa":
      return rsaProblem(fields);
    case "ecdsa-sha2-nistp256":
    case "ecdsa-sha2-nistp384":
    case "ecdsa-sha2-nistp521":
      return pointProblem(type.slice("ecdsa-sha2-".length), fields);
    case "ssh-dss":
      return "keys of type ssh-dss are too weak";
    default:
      return "keys of this type are not supported";
  }
}

function rsaProblem(fields: readonly Uint8Array[]): string | undefined {
  const [exponent, modulus] = fields;
  if (exponent === undefined || modulus === undefined || fields.length !== 2) {
    return "the key is damaged";
  }
  if (!isPositive(exponent) || !isPositive(modulus)) return "the key is damaged";
  // Even numbers are no such exponents or products; exponent 1 would sign everything.
  if ((exponent.at(-1)! & modulus.at(-1)! & 1) === 0) return "the key is damaged";
  const bits = bitsOf(modulus);
  if (bitsOf(exponent) < 2) return "the key is too weak";
  if (bits < RSA_BITS_MIN) return `RSA keys below ${RSA_BITS_MIN} bits are too weak`;
  return bits > RSA_BITS_MAX ? `RSA keys above ${RSA_BITS_MAX} bits are not supported` : undefined;
}

function pointProblem(curve: string, fields: readonly Uint8Array[]): string | undefined {
  const [name, point] = fields;
  const fits = fields.length === 2 && latin1(name!) === curve && point![0] === 4 &&
    point!.length === POINT_BYTES[curve];
  return fits ? undefined : "the key is damaged";
}

/** Whether bytes are a number above zero in its shortest form (RFC 4251, mpint). */
function isPositive(bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes[0]! >= 0x80) return false;
  return bytes[0] !== 0 || (bytes.length > 1 && bytes[1]! >= 0x80);
}

function bitsOf(number: Uint8Array): number {
  const start = number[0] === 0 ? 1 : 0;
  return (number.length - start) * 8 - Math.clz32(number[start]!) + 24;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 64));
}
