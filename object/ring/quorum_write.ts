/**
 * One write to the owners of an extent, as a pure state machine.
 *
 * Invariants:
 * - Every owner is sent the write. It resolves as durable when each group has its quorum of durable
 *   copies, hints that a substitute keeps for an owner included, and goes on afterwards until every
 *   owner has it, or a substitute for it, or nobody is left to keep it.
 * - When a node knows a later version, all are sent the write again with one that is accepted there:
 *   a write after a removal, a removal after that.
 * - When too many owners hold other bytes for a quorum to be possible it is a conflict, and copies
 *   that were stored are withdrawn.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import type { NodeId } from "@gitstratum/core/rpc";
import type { Placement } from "./placement.ts";
import type { ReplicaOutcome } from "./replica_node.ts";
import { type LifeVersion, livingFrom, removedFrom } from "./replica_record.ts";

/** What happens to a write. */
export type QuorumWriteInput =
  /** A node answered the write at a version. */
  | {
    readonly kind: "answered";
    readonly node: NodeId;
    readonly version: LifeVersion;
    readonly outcome: ReplicaOutcome;
  }
  /** A node gave no answer, or no good one. */
  | {
    readonly kind: "failed";
    readonly node: NodeId;
    readonly version: LifeVersion;
    readonly full: boolean;
  }
  /** A substitute keeps the hint at a version, or could not. */
  | {
    readonly kind: "kept" | "not-kept";
    readonly substitute: NodeId;
    readonly version: LifeVersion;
  }
  /** Whoever did not answer yet is late: substitutes keep hints for them. */
  | { readonly kind: "late" };

/** What is to be done for a write. */
export type QuorumWriteOutput =
  | { readonly kind: "send"; readonly node: NodeId; readonly version: LifeVersion }
  | {
    readonly kind: "hint";
    readonly substitute: NodeId;
    readonly target: NodeId;
    readonly version: LifeVersion;
  }
  | { readonly kind: "withdraw"; readonly node: NodeId; readonly version: LifeVersion }
  /** The caller's answer; comes once. */
  | { readonly kind: "resolve"; readonly outcome: QuorumOutcome }
  /** Nothing is on its way any more. */
  | {
    readonly kind: "settled";
    readonly missed: readonly NodeId[];
    readonly differing: readonly NodeId[];
  };

/** What became of a write. */
export type QuorumOutcome = "durable" | "conflict" | "disk-full" | "unavailable";

type Standing = "sent" | "stored" | "differs" | "failed";

interface Hint {
  readonly target: NodeId;
  standing: "sent" | "kept" | "not-kept";
}

/** A write on its way. */
export class QuorumWrite {
  readonly #placement: Placement;
  readonly #what: "living" | "removed";
  #version: LifeVersion;
  readonly #standings = new Map<NodeId, Standing>();
  readonly #hints = new Map<NodeId, Hint>();
  #late = false;
  #full = false;
  #outcome: QuorumOutcome | undefined;
  #settled = false;

  /** A write of bytes or a removal, which starts with a version. */
  constructor(placement: Placement, what: "living" | "removed", version: LifeVersion) {
    this.#placement = placement;
    this.#what = what;
    this.#version = version;
  }

  /** The version that is being written. */
  get version(): LifeVersion {
    return this.#version;
  }

