/**
 * Gives owners what a read found them to lack, in the background, from copies that pass their
 * checksums.
 *
 * @module
 */

import { READ_REPAIR_COUNT_MAX } from "@gitstratum/core";
import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import type { NodeCaller } from "./node_caller.ts";

/** Something to repair. */
export interface LackingCopy {
  /** The extent. */
  readonly id: ExtentId;
  /** Where an intact copy may be, in this order. */
  readonly sources: readonly NodeId[];
  /** The owner that lacks it. */
  readonly target: NodeId;
}

/** Repairs one copy at a time. What does not fit its queue is left to anti-entropy. */
export class ReadRepair {
  readonly #caller: NodeCaller;
  readonly #onFailure: (lacking: LackingCopy, error: unknown) => void;
  readonly #queue = new Map<string, LackingCopy>();
  #running: Promise<void> | undefined;

  /** Makes an idle repair. */
  constructor(
    caller: NodeCaller,
    onFailure: (lacking: LackingCopy, error: unknown) => void,
  ) {
    this.#caller = caller;
    this.#onFailure = onFailure;
  }

  /** Repairs a copy soon. */
  add(lacking: LackingCopy): void {
    if (this.#queue.size >= READ_REPAIR_COUNT_MAX) return;
    this.#queue.set(`${lacking.id} ${lacking.target}`, lacking);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when nothing is left to repair. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    for (const [key, lacking] of this.#queue) {
      try {
        await this.#repair(lacking);
      } catch (error) {
        this.#onFailure(lacking, error);
      }
      this.#queue.delete(key);
    }
  }

  async #repair({ id, sources, target }: LackingCopy): Promise<void> {
    let failure: unknown;
    for (const source of sources) {
      try {
        const record = await this.#caller.call(source, (node) => node.find(id));
        if (record?.kind !== "living") continue;
        const { version, owner } = record;
        const range = { offset: 0, length: record.bytes };
        const bytes = await this.#caller.call(source, (node) => node.read(id, range));
        const write = { kind: "living", id, version, owner, bytes } as const;
        await this.#caller.call(target, (node) => node.merge([write]));
        return;
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
  }
}
