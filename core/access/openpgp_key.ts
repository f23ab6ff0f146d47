/**
 * OpenPGP public keys of users, as `gpg --armor --export` writes them (RFC 9580, version 4 of keys).
 *
 * A key is a primary key with subkeys. Which of them may sign, and from when to when, is what its
 * self-signatures and revocations say; a subkey also says itself whose it is. Keys too weak to stand for
 * somebody are refused, as SSH keys are, and self-signatures with a hash that somebody can collide.
 *
 * Invariant: only what signatures are checked with is kept, of bounded size: the primary key, one user
 * id, the subkeys that may sign, the newest signature that binds each, and revocations. Names and
 * signatures of others are dropped. What a key is worth follows from the kept bytes alone.
 *
 * @module
 */

import type { Key, Subkey } from "openpgp";
import {
  OPENPGP_KEY_KEPT_BYTES_MAX,
  OPENPGP_KEY_LENGTH_MAX,
  OPENPGP_KEY_PACKET_COUNT_MAX,
  OPENPGP_PRIMARY_PACKET_COUNT_MAX,
  OPENPGP_RSA_BITS_MAX,
  OPENPGP_SUBKEY_COUNT_MAX,
} from "../access_limits.ts";
import { GitStratumError } from "../error.ts";
import { ACCESS_LABEL_LENGTH_MAX } from "../limits.ts";
import { type OpenPgp, openPgp } from "./openpgp_library.ts";

/** A primary key or subkey that may sign. */
export interface OpenPgpSigner {
  /** 16 hexadecimal digits. */
  readonly keyId: string;
  /** What the library checks signatures with. */
  readonly packet: (Key | Subkey)["keyPacket"];
  /** Wall time of its making, in milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Wall time from which on its signatures do not count: it expired or was retired; or Infinity. */
  readonly endsAtMs: number;
}

/** A key that may sign for somebody. */
export interface OpenPgpKey {
  /** Algorithm of the primary key, `ed25519` or `rsa4096`. */
  readonly type: string;
  /** What is kept of the key. */
  readonly bytes: Uint8Array;
  /** Of the primary key: 40 hexadecimal digits. */
  readonly fingerprint: string;
  /** At least one. */
  readonly signers: readonly OpenPgpSigner[];
  /** Its user id: at most 100 printable characters. */
  readonly userId: string;
}

const ARMOUR = /^-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n/;
const RSA_BITS_MIN = 2048;
/** Larger exponents only cost time: 65537 is what everybody has. */
const RSA_EXPONENT_BYTES_MAX = 4;
const KEY_VERSION = 4;
const CURVES: ReadonlySet<string> = new Set(["nistP256", "nistP384", "nistP521"]);
/** The library's signs for "whatever the time is", which its types lack. */
const ANY_TIME = null as unknown as Date;

/**
 * Reads an armoured key.
 *
 * @throws `invalid` with the reason, when it is no key that may sign at a wall time in milliseconds
 * since the epoch
 */
export async function readOpenPgpKey(
  armoured: string,
  options: { readonly nowMs: number },
): Promise<OpenPgpKey> {
  const text = armoured.trim();
  if (text.length > OPENPGP_KEY_LENGTH_MAX) {
    throw rejected("it is too long, export it with --export-options export-minimal");
  }
  if (/-----BEGIN PGP PRIVATE KEY BLOCK/.test(text)) {
    throw rejected("it is a private key, which belongs nowhere but to its owner");
  }
  if (!ARMOUR.test(text)) throw rejected("it is not an armoured OpenPGP public key");
  const pgp = await openPgp();
  const key = await readOne({ armouredKeys: text }, pgp);
  if (key === undefined) throw rejected("it can not be read as one OpenPGP public key");
  dropForeignParts(key);
  checkSize(key);
  const problem = keyProblem(key.keyPacket);
  if (problem !== undefined) throw rejected(problem);
  const { revokedFromMs } = await revocationOf(key, pgp);
  if (revokedFromMs !== Infinity) throw rejected("it is revoked");
  await keepPrimaryUser(key, pgp);
  const signers = await signersIn(key, pgp);
  if (signers.length === 0) throw rejected(reasonOf(key, pgp));
  if (signers.every(({ endsAtMs }) => endsAtMs <= options.nowMs)) {
    throw rejected("it, or all of it that may sign, has expired");
  }
  return await kept(key, { signers, pgp });
}

/** The keys that may sign in the kept bytes of a key; none when there is nothing of the kind. */
export async function openPgpSigners(bytes: Uint8Array): Promise<readonly OpenPgpSigner[]> {
  const pgp = await openPgp();
  const key = await readOne({ binaryKeys: bytes }, pgp);
  if (key === undefined || keyProblem(key.keyPacket) !== undefined) return [];
  return await signersIn(key, pgp);
}

function rejected(reason: string): GitStratumError {
  return new GitStratumError("invalid", "Reject public key", { data: { reason } });
}

