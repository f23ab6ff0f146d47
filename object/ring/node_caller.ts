/**
 * Calls to the nodes of the ring: none takes longer than it may, and nodes that do not answer are
 * remembered.
 *
 * @module
 */

import { type Clock, GitStratumError, hasCode, WAIT_IS_OVER } from "@gitstratum/core";
import { CircuitBreaker, type NodeId } from "@gitstratum/core/rpc";
import type { ReplicaNode } from "./replica_node.ts";

/** Whoever calls nodes. */
export class NodeCaller {
  readonly #nodeOf: (id: NodeId) => ReplicaNode;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #breakers = new Map<NodeId, CircuitBreaker>();

  /** Makes a caller of the nodes that `nodeOf` knows. */
  constructor(
    nodeOf: (id: NodeId) => ReplicaNode,
    options: { readonly clock: Clock; readonly timeoutMs: number },
  ) {
    this.#nodeOf = nodeOf;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
  }

  /** The breaker of a node. */
  breaker(id: NodeId): CircuitBreaker {
    let breaker = this.#breakers.get(id);
    if (breaker === undefined) this.#breakers.set(id, breaker = new CircuitBreaker(this.#clock));
    return breaker;
  }

  /** These nodes, those that answered lately before the others. */
  bestFirst(ids: readonly NodeId[]): NodeId[] {
    const isOpen = (id: NodeId) => this.breaker(id).isOpen;
    return [...ids.filter((id) => !isOpen(id)), ...ids.filter(isOpen)];
  }

  /**
   * Calls a node.
   *
   * @throws `unavailable` when it does not answer in time; whatever it answers
   */
  async call<T>(id: NodeId, run: (node: ReplicaNode) => Promise<T>): Promise<T> {
    const breaker = this.breaker(id);
    try {
      const answer = await this.#inTime(id, run(this.#nodeOf(id)));
      breaker.succeeded();
      return answer;
    } catch (error) {
      if (hasCode(error, "unavailable") || !(error instanceof GitStratumError)) breaker.failed();
      else breaker.succeeded();
      throw error;
    }
  }

  async #inTime<T>(id: NodeId, answer: Promise<T>): Promise<T> {
    const answered = new AbortController();
    const late = this.#clock.sleep(this.#timeoutMs, answered.signal).then(
      () => {
        throw new GitStratumError("unavailable", "Wait too long for an object node", {
          data: { node: id, timeoutMs: this.#timeoutMs },
        });
      },
      () => new Promise<never>(() => {}), // Answered in time: the timer must not win.
    );
    try {
      return await Promise.race([answer, late]);
    } finally {
      answered.abort(WAIT_IS_OVER);
    }
  }
}
