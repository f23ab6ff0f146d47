/**
 * One read from the nodes that may hold an extent, as a pure state machine.
 *
 * Nodes are asked one after another; the next one early when an answer is late (hedging), at once when
 * one has nothing to give. "There is none" is only said when so many nodes said it that an
 * acknowledged write is ruled out.
 *
 * @module
 */

import type { NodeId } from "@gitstratum/core/rpc";

/** What a node answered. */
export type ReadVerdict =
  /** What was asked for. */
  | "found"
  /** It knows of no living extent. */
  | "absent"
  /** Its copy fails its checksum. */
  | "corrupt"
  /** It gave no answer. */
  | "failed";

/** What happens to a read. */
export type HedgedReadInput =
  | { readonly kind: "answered"; readonly node: NodeId; readonly verdict: ReadVerdict }
  /** The node asked last takes longer than usual. */
  | { readonly kind: "late" };

/** What became of a read. */
export type ReadOutcome = "found" | "not-found" | "corrupt" | "unavailable";

/** What is to be done for a read. */
export type HedgedReadOutput =
  /** Ask a node, and count anew when it is late. */
  | { readonly kind: "ask"; readonly node: NodeId }
  /** The caller's answer; comes once. When found, these nodes should have had it intact. */
  | {
    readonly kind: "resolve";
    readonly outcome: ReadOutcome;
    readonly lacking: readonly NodeId[];
  };

/** A read on its way. */
export class HedgedRead {
  readonly #order: readonly NodeId[];
  readonly #absentQuorum: number;
  readonly #verdicts = new Map<NodeId, ReadVerdict>();
  #askedCount = 0;
  #resolved = false;

  /** A read that asks nodes in an order; `absentQuorum` of them can say that there is nothing. */
  constructor(order: readonly NodeId[], absentQuorum: number) {
    this.#order = order;
    this.#absentQuorum = absentQuorum;
  }

  /** Begins. */
  start(): HedgedReadOutput[] {
    return this.#order.length === 0 ? [this.#resolve("unavailable")] : this.#askNext();
  }

  /** Takes note of what happened. */
  step(input: HedgedReadInput): HedgedReadOutput[] {
    if (this.#resolved) return [];
    if (input.kind === "late") return this.#askNext();
    this.#verdicts.set(input.node, input.verdict);
    if (input.verdict === "found") return [this.#resolve("found")];
    const corrupt = this.#count("corrupt") > 0;
    if (!corrupt && this.#count("absent") >= this.#absentQuorum) {
      return [this.#resolve("not-found")];
    }
    if (this.#askedCount < this.#order.length) return this.#askNext();
    if (this.#verdicts.size < this.#order.length) return [];
    // A node that gave no answer may have the only intact copy.
    if (this.#count("failed") > 0) return [this.#resolve("unavailable")];
    return [this.#resolve(corrupt ? "corrupt" : "not-found")];
  }

  #askNext(): HedgedReadOutput[] {
    const node = this.#order[this.#askedCount];
    if (node === undefined) return [];
    this.#askedCount++;
    return [{ kind: "ask", node }];
  }

  #resolve(outcome: ReadOutcome): HedgedReadOutput {
    this.#resolved = true;
    const lacking = this.#order.filter((node) => {
      const verdict = this.#verdicts.get(node);
      return verdict === "absent" || verdict === "corrupt";
    });
    return { kind: "resolve", outcome, lacking };
  }

  #count(verdict: ReadVerdict): number {
    return [...this.#verdicts.values()].filter((found) => found === verdict).length;
  }
}
