/**
 * Private keys in a form that the runtime signs with.
 *
 * OpenSSH writes the secret number of an ECDSA key as it writes all numbers: with a zero byte in front
 * when its first bit is set. The SSH library hands those bytes on as the field of an ASN.1 key, whose
 * width RFC 5915 (section 3) fixes, and the runtime refuses the key. Half of the keys that ssh-keygen
 * makes and all that the library makes are such.
 *
 * @module
 */

import { type ParsedKey, utils } from "./ssh2.ts";

/** Bytes of a secret number of the curve P-256. */
const SCALAR_BYTES = 32;
/** Where the secret number's length stands: behind the sequence, the version and its own tag. */
const SCALAR_LENGTH_AT = 6;

/** Whether the key can sign. */
function signs(key: ParsedKey): boolean {
  const signature = key.sign(new Uint8Array(SCALAR_BYTES));
  return !(signature instanceof Error);
}

/** The same P-256 key with a secret number of the curve's width; undefined when it has more. */
function withScalarOfCurve(pem: string): string | undefined {
  const der = Uint8Array.fromBase64(pem.replaceAll(/-----[^-]+-----/g, ""));
  const end = SCALAR_LENGTH_AT + 1 + der[SCALAR_LENGTH_AT]!;
  const written = der.subarray(SCALAR_LENGTH_AT + 1, end);
  const significant = written.subarray(written.findIndex((byte) => byte !== 0));
  if (significant.length > SCALAR_BYTES) return undefined;
  const scalar = new Uint8Array(SCALAR_BYTES);
  scalar.set(significant, SCALAR_BYTES - significant.length);
  const version = der.subarray(2, SCALAR_LENGTH_AT - 1);
  const body = [...version, 0x04, SCALAR_BYTES, ...scalar, ...der.subarray(end)];
  const whole = Uint8Array.of(0x30, body.length, ...body);
  return `-----BEGIN EC PRIVATE KEY-----\n${whole.toBase64()}\n-----END EC PRIVATE KEY-----\n`;
}

/** A private key's text, or another text of the same key that can sign; undefined when none can. */
export function signingKey(text: string): string | undefined {
  const key = utils.parseKey(text);
  if (key instanceof Error || !key.isPrivateKey()) return undefined;
  if (signs(key)) return text;
  if (key.type !== "ecdsa-sha2-nistp256") return undefined;
  const rewritten = withScalarOfCurve(key.getPrivatePEM());
  if (rewritten === undefined) return undefined;
  const again = utils.parseKey(rewritten);
  return again instanceof Error || !signs(again) ? undefined : rewritten;
}
