/**
 * Carries out quorum writes: what {@link QuorumWrite} decides, done with real nodes and a clock.
 *
 * @module
 */

import { type Clock, hasCode, WAIT_IS_OVER } from "@gitstratum/core";
import type { NodeId } from "@gitstratum/core/rpc";
import { MergeBatcher } from "./merge_batcher.ts";
import type { NodeCaller } from "./node_caller.ts";
import type { Placement } from "./placement.ts";
import {
  type QuorumOutcome,
  QuorumWrite,
  type QuorumWriteInput,
  type QuorumWriteOutput,
} from "./quorum_write.ts";
import type { ReplicaWrite } from "./replica_node.ts";
import type { LifeVersion } from "./replica_record.ts";

/** What a finished write leaves for others to know. */
export interface WriteReport {
  /** Owners that have no copy, and nobody keeps one for them. */
  readonly missed: readonly NodeId[];
  /** Owners with other bytes under the same id. */
  readonly differing: readonly NodeId[];
}

/** A write that has begun. */
export interface RunningWrite {
  /** What became of it. */
  readonly outcome: Promise<QuorumOutcome>;
  /** Resolves when its bytes are needed no more. */
  readonly settled: Promise<void>;
}

/** What a writer needs. */
export interface ExtentWriterOptions {
  /** Calls nodes. */
  readonly caller: NodeCaller;
  /** Counts how long owners take. */
  readonly clock: Clock;
  /** Owners that take longer are late: substitutes keep hints for them. In milliseconds. */
  readonly lateMs: number;
  /** Told of writes that left something to repair. */
  readonly onReport: (write: ReplicaWrite, report: WriteReport) => void;
}

/** Writes to the owners of extents. */
export class ExtentWriter {
  readonly #options: ExtentWriterOptions;
  readonly #batchers = new Map<NodeId, MergeBatcher>();
  readonly #running = new Set<Promise<void>>();

  /** Makes a writer. */
  constructor(options: ExtentWriterOptions) {
    this.#options = options;
  }

  /** Resolves when every write has settled. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Begins a write. What is left of it when its outcome is known goes on by itself. */
  write(placement: Placement, write: ReplicaWrite): RunningWrite {
    const known = Promise.withResolvers<QuorumOutcome>();
    const settled = this.#run(placement, write, known.resolve);
    settled.catch(known.reject);
    this.#keep(settled);
    return { outcome: known.promise, settled };
  }

  #keep(settled: Promise<void>): void {
    const kept: Promise<void> = settled.catch(() => {
      // A bug, which rejected the outcome too.
    }).finally(() => this.#running.delete(kept));
    this.#running.add(kept);
  }

  /** Runs a write until it has settled. */
  #run(
    placement: Placement,
    write: ReplicaWrite,
    onOutcome: (outcome: QuorumOutcome) => void,
  ): Promise<void> {
    const machine = new QuorumWrite(placement, write.kind, write.version);
    const ended = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const step = (input: QuorumWriteInput) => {
      try {
        perform(machine.step(input));
      } catch (error) {
        reject(error);
      }
    };
    const perform = (outputs: readonly QuorumWriteOutput[]) => {
      for (const output of outputs) {
        switch (output.kind) {
          case "send":
            this.#send(output.node, at(write, output.version)).then(step, reject);
            break;
          case "hint":
            this.#hint(output, at(write, output.version)).then(step, reject);
            break;
          case "withdraw":
            this.#withdraw(output.node, at(write, output.version));
            break;
          case "resolve":
            onOutcome(output.outcome);
            break;
          case "settled":
            ended.abort(WAIT_IS_OVER);
            if (output.missed.length + output.differing.length > 0) {
              this.#options.onReport(at(write, machine.version), output);
            }
            resolve();
        }
      }
    };
    this.#options.clock.sleep(this.#options.lateMs, ended.signal).then(
      () => step({ kind: "late" }),
      () => {}, // Settled before anybody was late.
    );
    perform(machine.start());
    return promise;
  }

  async #send(node: NodeId, write: ReplicaWrite): Promise<QuorumWriteInput> {
    const { version } = write;
    // An open breaker saves the wait, not the copy: a substitute keeps it.
    if (!this.#options.caller.breaker(node).tryPass()) {
      return { kind: "failed", node, version, full: false };
    }
    try {
      const outcome = await this.#batcher(node).merge(write);
      return { kind: "answered", node, version, outcome };
    } catch (error) {
      return { kind: "failed", node, version, full: hasCode(error, "disk-full") };
    }
  }

  async #hint(
    output: { readonly substitute: NodeId; readonly target: NodeId; readonly version: LifeVersion },
    write: ReplicaWrite,
  ): Promise<QuorumWriteInput> {
    const { substitute, target, version } = output;
    try {
      await this.#options.caller.call(substitute, (node) => node.keepHint(target, write));
      return { kind: "kept", substitute, version };
    } catch {
      // Whatever the reason, the machine asks the next substitute and in the end reports the owner.
      return { kind: "not-kept", substitute, version };
    }
  }

  /** A copy of a refused write; should this fail, comparing replicas finds it. */
  #withdraw(node: NodeId, write: ReplicaWrite): void {
    const { id, version } = write;
    const forgotten = this.#options.caller.call(node, (node) => node.forget([{ id, version }]));
    this.#keep(forgotten.catch(() => {
      this.#options.onReport(write, { missed: [], differing: [node] });
    }));
  }

  #batcher(node: NodeId): MergeBatcher {
    let batcher = this.#batchers.get(node);
    if (batcher === undefined) {
      this.#batchers.set(node, batcher = new MergeBatcher(this.#options.caller, node));
    }
    return batcher;
  }
}

function at(write: ReplicaWrite, version: LifeVersion): ReplicaWrite {
  return { ...write, version };
}