  /** Begins. */
  start(): QuorumWriteOutput[] {
    return [...this.#sendAll(), ...this.#conclude()];
  }

  /** Takes note of what happened. */
  step(input: QuorumWriteInput): QuorumWriteOutput[] {
    // Answers to an older version may still arrive: what they say has been overtaken.
    if (this.#settled) return [];
    switch (input.kind) {
      case "answered":
        return this.#onAnswer(input.node, input.version, input.outcome);
      case "failed":
        if (input.version !== this.#version) return this.#conclude();
        this.#full ||= input.full;
        this.#standings.set(input.node, "failed");
        return [...this.#hintFor(input.node), ...this.#conclude()];
      case "kept":
      case "not-kept":
        return this.#onHint(input.substitute, input.version, input.kind);
      case "late":
        return this.#onLate();
    }
  }

  #onAnswer(node: NodeId, version: LifeVersion, outcome: ReplicaOutcome): QuorumWriteOutput[] {
    if (version !== this.#version) return this.#conclude();
    switch (outcome.kind) {
      case "stored": {
        this.#standings.set(node, "stored");
        const withdrawn = this.#outcome === "conflict";
        return [...(withdrawn ? [this.#withdraw(node)] : []), ...this.#conclude()];
      }
      case "differs":
        this.#standings.set(node, "differs");
        return this.#conclude();
      case "newer":
        assert(outcome.version > version, "A newer version is greater");
        // Who asked has been answered: the later version came after this write.
        if (this.#outcome !== undefined) {
          this.#standings.set(node, "stored");
          return this.#conclude();
        }
        this.#version = this.#what === "living"
          ? livingFrom(outcome.version)
          : removedFrom(outcome.version);
        return this.#sendAll();
    }
  }

  #onHint(
    substitute: NodeId,
    version: LifeVersion,
    standing: "kept" | "not-kept",
  ): QuorumWriteOutput[] {
    const hint = this.#hints.get(substitute);
    if (hint === undefined || version !== this.#version) return this.#conclude();
    hint.standing = standing;
    const again = standing === "not-kept" ? this.#hintFor(hint.target) : [];
    return [...again, ...this.#conclude()];
  }

  #onLate(): QuorumWriteOutput[] {
    if (this.#late) return [];
    this.#late = true;
    const late = this.#placement.owners.filter((node) => this.#standings.get(node) === "sent");
    return [...late.flatMap((node) => this.#hintFor(node)), ...this.#conclude()];
  }

  /** Sends the write to all owners, at first and with each greater version. */
  #sendAll(): QuorumWriteOutput[] {
    this.#hints.clear();
    this.#late = false;
    return this.#placement.owners.map((node) => {
      this.#standings.set(node, "sent");
      return { kind: "send", node, version: this.#version };
    });
  }

  /** Asks the next free substitute to keep the write for an owner. */
  #hintFor(target: NodeId): QuorumWriteOutput[] {
    if (this.#outcome === "conflict" || this.#hasHint(target)) return [];
    const substitute = this.#placement.substitutes.find((node) => !this.#hints.has(node));
    if (substitute === undefined) return [];
    this.#hints.set(substitute, { target, standing: "sent" });
    return [{ kind: "hint", substitute, target, version: this.#version }];
  }

  #hasHint(target: NodeId): boolean {
    return [...this.#hints.values()].some((hint) =>
      hint.target === target && hint.standing !== "not-kept"
    );
  }

  #withdraw(node: NodeId): QuorumWriteOutput {
    return { kind: "withdraw", node, version: this.#version };
  }

  /** Resolves and settles when it is time to. */
  #conclude(): QuorumWriteOutput[] {
    const outputs: QuorumWriteOutput[] = [];
    const outcome = this.#outcome === undefined ? this.#decide() : undefined;
    if (outcome !== undefined) {
      this.#outcome = outcome;
      outputs.push({ kind: "resolve", outcome });
      if (outcome === "conflict") {
        const stored = this.#placement.owners.filter((node) =>
          this.#standings.get(node) === "stored"
        );
        outputs.push(...stored.map((node) => this.#withdraw(node)));
      }
    }
    const waiting = [...this.#standings.values()].includes("sent") ||
      [...this.#hints.values()].some(({ standing }) => standing === "sent");
    if (this.#outcome === undefined || waiting || this.#settled) return outputs;
    this.#settled = true;
    return [...outputs, { kind: "settled", missed: this.#missed(), differing: this.#differing() }];
  }

  #decide(): QuorumOutcome | undefined {
    const counts = this.#placement.groups.map(({ nodes, neededCount }) => ({
      durable: nodes.filter((node) => this.#isCovered(node)).length,
      possible: nodes.filter((node) => this.#mayBeCovered(node)).length,
      differing: nodes.filter((node) => this.#standings.get(node) === "differs").length,
      size: nodes.length,
      neededCount,
    }));
    if (counts.some(({ size }) => size === 0)) return "unavailable";
    if (counts.every(({ durable, neededCount }) => durable >= neededCount)) return "durable";
    if (counts.some(({ differing, size, neededCount }) => size - differing < neededCount)) {
      return "conflict";
    }
    if (counts.every(({ possible, neededCount }) => possible >= neededCount)) return undefined;
    if (counts.some(({ differing }) => differing > 0)) return "conflict";
    return this.#full ? "disk-full" : "unavailable";
  }

  #isCovered(node: NodeId): boolean {
    return this.#standings.get(node) === "stored" ||
      [...this.#hints.values()].some((hint) => hint.target === node && hint.standing === "kept");
  }

  #mayBeCovered(node: NodeId): boolean {
    return this.#isCovered(node) || this.#standings.get(node) === "sent" || this.#hasHint(node);
  }

  #missed(): NodeId[] {
    return this.#placement.owners.filter((node) =>
      this.#standings.get(node) !== "differs" && !this.#isCovered(node)
    );
  }

  #differing(): NodeId[] {
    return this.#placement.owners.filter((node) => this.#standings.get(node) === "differs");
  }
}
