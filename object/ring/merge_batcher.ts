/**
 * Gathers the writes of many extents that go to one node at the same time, so that a push costs one
 * call for each node and not one for each extent.
 *
 * @module
 */

import {
  EXTENT_BATCH_BYTES_MAX,
  EXTENT_BATCH_COUNT_MAX,
  EXTENT_WRITE_CONCURRENCY_MAX,
} from "@gitstratum/core";
import type { NodeId } from "@gitstratum/core/rpc";
import type { NodeCaller } from "./node_caller.ts";
import type { ReplicaOutcome, ReplicaWrite } from "./replica_node.ts";

interface Waiting {
  readonly write: ReplicaWrite;
  readonly resolve: (outcome: ReplicaOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** The writes on their way to one node. */
export class MergeBatcher {
  readonly #caller: NodeCaller;
  readonly #node: NodeId;
  #waiting: Waiting[] = [];
  #runningCount = 0;
  #isDue = false;

  /** Makes a batcher of one node. */
  constructor(caller: NodeCaller, node: NodeId) {
    this.#caller = caller;
    this.#node = node;
  }

  /** Merges a write, together with others that are waiting. */
  merge(write: ReplicaWrite): Promise<ReplicaOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, resolve, reject });
      if (this.#isDue) return;
      this.#isDue = true;
      queueMicrotask(() => {
        this.#isDue = false;
        this.#sendMore();
      });
    });
  }

  #sendMore(): void {
    while (this.#waiting.length > 0 && this.#runningCount < EXTENT_WRITE_CONCURRENCY_MAX) {
      this.#runningCount++;
      this.#send(this.#takeBatch()).finally(() => {
        this.#runningCount--;
        this.#sendMore();
      });
    }
  }

  /** As many as fit one call; one alone may be larger than that. */
  #takeBatch(): Waiting[] {
    let count = 0;
    let bytes = 0;
    for (const { write } of this.#waiting) {
      bytes += write.kind === "living" ? write.bytes.length : 0;
      if (count === EXTENT_BATCH_COUNT_MAX || (count > 0 && bytes > EXTENT_BATCH_BYTES_MAX)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const writes = batch.map(({ write }) => write);
      const outcomes = await this.#caller.call(this.#node, (node) => node.merge(writes));
      for (const [index, { resolve }] of batch.entries()) resolve(outcomes[index]!);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
