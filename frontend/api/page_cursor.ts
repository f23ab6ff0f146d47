/**
 * Places in listings, sealed: where a page ended says nothing to whom it is given.
 *
 * A page may end at an entry that its reader may not see. Told in plain, the place would be the name of
 * a private repository. So it is encrypted (AES-256-GCM) with a key that all frontends derive from the
 * cluster's secret, bound to the listing that it is of, and padded so that its length says nothing.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { assert, GitStratumError, type Random } from "@gitstratum/core";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Longest place: two parts of a repository's name at 100 characters, and what is between. */
const PLACE_BYTES_MAX = 255;

/** Seals and opens places. */
export class PageCursors {
  readonly #keys: readonly Uint8Array[];
  readonly #random: Random;

  /** The first secret seals, all of them open: they are replaced one after the other. */
  constructor(options: { readonly secrets: readonly string[]; readonly random: Random }) {
    assert(options.secrets.length > 0, "There is a secret");
    this.#keys = options.secrets.map((secret) =>
      new Uint8Array(hkdfSync("sha256", secret, "", "gitstratum page cursor", KEY_BYTES))
    );
    this.#random = options.random;
  }

  /** Text for a client that leads back to `place` in `listing`. */
  seal(listing: string, place: string): string {
    const plain = Buffer.alloc(1 + PLACE_BYTES_MAX);
    const bytes = Buffer.from(place);
    assert(bytes.length <= PLACE_BYTES_MAX, "A place is short");
    plain[0] = bytes.length;
    plain.set(bytes, 1);
    const nonce = this.#random.bytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#keys[0]!, nonce);
    cipher.setAAD(Buffer.from(listing));
    const sealed = [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(sealed).toString("base64url");
  }

  /** @throws `invalid` for what was not sealed for this listing */
  open(listing: string, text: string): string {
    const sealed = Buffer.from(text, "base64url");
    if (sealed.length === NONCE_BYTES + 1 + PLACE_BYTES_MAX + TAG_BYTES) {
      for (const key of this.#keys) {
        const place = opened(listing, sealed, key);
        if (place !== undefined) return place;
      }
    }
    throw new GitStratumError("invalid", "Expect a place that a page of this listing gave", {
      data: { after: text.slice(0, 40) },
    });
  }
}

function opened(listing: string, sealed: Uint8Array, key: Uint8Array): string | undefined {
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(listing));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    const plain = Buffer.concat([
      decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)),
      decipher.final(),
    ]);
    return plain.toString("utf8", 1, 1 + plain[0]!);
  } catch {
    // Another key, another listing, or no place at all: the caller says so.
    return undefined;
  }
}