/** The one public key that is there; undefined when there is none, more than one or a private one. */
async function readOne(
  source: { readonly armouredKeys: string } | { readonly binaryKeys: Uint8Array },
  { library, policy: config }: OpenPgp,
): Promise<Key | undefined> {
  try {
    const keys = "armouredKeys" in source
      ? await library.readKeys({ armoredKeys: source.armouredKeys, config })
      : await library.readKeys({ binaryKeys: source.binaryKeys, config });
    const [key] = keys;
    return keys.length !== 1 || key === undefined || key.isPrivate() ? undefined : key;
  } catch {
    // What is no key is refused by the library, in words that vary.
    return undefined;
  }
}

/** Drops what others signed, and pictures. */
function dropForeignParts(key: Key): void {
  key.users = key.users.filter(({ userID }) => userID !== null);
  for (const user of key.users) user.otherCertifications = [];
}

function checkSize(key: Key): void {
  if (key.subkeys.length > OPENPGP_SUBKEY_COUNT_MAX) throw rejected("it has too many subkeys");
  const packetCount = key.toPacketList().length;
  const partCounts = [
    ...key.users.map((user) => user.toPacketList().length),
    ...key.subkeys.map((subkey) =>
      1 + subkey.bindingSignatures.length + subkey.revocationSignatures.length
    ),
  ];
  const ownCount = partCounts.reduce((rest, count) => rest - count, packetCount);
  if (packetCount > OPENPGP_KEY_PACKET_COUNT_MAX || ownCount > OPENPGP_PRIMARY_PACKET_COUNT_MAX) {
    throw rejected("it has too many parts, export it with --export-options export-minimal");
  }
}

/** Why a primary key or subkey can not stand for somebody. */
function keyProblem(packet: OpenPgpSigner["packet"]): string | undefined {
  if (packet.version !== KEY_VERSION) return "keys of this version are not supported";
  const { algorithm, curve = "" } = packet.getAlgorithmInfo();
  switch (algorithm) {
    case "ed25519":
    case "ed448":
    case "eddsaLegacy":
      return undefined;
    case "rsaEncryptSign":
    case "rsaSign":
      return rsaProblem(packet.publicParams as { readonly n: Uint8Array; readonly e: Uint8Array });
    case "ecdsa":
      return CURVES.has(curve) ? undefined : "keys of this curve are not supported";
    case "dsa":
    case "elgamal":
      return `keys of type ${algorithm} are too weak`;
    default:
      return "keys of this type are not supported, or can not sign";
  }
}

function rsaProblem({ n, e }: { readonly n: Uint8Array; readonly e: Uint8Array }) {
  const bits = bitsOf(n);
  if (bits < RSA_BITS_MIN) return `RSA keys below ${RSA_BITS_MIN} bits are too weak`;
  if (bits > OPENPGP_RSA_BITS_MAX) {
    return `RSA keys above ${OPENPGP_RSA_BITS_MAX} bits are not supported`;
  }
  // Even numbers are no such exponents or products; exponent 1 would sign everything.
  if ((e.at(-1)! & n.at(-1)! & 1) === 0 || bitsOf(e) < 2) return "the key is damaged";
  return e.length > RSA_EXPONENT_BYTES_MAX
    ? "RSA keys with such exponents are not supported"
    : undefined;
}

function bitsOf(number: Uint8Array): number {
  const start = number.findIndex((byte) => byte !== 0);
  return start < 0 ? 0 : (number.length - start) * 8 - Math.clz32(number[start]!) + 24;
}

/** The keys that may sign, whenever that is, and are not known to be lost. */
async function signersIn(key: Key, pgp: OpenPgp): Promise<readonly OpenPgpSigner[]> {
  const primary = await revocationOf(key, pgp);
  const primaryEndsAtMs = Math.min(primary.revokedFromMs, await endOf(key, pgp));
  const signers: OpenPgpSigner[] = [];
  for (const part of [key, ...key.subkeys]) {
    if (keyProblem(part.keyPacket) !== undefined) continue;
    const own = part === key ? primary : await revocationOf(part, pgp);
    const mayOnceSign = await withoutRevocations([key, part], () => maySign(key, { part, pgp }));
    const ownEndsAtMs = part === key ? primaryEndsAtMs : await endOf(part, pgp);
    const endsAtMs = Math.min(primaryEndsAtMs, ownEndsAtMs, own.revokedFromMs);
    const createdAtMs = part.getCreationTime().getTime();
    if (!mayOnceSign || endsAtMs <= createdAtMs) continue;
    const keyId = part.getKeyID().toHex();
    if (signers.some((other) => other.keyId === keyId)) continue;
    signers.push({ keyId, packet: part.keyPacket, createdAtMs, endsAtMs });
  }
  return signers;
}

/** Whether a part of a key is bound to it, says that it may sign, and has said so itself. */
async function maySign(
  key: Key,
  { part, pgp: { policy } }: { readonly part: Key | Subkey; readonly pgp: OpenPgp },
): Promise<boolean> {
  try {
    return await key.getSigningKey(part.getKeyID(), null, undefined, policy) === part;
  } catch {
    // The library throws the reason, in words that vary.
    return false;
  }
}

