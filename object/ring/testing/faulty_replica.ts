/**
 * A replica in memory that can be away, slow, or have damaged copies.
 *
 * @module
 */

import { type Clock, GitStratumError } from "@gitstratum/core";
import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import { MemoryReplica } from "../memory_replica.ts";
import type { HintName, ReplicaNode, ReplicaOutcome, ReplicaWrite } from "../replica_node.ts";
import type { LifeVersion, ReplicaRecord } from "../replica_record.ts";

/** What is wrong with a replica. */
export type ReplicaFault = "none" | "down" | "full" | "silent" | "corrupt";

/** A {@link ReplicaNode} with a fault that can change. */
export class FaultyReplica implements ReplicaNode {
  /** What happens to every call from now on. */
  fault: ReplicaFault = "none";
  /** How long each answer takes on the clock. */
  delayMs = 0;
  /** Calls that were made. */
  callCount = 0;
  /** What it holds. */
  inner: MemoryReplica;
  readonly #clock: Clock;

  /** Makes a healthy, empty replica. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.inner = new MemoryReplica(clock);
  }

  /** Loses everything, as with a new disk. */
  wipe(): void {
    this.inner = new MemoryReplica(this.#clock);
  }

  async #pass<T>(run: () => Promise<T>, isWrite = false): Promise<T> {
    this.callCount++;
    if (this.delayMs > 0) await this.#clock.sleep(this.delayMs);
    switch (this.fault) {
      case "none":
      case "corrupt":
        return await run();
      case "down":
        throw new GitStratumError("unavailable", "Reach a node that is down");
      case "full":
        if (isWrite) throw new GitStratumError("disk-full", "Find no room");
        return await run();
      case "silent":
        return await new Promise(() => {});
    }
  }

  merge(writes: readonly ReplicaWrite[]): Promise<readonly ReplicaOutcome[]> {
    return this.#pass(() => this.inner.merge(writes), true);
  }

  read(id: ExtentId, range: { readonly offset: number; readonly length: number }) {
    return this.#pass(async () => {
      const bytes = await this.inner.read(id, range);
      if (this.fault !== "corrupt") return bytes;
      throw new GitStratumError("corrupt", "Find a damaged extent", { data: { id } });
    });
  }

  find(id: ExtentId): Promise<ReplicaRecord | undefined> {
    return this.#pass(() => this.inner.find(id));
  }

  list(options: { readonly after?: ExtentId; readonly limit: number }) {
    return this.#pass(() => this.inner.list(options));
  }

  forget(records: readonly { readonly id: ExtentId; readonly version: LifeVersion }[]) {
    return this.#pass(() => this.inner.forget(records));
  }

  keepHint(target: NodeId, write: ReplicaWrite): Promise<void> {
    return this.#pass(() => this.inner.keepHint(target, write), true);
  }

  hints(options: { readonly after?: HintName; readonly limit: number }) {
    return this.#pass(() => this.inner.hints(options));
  }

  readHint(name: HintName): Promise<ReplicaWrite | undefined> {
    return this.#pass(() => this.inner.readHint(name));
  }

  dropHint(name: HintName, version: LifeVersion): Promise<void> {
    return this.#pass(() => this.inner.dropHint(name, version));
  }
}
