/**
 * A topology that stands still until it is changed: what tests route by, and single processes whose
 * nodes never change.
 *
 * @module
 */

import { emptyTopology, type Topology } from "./topology.ts";
import type { TopologySource } from "./topology_source.ts";

interface Waiter {
  readonly afterVersion: number;
  wake(topology: Topology): void;
}

/** A {@link TopologySource} that is told what to show. */
export class ManualTopology implements TopologySource {
  #topology: Topology;
  readonly #waiters = new Set<Waiter>();

  /** Shows a topology; that of no nodes unless told. */
  constructor(topology: Topology = emptyTopology()) {
    this.#topology = topology;
  }

  /** What was set last. */
  current(): Topology {
    return this.#topology;
  }

  /** Shows another topology, whose version is made the next one. */
  set(topology: Omit<Topology, "version">): void {
    this.#topology = { ...topology, version: this.#topology.version + 1 };
    for (const waiter of this.#waiters) {
      if (waiter.afterVersion < this.#topology.version) waiter.wake(this.#topology);
    }
  }

  /** {@inheritDoc TopologySource.changed} */
  changed(afterVersion: number, signal: AbortSignal): Promise<Topology> {
    if (this.#topology.version > afterVersion) return Promise.resolve(this.#topology);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        afterVersion,
        wake: (topology) => {
          this.#waiters.delete(waiter);
          signal.removeEventListener("abort", onAbort);
          resolve(topology);
        },
      };
      this.#waiters.add(waiter);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** There are no other news than those that are set. */
  refresh(): Promise<void> {
    return Promise.resolve();
  }
}
