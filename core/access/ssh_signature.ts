/**
 * Signatures that `ssh-keygen -Y sign` makes, and git with `gpg.format=ssh`: an armoured block that
 * carries the public key with the signature (OpenSSH, PROTOCOL.sshsig).
 *
 * Whether the key stands for anybody is not asked here. Keys that are too weak to stand for somebody
 * sign nothing either; nor does SHA-1.
 *
 * @module
 */

import { createHash, createPublicKey, type JsonWebKey, verify } from "node:crypto";
import { concatBytes } from "../concat_bytes.ts";
import { GitStratumError } from "../error.ts";
import { SSH_SIGNATURE_LENGTH_MAX } from "../access_limits.ts";
import { parseSshPublicKey } from "./ssh_public_key.ts";

/** What was signed, and for which use. */
export interface SignedMessage {
  /** The bytes. */
  readonly message: Uint8Array;
  /** What signatures of this use are made for: `git` for commits. */
  readonly namespace: string;
}

const ARMOUR =
  /^-----BEGIN SSH SIGNATURE-----\r?\n([A-Za-z0-9+/=\r\n]+)\r?\n-----END SSH SIGNATURE-----\s*$/;
const MAGIC = new TextEncoder().encode("SSHSIG");
const VERSION = 1;
/** Hashes of the message, by the name in the signature. */
const MESSAGE_HASHES: ReadonlySet<string> = new Set(["sha256", "sha512"]);
/** How each algorithm of a signature hashes, and the type of its key. */
const ALGORITHMS: Readonly<Record<string, { readonly key: string; readonly hash: string | null }>> =
  {
    "ssh-ed25519": { key: "ssh-ed25519", hash: null },
    "rsa-sha2-256": { key: "ssh-rsa", hash: "sha256" },
    "rsa-sha2-512": { key: "ssh-rsa", hash: "sha512" },
    "ecdsa-sha2-nistp256": { key: "ecdsa-sha2-nistp256", hash: "sha256" },
    "ecdsa-sha2-nistp384": { key: "ecdsa-sha2-nistp384", hash: "sha384" },
    "ecdsa-sha2-nistp521": { key: "ecdsa-sha2-nistp521", hash: "sha512" },
  };
const CURVES: Readonly<Record<string, { readonly name: string; readonly bytes: number }>> = {
  "ecdsa-sha2-nistp256": { name: "P-256", bytes: 32 },
  "ecdsa-sha2-nistp384": { name: "P-384", bytes: 48 },
  "ecdsa-sha2-nistp521": { name: "P-521", bytes: 66 },
};

/**
 * The fingerprint (`SHA256:…`) of the key that made a signature; undefined for a signature that is
 * damaged, of another message or use, or by a key or an algorithm that is too weak.
 */
export function sshSignerOf(armoured: string, signed: SignedMessage): string | undefined {
  const parts = readSignature(armoured);
  if (parts === undefined || parts.namespace !== signed.namespace) return undefined;
  const algorithm = ALGORITHMS[parts.algorithm];
  if (algorithm === undefined || !MESSAGE_HASHES.has(parts.messageHash)) return undefined;
  const type = text(fieldsOf(parts.key)?.[0]);
  if (type === undefined || type !== algorithm.key) return undefined;
  const fingerprint = soundFingerprint(type, parts.key);
  if (fingerprint === undefined) return undefined;
  const digest = createHash(parts.messageHash).update(signed.message).digest();
  const data = concatBytes([
    MAGIC,
    ...[signed.namespace, "", parts.messageHash].map((word) =>
      field(new TextEncoder().encode(word))
    ),
    field(digest),
  ]);
  const isGood = isSignature(data, {
    key: jsonWebKey(type, parts.key),
    hash: algorithm.hash,
    signature: CURVES[type] === undefined ? parts.signature : plainPoint(type, parts.signature),
  });
  return isGood ? fingerprint : undefined;
}

