/**
 * The keys of recorded OpenPGP keys, read and checked once and held ready for the next signature.
 *
 * What is held follows from a record's id, whose key never changes; whether the record still stands for
 * somebody is asked elsewhere, each time. What was not used for longest is dropped first.
 *
 * @module
 */

import { OPENPGP_READY_KEY_COUNT_MAX } from "@gitstratum/core";
import {
  type OpenPgpKeyRecord,
  type OpenPgpSigner,
  openPgpSigners,
  type RecordId,
} from "@gitstratum/core/access";

/** Holds keys ready. */
export class OpenPgpSigners {
  readonly #ready = new Map<RecordId, Promise<readonly OpenPgpSigner[]>>();

  /** The key with an id (16 hexadecimal digits) in a recorded one; undefined when it may not sign. */
  async find(record: OpenPgpKeyRecord, keyId: string): Promise<OpenPgpSigner | undefined> {
    const { id, blob } = record;
    const signers = this.#ready.get(id) ?? openPgpSigners(Uint8Array.fromBase64(blob));
    this.#ready.delete(id);
    this.#ready.set(id, signers);
    if (this.#ready.size > OPENPGP_READY_KEY_COUNT_MAX) {
      this.#ready.delete(this.#ready.keys().next().value!);
    }
    return (await signers).find((signer) => signer.keyId === keyId);
  }
}
