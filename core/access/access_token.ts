/**
 * Access tokens: `gst_` + 32 random characters + `_` + 6 characters of checksum, all base 62.
 *
 * The prefix and the checksum (CRC-32 of what stands before it) let scanners recognise a leaked token
 * without asking the server, and let the server turn away a mistyped one without looking it up. The
 * random part carries 190 bits. So a plain SHA-256 is a safe form to store: nobody finds a token by
 * trying, and there is nothing a slow hash would protect.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import type { Random } from "../random.ts";

/** A well-formed token: a secret, never logged and never stored. */
export type AccessToken = string & { readonly __brand: "AccessToken" };
/** SHA-256 of a token as 64 hexadecimal digits: what is stored of it. */
export type AccessTokenHash = string & { readonly __brand: "AccessTokenHash" };

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH = 32;
const CHECKSUM_LENGTH = 6;
const TOKEN = /^(gst_[0-9A-Za-z]{32})_([0-9A-Za-z]{6})$/;
const HASH = /^[0-9a-f]{64}$/;
/** Bytes from here on would make the first characters of the alphabet likelier. */
const FAIR_BYTE_LIMIT = 256 - 256 % ALPHABET.length;
const DRAW_COUNT_MAX = 64;

/** Draws a new token. */
export function newAccessToken(random: Random): AccessToken {
  let characters = "";
  for (let draw = 0; characters.length < RANDOM_LENGTH; draw++) {
    assert(draw < DRAW_COUNT_MAX, "Random bytes are not always the same");
    for (const byte of random.bytes(RANDOM_LENGTH)) {
      if (byte < FAIR_BYTE_LIMIT) characters += ALPHABET[byte % ALPHABET.length];
    }
  }
  const body = `gst_${characters.slice(0, RANDOM_LENGTH)}`;
  return `${body}_${checksumOf(body)}` as AccessToken;
}

/** Reads what a client sent as a token; undefined when it can not be one. */
export function parseAccessToken(text: string): AccessToken | undefined {
  const [, body, checksum] = TOKEN.exec(text) ?? [];
  return body !== undefined && checksumOf(body) === checksum ? text as AccessToken : undefined;
}

/** What is stored of a token. */
export function hashAccessToken(token: AccessToken): AccessTokenHash {
  return createHash("sha256").update(token).digest("hex") as AccessTokenHash;
}

/** Whether text is the stored form of some token. */
export function isAccessTokenHash(text: string): text is AccessTokenHash {
  return HASH.test(text);
}

/** Compares stored forms in a time that does not depend on where they differ. */
export function equalTokenHashes(one: AccessTokenHash, other: AccessTokenHash): boolean {
  assert(isAccessTokenHash(one) && isAccessTokenHash(other), "Hashes of tokens are compared");
  return timingSafeEqual(Buffer.from(one, "hex"), Buffer.from(other, "hex"));
}

function checksumOf(body: string): string {
  let rest = crc32(body);
  let digits = "";
  while (digits.length < CHECKSUM_LENGTH) {
    digits = ALPHABET[rest % ALPHABET.length] + digits;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return digits;
}
