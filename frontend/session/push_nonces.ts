/**
 * Nonces of signed pushes (gitprotocol-pack, "Push Certificate"): a certificate that was made for
 * another repository, another server or long ago is not taken for a new push.
 *
 * A nonce is a time and a code over it that only this server can make, so none has to be kept. A
 * certificate can be sent again within a nonce's life; the old values in its commands then no longer
 * fit, because the first push has changed the references.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { type Clock, PUSH_NONCE_LIFE_MS, type Random } from "@gitstratum/core";
import { protocolError } from "@gitstratum/core/protocol";

const SECRET_BYTES = 32;

/** Makes and checks nonces. */
export class PushNonces {
  readonly #secret: Uint8Array;
  readonly #clock: Pick<Clock, "nowMs">;

  /** Draws a secret; nonces of another secret are refused. */
  constructor(options: { readonly clock: Pick<Clock, "nowMs">; readonly random: Random }) {
    this.#secret = options.random.bytes(SECRET_BYTES);
    this.#clock = options.clock;
  }

  /** A nonce for pushes to the named repository. */
  issue(repository: string): string {
    return this.#nonce(repository, Math.floor(this.#clock.nowMs() / 1000));
  }

  /**
   * Checks the nonce in a certificate's header.
   *
   * @throws `denied` with a text for the client
   */
  check(repository: string, certificate: string): void {
    const header = certificate.split("\n\n", 1)[0]!;
    const nonce = /^nonce (\S+)$/m.exec(header)?.[1];
    if (nonce === undefined) throw protocolError("push certificate has no nonce", "denied");
    const timeS = Number(/^(\d{1,12})-/.exec(nonce)?.[1] ?? NaN);
    if (!Number.isFinite(timeS) || !isSame(nonce, this.#nonce(repository, timeS))) {
      throw protocolError("push certificate has a nonce of somebody else", "denied");
    }
    if (this.#clock.nowMs() - timeS * 1000 > PUSH_NONCE_LIFE_MS) {
      throw protocolError("push certificate has a nonce that is too old", "denied");
    }
  }

  #nonce(repository: string, timeS: number): string {
    const code = createHmac("sha256", this.#secret).update(`${repository}\0${timeS}`).digest("hex");
    return `${timeS}-${code.slice(0, 40)}`;
  }
}

function isSame(left: string, right: string): boolean {
  const [a, b] = [left, right].map((text) => new TextEncoder().encode(text));
  return a!.length === b!.length && timingSafeEqual(a!, b!);
}
