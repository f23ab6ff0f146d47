/**
 * Tokens of OpenID Connect issuers: JSON Web Tokens (RFC 7515, RFC 7519) as far as those use them.
 *
 * What is accepted is named, not what is refused: a compact form of three parts, RS256 or ES256, no
 * extension that has to be understood. The algorithm has to be that of the key's type, so a public key
 * is never taken for a secret, and `none` is no algorithm.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import {
  ISSUER_TOKEN_LENGTH_MAX,
  ISSUER_TOKEN_SKEW_MS_MAX,
  JOB_SUBJECT_LENGTH_MAX,
} from "../limits.ts";

/** How an issuer signs. */
export type SigningAlgorithm = "RS256" | "ES256";

/** A token in its parts. Nothing in it is true until its signature was found good. */
export interface JsonWebToken {
  /** How it is signed. */
  readonly algorithm: SigningAlgorithm;
  /** Which of the issuer's keys signed it; absent when there is one only. */
  readonly keyId?: string;
  /** What it says. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Over what the signature is. */
  readonly signed: Uint8Array<ArrayBuffer>;
  /** The signature. */
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** A key of an issuer that can check signatures. */
export interface SigningKey {
  /** Its name among the issuer's; absent when it has none. */
  readonly id?: string;
  /** The only algorithm that it is for. */
  readonly algorithm: SigningAlgorithm;
  /** Good for nothing but checking. */
  readonly key: CryptoKey;
}

const FORM = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
const KEY_ID_LENGTH_MAX = 256;
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 8192;
/** The algorithms as WebCrypto names them. */
const IMPORTS = {
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
} as const;

/** A refusal of an issuer's token. */
export function issuerTokenRefused(reason: string): GitStratumError {
  return new GitStratumError("unauthenticated", "Refuse the token of an issuer", {
    data: { reason },
  });
}

/** Takes a token apart. @throws `unauthenticated` with the reason */
export function parseJsonWebToken(text: string): JsonWebToken {
  if (text.length > ISSUER_TOKEN_LENGTH_MAX) throw issuerTokenRefused("it is too long");
  const [, head, body, tail] = FORM.exec(text) ?? [];
  if (head === undefined || body === undefined || tail === undefined) {
    throw issuerTokenRefused("it is not of three parts in base 64");
  }
  const header = parseObject(head);
  const { alg, kid } = header;
  if (alg !== "RS256" && alg !== "ES256") throw issuerTokenRefused("it is not RS256 or ES256");
  if ("crit" in header || "b64" in header) {
    throw issuerTokenRefused("it has an extension that is not known here");
  }
  const isName = typeof kid === "string" && kid.length <= KEY_ID_LENGTH_MAX;
  if (kid !== undefined && !isName) throw issuerTokenRefused("its key has no good name");
  return {
    algorithm: alg,
    ...(isName ? { keyId: kid } : {}),
    claims: parseObject(body),
    signed: new TextEncoder().encode(`${head}.${body}`),
    signature: decodeBase64(tail),
  };
}

/** The claim `iss`, which is to be looked up before anything else. @throws `unauthenticated` */
export function issuerOf(token: JsonWebToken): string {
  const { iss } = token.claims;
  if (typeof iss !== "string") throw issuerTokenRefused("it names no issuer");
  return iss;
}

/**
 * Checks what a token says of itself: for whom it is, from when and until when. Clocks may differ by a
 * minute. Resolves to whom it speaks for.
 *
 * @throws `unauthenticated` with the reason
 */
export function checkClaims(
  token: JsonWebToken,
  wanted: { readonly audience: string; readonly nowMs: number },
): string {
  const { aud, exp, nbf, iat, sub } = token.claims;
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(wanted.audience)) throw issuerTokenRefused("it is for somebody else");
  const { nowMs } = wanted;
  if (timeMs(exp) === undefined) throw issuerTokenRefused("it does not say when it ends");
  if (timeMs(exp)! + ISSUER_TOKEN_SKEW_MS_MAX <= nowMs) throw issuerTokenRefused("it has expired");
  for (const time of [nbf, iat]) {
    if (time === undefined) continue;
    const ms = timeMs(time);
    if (ms === undefined) throw issuerTokenRefused("it has a time that is none");
    if (ms - ISSUER_TOKEN_SKEW_MS_MAX > nowMs) throw issuerTokenRefused("it is not valid yet");
  }
  const isPrintable = typeof sub === "string" && /^\P{C}+$/u.test(sub);
  if (!isPrintable || sub.length > JOB_SUBJECT_LENGTH_MAX) {
    throw issuerTokenRefused("it does not say for whom it speaks");
  }
  return sub;
}

