/**
 * Carries out hedged reads: what {@link HedgedRead} decides, done with real nodes and a clock.
 *
 * @module
 */

import { type Clock, GitStratumError, WAIT_IS_OVER } from "@gitstratum/core";
import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import { HedgedRead, type HedgedReadInput, type ReadOutcome } from "./hedged_read.ts";
import type { NodeCaller } from "./node_caller.ts";
import { absentQuorum, type Placement } from "./placement.ts";
import type { ReplicaNode } from "./replica_node.ts";

/** What was read, and which nodes should have had it intact. */
export interface Found<T> {
  /** The answer. */
  readonly value: T;
  /** Nodes that lack it. */
  readonly lacking: readonly NodeId[];
}

/** Reads from the owners of extents and those that step in for them. */
export class ExtentReader {
  readonly #caller: NodeCaller;
  readonly #clock: Clock;
  readonly #lateMs: number;

  /** Makes a reader that asks one more node after each `lateMs`. */
  constructor(caller: NodeCaller, options: { readonly clock: Clock; readonly lateMs: number }) {
    this.#caller = caller;
    this.#clock = options.clock;
    this.#lateMs = options.lateMs;
  }

  /**
   * Asks nodes until one answers something else than undefined.
   *
   * @throws `not-found`, `corrupt`, `unavailable`; `invalid` as soon as a node says so
   */
  async read<T>(
    placement: Placement,
    options: {
      readonly id: ExtentId;
      readonly ask: (node: ReplicaNode) => Promise<T | undefined>;
    },
  ): Promise<Found<T>> {
    const order = this.#caller.bestFirst([...placement.owners, ...placement.substitutes]);
    const machine = new HedgedRead(order, absentQuorum(placement));
    const { promise, resolve, reject } = Promise.withResolvers<Found<T>>();
    let timer = new AbortController();
    let value: T | undefined;
    const step = (input: HedgedReadInput) => perform(machine.step(input));
    const perform = (outputs: ReturnType<typeof machine.start>) => {
      for (const output of outputs) {
        if (output.kind === "ask") {
          timer.abort(WAIT_IS_OVER);
          timer = new AbortController();
          this.#clock.sleep(this.#lateMs, timer.signal).then(
            () => step({ kind: "late" }),
            () => {}, // Answered, or the next node was asked.
          );
          this.#askNode(output.node, options.ask).then((answer) => {
            if (answer.value !== undefined) value ??= answer.value;
            step(answer.input);
          }).catch(reject);
        } else if (output.outcome === "found") {
          resolve({ value: value!, lacking: output.lacking });
        } else reject(readError(output.outcome, options.id));
      }
    };
    perform(machine.start());
    try {
      return await promise;
    } finally {
      timer.abort(WAIT_IS_OVER);
    }
  }

  async #askNode<T>(
    node: NodeId,
    ask: (node: ReplicaNode) => Promise<T | undefined>,
  ): Promise<{ readonly input: HedgedReadInput; readonly value?: T }> {
    try {
      const value = await this.#caller.call(node, ask);
      if (value === undefined) return { input: { kind: "answered", node, verdict: "absent" } };
      return { input: { kind: "answered", node, verdict: "found" }, value };
    } catch (error) {
      if (!(error instanceof GitStratumError)) throw error;
      switch (error.code) {
        case "not-found":
          return { input: { kind: "answered", node, verdict: "absent" } };
        case "corrupt":
          return { input: { kind: "answered", node, verdict: "corrupt" } };
        case "invalid":
          throw error;
        default:
          return { input: { kind: "answered", node, verdict: "failed" } };
      }
    }
  }
}

function readError(outcome: Exclude<ReadOutcome, "found">, id: ExtentId): GitStratumError {
  switch (outcome) {
    case "not-found":
      return new GitStratumError("not-found", "Find no such extent", { data: { id } });
    case "corrupt":
      return new GitStratumError("corrupt", "Find no intact copy of an extent", { data: { id } });
    case "unavailable":
      return new GitStratumError("unavailable", "Reach too few holders of an extent", {
        data: { id },
      });
  }
}
