/**
 * Checks the signatures of commits for rules that demand them: a signature is good when it was made
 * with the SSH key of a user, recorded now, of somebody who is not kept out.
 *
 * @module
 */

import { assert, HISTORY_OBJECT_BYTES_MAX, SIGNED_COMMIT_COUNT_MAX } from "@gitstratum/core";
import { sshSignerOf } from "@gitstratum/core/access";
import { commitSignature, type Oid } from "@gitstratum/core/git";
import type {
  CheckedSignatures,
  LocatedObject,
  PushRequest,
  PushResult,
  RepositoryInfo,
} from "@gitstratum/core/rpc";
import type { ObjectRebuilder } from "../pack_assembly/object_rebuilder.ts";
import type { AccessGate } from "./access_gate.ts";

/** What git signs commits for. */
const NAMESPACE = "git";

/** What checking works with. */
export interface CommitSignaturesOptions {
  readonly gate: Pick<AccessGate, "isUsersKey">;
  readonly rebuilder: Pick<ObjectRebuilder, "inflate">;
}

/** Checks signatures. */
export class CommitSignatures {
  readonly #options: CommitSignaturesOptions;

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
      const { signature, payload: message } = found;
      const signer = sshSignerOf(signature, { message, namespace: NAMESPACE });
      return signer !== undefined && this.#options.gate.isUsersKey(signer);
    } finally {
      object.close();
    }
  }
}