/** Whether a key signed a token. A key of another algorithm never did. */
export async function isSignedBy(token: JsonWebToken, key: SigningKey): Promise<boolean> {
  if (token.algorithm !== key.algorithm) return false;
  const { signature, signed } = token;
  return await crypto.subtle.verify(IMPORTS[token.algorithm], key.key, signature, signed);
}

/**
 * Reads a JSON Web Key (RFC 7517) that checks signatures; undefined for one that is for something else
 * or of a kind that is not known here.
 *
 * @throws `invalid` for one that is damaged or weak
 */
export async function readSigningKey(value: unknown): Promise<SigningKey | undefined> {
  if (typeof value !== "object" || value === null) return undefined;
  const { kty, kid, use, alg, key_ops: operations } = value as Record<string, unknown>;
  const algorithm = kty === "RSA" ? "RS256" : kty === "EC" ? "ES256" : undefined;
  const isForSignatures = (use === undefined || use === "sig") &&
    (!Array.isArray(operations) || operations.includes("verify"));
  if (algorithm === undefined || !isForSignatures) return undefined;
  if (alg !== undefined && alg !== algorithm) return undefined;
  if (kid !== undefined && (typeof kid !== "string" || kid.length > KEY_ID_LENGTH_MAX)) {
    return undefined;
  }
  const key = await importKey(algorithm, value as JsonWebKey);
  if (key === undefined) return undefined;
  return { ...(kid === undefined ? {} : { id: kid }), algorithm, key };
}

async function importKey(
  algorithm: SigningAlgorithm,
  { n, e, crv, x, y }: JsonWebKey,
): Promise<CryptoKey | undefined> {
  const isElliptic = algorithm === "ES256";
  if (isElliptic ? crv !== "P-256" || x === undefined || y === undefined : !n || !e) {
    return undefined;
  }
  const value: JsonWebKey = isElliptic
    ? { kty: "EC", crv: crv!, x: x!, y: y! }
    : { kty: "RSA", n: n!, e: e! };
  const parameters = IMPORTS[algorithm];
  let key: CryptoKey;
  try {
    key = await crypto.subtle.importKey("jwk", value, parameters, false, ["verify"]);
    // Some damage shows only when a key is used.
    await crypto.subtle.verify(parameters, key, new Uint8Array(64), new Uint8Array(1));
  } catch (cause) {
    throw new GitStratumError("invalid", "Reject the key of an issuer", { cause });
  }
  if (isElliptic) return key;
  const { modulusLength } = key.algorithm as RsaHashedKeyAlgorithm;
  if (modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX) return key;
  throw new GitStratumError("invalid", "Reject the key of an issuer", {
    data: { reason: `it has not ${RSA_BITS_MIN} to ${RSA_BITS_MAX} bits` },
  });
}

/** A time of a token, in milliseconds since the epoch. */
function timeMs(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0
    ? value * 1000
    : undefined;
}

function parseObject(part: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(decodeBase64(part)));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw issuerTokenRefused("a part of it is no JSON");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw issuerTokenRefused("a part of it is no JSON object");
}

function decodeBase64(part: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(part, { alphabet: "base64url", lastChunkHandling: "loose" });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw issuerTokenRefused("a part of it is no base 64");
  }
}
