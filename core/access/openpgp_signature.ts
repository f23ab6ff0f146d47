/**
 * OpenPGP signatures over bytes, detached and armoured, as `gpg` makes them for git.
 *
 * A signature says which key made it, and when. Whether that key stands for anybody is not asked here.
 * What is malformed, of several signatures, over text instead of bytes, or with a hash below SHA-256 is
 * no signature.
 *
 * @module
 */

import type { SignaturePacket } from "openpgp";
import { OPENPGP_CLOCK_SKEW_MS, OPENPGP_SIGNATURE_LENGTH_MAX } from "../access_limits.ts";
import type { OpenPgpSigner } from "./openpgp_key.ts";
import { type OpenPgp, openPgp } from "./openpgp_library.ts";

/** A signature that was read, and not checked. */
export interface OpenPgpSignature {
  /** The id of the key that is said to have made it: 16 hexadecimal digits. */
  readonly keyId: string;
  /** What the library checks. */
  readonly packet: SignaturePacket;
}

const ARMOUR = "-----BEGIN PGP SIGNATURE-----";

/** Whether a text says that it is an armoured OpenPGP signature. */
export function claimsOpenPgp(armoured: string): boolean {
  return armoured.startsWith(ARMOUR);
}

/** Reads an armoured signature; undefined when it is not exactly one that may be good. */
export async function readOpenPgpSignature(
  armoured: string,
): Promise<OpenPgpSignature | undefined> {
  if (armoured.length > OPENPGP_SIGNATURE_LENGTH_MAX || !claimsOpenPgp(armoured)) return undefined;
  const { library, policy } = await openPgp();
  try {
    const { packets } = await library.readSignature({
      armoredSignature: armoured,
      config: policy,
    });
    const [packet] = packets;
    const isOne = packets.length === 1 && packet instanceof library.SignaturePacket;
    return isOne ? { keyId: packet.issuerKeyID.toHex(), packet } : undefined;
  } catch {
    // What is no signature is refused by the library, in words that vary.
    return undefined;
  }
}

/** Whether a signature was made over a message by a key that might sign then, and still counts. */
export async function isOpenPgpSigned(
  { packet }: OpenPgpSignature,
  options: {
    readonly message: Uint8Array;
    readonly signer: OpenPgpSigner;
    /** Wall time in milliseconds since the epoch. */
    readonly nowMs: number;
  },
): Promise<boolean> {
  const { message, signer, nowMs } = options;
  const { library, policy } = await openPgp();
  const { binary } = library.enums.signature;
  if (packet.signatureType !== binary || !hasGoodHash(packet, library)) return false;
  if (!isInTime(packet, { signer, nowMs })) return false;
  try {
    const { packets: [data] } = await library.createMessage({ binary: message });
    const anyTime = null as unknown as Date;
    await packet.verify(signer.packet, binary, data!, anyTime, true, policy);
    return true;
  } catch {
    // The library throws the reason, in words that vary.
    return false;
  }
}

function hasGoodHash({ hashAlgorithm }: SignaturePacket, { enums: { hash } }: OpenPgp["library"]) {
  const good = [hash.sha256, hash.sha384, hash.sha512, hash.sha3_256, hash.sha3_512];
  return hashAlgorithm !== null && good.includes(hashAlgorithm);
}

function isInTime(
  packet: SignaturePacket,
  { signer, nowMs }: { readonly signer: OpenPgpSigner; readonly nowMs: number },
): boolean {
  const madeAtMs = packet.created?.getTime() ?? NaN;
  return madeAtMs >= signer.createdAtMs && madeAtMs < signer.endsAtMs &&
    madeAtMs <= nowMs + OPENPGP_CLOCK_SKEW_MS && nowMs < Number(packet.getExpirationTime());
}
