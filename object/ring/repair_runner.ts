/**
 * Carries out repairs: copies verified bytes, no faster than it may, and not while the node is busy.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import { hasCode } from "@gitstratum/core";
import type { NodeId } from "@gitstratum/core/rpc";
import { Pace } from "../pace.ts";
import type { NodeCaller } from "./node_caller.ts";
import type { RepairAction } from "./repair_plan.ts";
import type { ReplicaWrite } from "./replica_node.ts";

/** What repairs have done. */
export interface RepairCounts {
  /** Copies that were written. */
  readonly copiedCount: number;
  /** Their bytes. */
  readonly copiedBytes: number;
  /** Removals that were told. */
  readonly buriedCount: number;
  /** Steps that could not be done; a later comparison plans them again. */
  readonly failedCount: number;
}

/** What a runner needs. */
export interface RepairRunnerOptions {
  /** Calls nodes. */
  readonly caller: NodeCaller;
  /** Paces copies. */
  readonly clock: Clock;
  /** Ends the work. */
  readonly signal: AbortSignal;
  /** Bytes that are copied in each second at most. */
  readonly bytesPerSecond?: number;
  /** Whether callers need the machine more; asked before each step. */
  readonly isBusy?: () => boolean;
  /** Told of what was lost, what differs and what failed. */
  readonly onTrouble?: (action: RepairAction, error?: unknown) => void;
}

/** Time between two looks at a busy machine. */
const BUSY_MS = 200;

/** Does what plans say. */
export class RepairRunner {
  readonly #options: RepairRunnerOptions;
  readonly #pace: Pace;
  #counts: RepairCounts = { copiedCount: 0, copiedBytes: 0, buriedCount: 0, failedCount: 0 };

  /** Makes a runner. */
  constructor(options: RepairRunnerOptions) {
    this.#options = options;
    this.#pace = new Pace(options);
  }

  /** What was done so far. */
  get counts(): RepairCounts {
    return this.#counts;
  }

  /** Does each step in turn. @returns false when the work was ended before its end */
  async run(actions: readonly RepairAction[]): Promise<boolean> {
    for (const action of actions) {
      if (!await this.#mayGoOn()) return false;
      try {
        if (!await this.#perform(action)) return false;
      } catch (error) {
        this.#add({ failedCount: 1 });
        this.#options.onTrouble?.(action, error);
      }
    }
    return true;
  }

  async #mayGoOn(): Promise<boolean> {
    const { clock, signal, isBusy } = this.#options;
    while (!signal.aborted && isBusy?.()) {
      await clock.sleep(BUSY_MS, signal).catch((error) => {
        if (!signal.aborted) throw error;
      });
    }
    return !signal.aborted;
  }

  async #perform(action: RepairAction): Promise<boolean> {
    switch (action.kind) {
      case "copy": {
        const write = await this.#readIntact(action);
        return write === undefined || await this.#mergeInto(action, write);
      }
      case "bury":
        return await this.#mergeInto(action, {
          kind: "removed",
          id: action.id,
          version: action.version,
        });
      case "lost":
      case "divergent":
        this.#options.onTrouble?.(action);
        return true;
    }
  }

  /** The extent from the first source that has it; undefined when it is overtaken. */
  async #readIntact(
    action: Extract<RepairAction, { kind: "copy" }>,
  ): Promise<ReplicaWrite | undefined> {
    const { caller } = this.#options;
    const { id, version } = action;
    let failure: unknown;
    for (const source of action.from) {
      try {
        const record = await caller.call(source, (node) => node.find(id));
        if (record?.kind !== "living" || record.version !== version) continue;
        const range = { offset: 0, length: record.bytes };
        const bytes = await caller.call(source, (node) => node.read(id, range));
        return { kind: "living", id, version, owner: record.owner, bytes };
      } catch (error) {
        if (!hasCode(error, "not-found")) failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  async #mergeInto(
    action: Extract<RepairAction, { readonly to: readonly NodeId[] }>,
    write: ReplicaWrite,
  ): Promise<boolean> {
    let failure: unknown;
    for (const target of action.to) {
      try {
        const [outcome] = await this.#options.caller.call(target, (node) => node.merge([write]));
        if (outcome!.kind === "differs") {
          this.#options.onTrouble?.({ kind: "divergent", id: write.id, nodes: [target] });
        } else if (outcome!.kind === "stored") this.#count(write);
      } catch (error) {
        failure = error;
      }
      const bytes = write.kind === "living" ? write.bytes.length : 0;
      if (!await this.#pace.spend(bytes)) return false;
    }
    if (failure !== undefined) throw failure;
    return true;
  }

  #count(write: ReplicaWrite): void {
    if (write.kind === "removed") this.#add({ buriedCount: 1 });
    else this.#add({ copiedCount: 1, copiedBytes: write.bytes.length });
  }

  #add(more: Partial<RepairCounts>): void {
    const { copiedCount, copiedBytes, buriedCount, failedCount } = this.#counts;
    this.#counts = {
      copiedCount: copiedCount + (more.copiedCount ?? 0),
      copiedBytes: copiedBytes + (more.copiedBytes ?? 0),
      buriedCount: buriedCount + (more.buriedCount ?? 0),
      failedCount: failedCount + (more.failedCount ?? 0),
    };
  }
}
