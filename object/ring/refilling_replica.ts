/**
 * The replica of a node whose disk was empty when it started: what it has it serves, but it does not
 * say of anything that it does not exist, because its vote would count.
 *
 * @module
 */

import { GitStratumError, hasCode } from "@gitstratum/core";
import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import type { HintName, ReplicaNode, ReplicaOutcome, ReplicaWrite } from "./replica_node.ts";
import type { LifeVersion, ReplicaRecord } from "./replica_record.ts";

/** A {@link ReplicaNode} that for a time knows less than it should. */
export class RefillingReplica implements ReplicaNode {
  readonly #inner: ReplicaNode;
  readonly #isRefilling: () => boolean;

  /** Guards a replica as long as `isRefilling` says so. */
  constructor(inner: ReplicaNode, isRefilling: () => boolean) {
    this.#inner = inner;
    this.#isRefilling = isRefilling;
  }

  /** {@inheritDoc ReplicaNode.merge} */
  merge(writes: readonly ReplicaWrite[]): Promise<readonly ReplicaOutcome[]> {
    return this.#inner.merge(writes);
  }

  /** {@inheritDoc ReplicaNode.read} @throws `aborted` instead of `not-found` */
  async read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await this.#inner.read(id, range);
    } catch (error) {
      if (hasCode(error, "not-found") && this.#isRefilling()) throw unsure(id);
      throw error;
    }
  }

  /** {@inheritDoc ReplicaNode.find} @throws `aborted` instead of saying that nothing is known */
  async find(id: ExtentId): Promise<ReplicaRecord | undefined> {
    const record = await this.#inner.find(id);
    if (record === undefined && this.#isRefilling()) throw unsure(id);
    return record;
  }

  /** {@inheritDoc ReplicaNode.list} */
  list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<readonly ReplicaRecord[]> {
    return this.#inner.list(options);
  }

  /** {@inheritDoc ReplicaNode.forget} */
  forget(
    records: readonly { readonly id: ExtentId; readonly version: LifeVersion }[],
  ): Promise<void> {
    return this.#inner.forget(records);
  }

  /** {@inheritDoc ReplicaNode.keepHint} */
  keepHint(target: NodeId, write: ReplicaWrite): Promise<void> {
    return this.#inner.keepHint(target, write);
  }

  /** {@inheritDoc ReplicaNode.hints} */
  hints(
    options: { readonly after?: HintName; readonly limit: number },
  ): Promise<readonly HintName[]> {
    return this.#inner.hints(options);
  }

  /** {@inheritDoc ReplicaNode.readHint} */
  readHint(name: HintName): Promise<ReplicaWrite | undefined> {
    return this.#inner.readHint(name);
  }

  /** {@inheritDoc ReplicaNode.dropHint} */
  dropHint(name: HintName, version: LifeVersion): Promise<void> {
    return this.#inner.dropHint(name, version);
  }
}

/** Not `unavailable`: the node answers, and callers must not take it for gone. */
function unsure(id: ExtentId): GitStratumError {
  return new GitStratumError("aborted", "Know too little to say that an extent is absent", {
    data: { id },
  });
}
