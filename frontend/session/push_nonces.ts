/**
 * Nonces of signed pushes (gitprotocol-pack, "Push Certificate"): a certificate that was made for
 * another repository, another server or long ago is not taken for a new push.
 *
 * A nonce is a time and a code over it that only servers with the same secret can make, so none has to
 * be kept, and any frontend of a cluster takes what another one gave out. That is what git does with
 * `receive.certNonceSeed`; its `receive.certNonceSlop` is {@link PUSH_NONCE_LIFE_MS} here, counted in
 * both directions, because clocks of frontends differ. A certificate can be sent again within that time;
 * the old values in its commands then no longer fit, because the first push has changed the references.
 *
 * @module
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { assert, type Clock, PUSH_NONCE_LIFE_MS } from "@gitstratum/core";
import { protocolError } from "@gitstratum/core/protocol";

/** What a secret is used for goes into the key: the same secret may guard other things. */
const PURPOSE = "gitstratum push nonce";

/** Nonces that are kept for the rest of their second. */
const ISSUED_COUNT_MAX = 256;

/** Makes and checks nonces. */
export class PushNonces {
  readonly #keys: readonly Uint8Array[];
  readonly #clock: Pick<Clock, "nowMs">;
  /** Nonces of one second by repository: each push asks twice, and busy repositories often. */
  readonly #issued = new Map<string, string>();
  #issuedAtS = 0;

  /**
   * Makes them from secrets: the first one is used, all are accepted, so that a secret can be changed.
   * Nonces of other secrets are refused.
   */
  constructor(options: {
    readonly clock: Pick<Clock, "nowMs">;
    readonly secrets: readonly string[];
  }) {
    assert(options.secrets.length > 0, "There is a secret");
    this.#keys = options.secrets.map((secret) =>
      createHmac("sha256", secret).update(PURPOSE).digest()
    );
    this.#clock = options.clock;
  }

  /** A nonce for pushes to the named repository. */
  issue(repository: string): string {
    const timeS = Math.floor(this.#clock.nowMs() / 1000);
    if (timeS !== this.#issuedAtS || this.#issued.size >= ISSUED_COUNT_MAX) this.#issued.clear();
    this.#issuedAtS = timeS;
    const issued = this.#issued.get(repository);
    if (issued !== undefined) return issued;
    const nonce = nonceOf(this.#keys[0]!, repository, timeS);
    this.#issued.set(repository, nonce);
    return nonce;
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
    const isOurs = Number.isFinite(timeS) &&
      this.#keys.some((key) => isSame(nonce, nonceOf(key, repository, timeS)));
    if (!isOurs) throw protocolError("push certificate has a nonce of somebody else", "denied");
    if (Math.abs(this.#clock.nowMs() - timeS * 1000) > PUSH_NONCE_LIFE_MS) {
      throw protocolError("push certificate has a nonce that is too old", "denied");
    }
  }
}

function nonceOf(key: Uint8Array, repository: string, timeS: number): string {
  const code = createHmac("sha256", key).update(`${repository}\0${timeS}`).digest("hex");
  return `${timeS}-${code.slice(0, 40)}`;
}

function isSame(left: string, right: string): boolean {
  const [a, b] = [left, right].map((text) => new TextEncoder().encode(text));
  return a!.length === b!.length && timingSafeEqual(a!, b!);
}