interface SignatureParts {
  readonly key: Uint8Array;
  readonly namespace: string;
  readonly messageHash: string;
  readonly algorithm: string;
  readonly signature: Uint8Array;
}

function readSignature(armoured: string): SignatureParts | undefined {
  if (armoured.length > SSH_SIGNATURE_LENGTH_MAX) return undefined;
  const body = ARMOUR.exec(armoured)?.[1]?.replaceAll(/[\r\n]/g, "");
  const bytes = body === undefined ? undefined : decodeBase64(body);
  if (bytes === undefined || bytes.length < MAGIC.length + 4) return undefined;
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) return undefined;
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length);
  const fields = fieldsOf(bytes.subarray(MAGIC.length + 4));
  if (version !== VERSION || fields?.length !== 5) return undefined;
  const [key, namespace, , messageHash, blob] = fields;
  const signature = fieldsOf(blob!);
  if (signature?.length !== 2) return undefined;
  return {
    key: key!,
    namespace: text(namespace)!,
    messageHash: text(messageHash)!,
    algorithm: text(signature[0])!,
    signature: signature[1]!,
  };
}

function soundFingerprint(type: string, key: Uint8Array): string | undefined {
  try {
    return parseSshPublicKey(`${type} ${key.toBase64()}`).fingerprint;
  } catch (error) {
    if (error instanceof GitStratumError) return undefined;
    throw error;
  }
}

function isSignature(
  data: Uint8Array,
  parts: {
    readonly key: JsonWebKey;
    readonly hash: string | null;
    readonly signature: Uint8Array | undefined;
  },
): boolean {
  const { key, hash, signature } = parts;
  if (signature === undefined) return false;
  try {
    const made = createPublicKey({ key, format: "jwk" });
    return verify(hash, data, { key: made, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    // A key that is no point of its curve is refused by the library, in words that vary.
    return false;
  }
}

/** The key as the library takes it; its parts were checked before. */
function jsonWebKey(type: string, blob: Uint8Array): JsonWebKey {
  const [, ...parts] = fieldsOf(blob)!;
  if (type === "ssh-ed25519") return { kty: "OKP", crv: "Ed25519", x: base64Url(parts[0]!) };
  if (type === "ssh-rsa") {
    return { kty: "RSA", e: base64Url(unsigned(parts[0]!)), n: base64Url(unsigned(parts[1]!)) };
  }
  const { name, bytes } = CURVES[type]!;
  const point = parts[1]!;
  const x = base64Url(point.subarray(1, 1 + bytes));
  return { kty: "EC", crv: name, x, y: base64Url(point.subarray(1 + bytes)) };
}

/** Two numbers side by side, each as wide as the curve; undefined when they are not such numbers. */
function plainPoint(type: string, signature: Uint8Array): Uint8Array | undefined {
  const { bytes } = CURVES[type]!;
  const numbers = fieldsOf(signature)?.map(unsigned);
  if (numbers?.length !== 2 || numbers.some(({ length }) => length > bytes)) return undefined;
  const point = new Uint8Array(2 * bytes);
  point.set(numbers[0]!, bytes - numbers[0]!.length);
  point.set(numbers[1]!, 2 * bytes - numbers[1]!.length);
  return point;
}

function unsigned(number: Uint8Array): Uint8Array {
  return number[0] === 0 ? number.subarray(1) : number;
}

/** The length-prefixed strings of some bytes; undefined when bytes are missing or left. */
function fieldsOf(bytes: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < 4) return undefined;
    const length = view.getUint32(at);
    at += 4;
    if (length > bytes.length - at) return undefined;
    fields.push(bytes.subarray(at, at + length));
    at += length;
  }
  return fields;
}

function field(bytes: Uint8Array): Uint8Array {
  const prefixed = new Uint8Array(4 + bytes.length);
  new DataView(prefixed.buffer).setUint32(0, bytes.length);
  prefixed.set(bytes, 4);
  return prefixed;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && String.fromCharCode(...bytes.subarray(0, 64));
}

function base64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function decodeBase64(words: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(words);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