/** Runs something while the library sees no revocations: it knows none that hold only from a time on. */
async function withoutRevocations<T>(
  parts: readonly (Key | Subkey)[],
  run: () => Promise<T>,
): Promise<T> {
  const held = parts.map(({ revocationSignatures }) => revocationSignatures);
  for (const part of parts) part.revocationSignatures = [];
  try {
    return await run();
  } finally {
    parts.forEach((part, index) => part.revocationSignatures = held[index]!);
  }
}

/**
 * Since when a part is revoked: -Infinity for one that may be in other hands, the time of the
 * revocation for one that its owner retired or superseded, Infinity for neither (RFC 9580, 5.2.3.31).
 */
async function revocationOf(
  part: Key | Subkey,
  { library: { enums }, revocationPolicy }: OpenPgp,
): Promise<{ readonly revokedFromMs: number }> {
  const isSubkey = "mainKey" in part;
  const primary = isSubkey ? part.mainKey.keyPacket : part.keyPacket;
  const type = isSubkey ? enums.signature.subkeyRevocation : enums.signature.keyRevocation;
  const data = isSubkey ? { key: primary, bind: part.keyPacket } : { key: primary };
  const { keyRetired, keySuperseded } = enums.reasonForRevocation;
  let revokedFromMs = Infinity;
  for (const signature of part.revocationSignatures) {
    try {
      await signature.verify(primary, type, data, ANY_TIME, false, revocationPolicy);
    } catch {
      // Anybody can put a revocation there that the key did not make.
      continue;
    }
    const reason = signature.reasonForRevocationFlag;
    const isSoft = reason === keyRetired || reason === keySuperseded;
    const fromMs = isSoft ? signature.created!.getTime() : -Infinity;
    revokedFromMs = Math.min(revokedFromMs, fromMs);
  }
  return { revokedFromMs };
}

/** When a part expires by the newest signature that binds it; at once when there is none. */
async function endOf(part: Key | Subkey, { policy }: OpenPgp): Promise<number> {
  const end = "mainKey" in part
    ? await part.getExpirationTime(ANY_TIME, policy)
    : await part.getExpirationTime(undefined, policy);
  return end === null ? -Infinity : Number(end);
}

/**
 * Leaves of the user ids only the primary one, with the signature that makes it so: the others would be
 * checked again with each subkey. A key that has none is left as it is, and can not sign.
 */
async function keepPrimaryUser(key: Key, { policy }: OpenPgp): Promise<void> {
  try {
    const { user, selfCertification } = await key.getPrimaryUser(ANY_TIME, undefined, policy);
    user.selfCertifications = [selfCertification];
    user.revocationSignatures = [];
    key.users = [user];
  } catch {
    // The library throws the reason, in words that vary; ours are looked for when nothing signs.
  }
}

/** Why a key has nothing that may sign. */
function reasonOf(key: Key, { library: { enums } }: OpenPgp): string {
  const { sha1, md5, ripemd } = enums.hash;
  const bindings = [
    ...key.users.flatMap(({ selfCertifications }) => selfCertifications),
    ...key.subkeys.flatMap(({ bindingSignatures }) => bindingSignatures),
  ];
  const isWeak = bindings.some(({ hashAlgorithm: hash }) =>
    hash === sha1 || hash === md5 || hash === ripemd
  );
  if (isWeak) return "its self-signatures have a weak hash, renew them";
  const isRevoked = key.subkeys.some(({ revocationSignatures }) => revocationSignatures.length > 0);
  return isRevoked ? "what of it could sign is revoked" : "nothing in it may sign";
}

/** What of a key is kept; the key is changed to that. */
async function kept(
  key: Key,
  parts: { readonly signers: readonly OpenPgpSigner[]; readonly pgp: OpenPgp },
): Promise<OpenPgpKey> {
  const { policy } = parts.pgp;
  key.subkeys = key.subkeys.filter(({ keyPacket }) =>
    parts.signers.some(({ packet }) => packet === keyPacket)
  );
  for (const subkey of key.subkeys) {
    const newest = () => subkey.verify(ANY_TIME, policy);
    subkey.bindingSignatures = [await withoutRevocations([subkey], newest)];
  }
  const bytes = key.write();
  if (bytes.length > OPENPGP_KEY_KEPT_BYTES_MAX) throw rejected("it has too many keys that sign");
  const signers = await openPgpSigners(bytes);
  // What the library reads it does not always write as it was.
  if (signers.length !== parts.signers.length) throw rejected("it has parts that can not be kept");
  const userId = printable(key.getUserIDs()[0] ?? "");
  return { type: typeOf(key), bytes, fingerprint: key.getFingerprint(), signers, userId };
}

function typeOf(key: Key): string {
  const { algorithm, bits, curve } = key.getAlgorithmInfo();
  if (bits !== undefined) return `rsa${bits}`;
  return curve?.replace("Legacy", "").toLowerCase() ?? algorithm;
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, ACCESS_LABEL_LENGTH_MAX);
}
