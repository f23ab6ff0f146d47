/**
 * Checks the signatures of commits for rules that demand them: a signature is good when it was made
 * with the SSH key or an OpenPGP key of a user, recorded now, of somebody who is not kept out. An
 * OpenPGP key has to have been good when it signed, too, by its own word.
 *
 * @module
 */

import {
  assert,
  type Clock,
  HISTORY_OBJECT_BYTES_MAX,
  SIGNED_COMMIT_COUNT_MAX,
} from "@gitstratum/core";
import {
  claimsOpenPgp,
  isOpenPgpSigned,
  readOpenPgpSignature,
  sshSignerOf,
} from "@gitstratum/core/access";
import { type CommitSignature, commitSignature, type Oid } from "@gitstratum/core/git";
import type {
  CheckedSignatures,
  LocatedObject,
  PushRequest,
  PushResult,
  RepositoryInfo,
} from "@gitstratum/core/rpc";
import type { ObjectRebuilder } from "../pack_assembly/object_rebuilder.ts";
import type { AccessGate } from "./access_gate.ts";
import { OpenPgpSigners } from "./openpgp_signers.ts";

/** What git signs commits for. */
const NAMESPACE = "git";

/** What checking works with. */
export interface CommitSignaturesOptions {
  readonly gate: Pick<AccessGate, "isUsersKey" | "usersOpenPgpKey">;
  readonly rebuilder: Pick<ObjectRebuilder, "inflate">;
  readonly clock: Pick<Clock, "nowMs">;
}

/** Checks signatures. */
export class CommitSignatures {
  readonly #options: CommitSignaturesOptions;
  readonly #signers = new OpenPgpSigners();

  /** Makes a checker. */
  constructor(options: CommitSignaturesOptions) {
    this.#options = options;
  }

  /**
   * Decides a push, and checks what signatures it is asked for until it is decided.
   *
   * @throws what `push` throws
   */
  async decided(
    push: (request: PushRequest) => Promise<PushResult>,
    request: PushRequest,
    repository: Pick<RepositoryInfo, "objectFormat">,
  ): Promise<PushResult> {
    let result = await push(request);
    const good: Oid[] = [];
    const bad: Oid[] = [];
    while (result.unchecked !== undefined) {
      assert(
        good.length + bad.length <= 2 * SIGNED_COMMIT_COUNT_MAX,
        "No commit is asked for twice",
      );
      for (const commit of result.unchecked) {
        (await this.#isGood(commit, repository) ? good : bad).push(commit.oid);
      }
      const signatures: CheckedSignatures = { good, bad };
      result = await push({ ...request, signatures });
    }
    return result;
  }

  async #isGood(
    { size, chain }: LocatedObject,
    { objectFormat }: Pick<RepositoryInfo, "objectFormat">,
  ): Promise<boolean> {
    if (size > HISTORY_OBJECT_BYTES_MAX) return false;
    const object = await this.#options.rebuilder.inflate({ objectFormat, size, chain });
    try {
      const found = commitSignature(object.read(0, size), objectFormat);
      if (found === undefined) return false;
      if (claimsOpenPgp(found.signature)) return await this.#isOpenPgpSigned(found);
      const { signature, payload: message } = found;
      const signer = sshSignerOf(signature, { message, namespace: NAMESPACE });
      return signer !== undefined && this.#options.gate.isUsersKey(signer);
    } finally {
      object.close();
    }
  }

  async #isOpenPgpSigned({ signature, payload: message }: CommitSignature): Promise<boolean> {
    const { gate, clock } = this.#options;
    const read = await readOpenPgpSignature(signature);
    const record = read && gate.usersOpenPgpKey(read.keyId);
    const signer = record && await this.#signers.find(record, read.keyId);
    if (read === undefined || signer === undefined) return false;
    return await isOpenPgpSigned(read, { message, signer, nowMs: clock.nowMs() });
  }
}
