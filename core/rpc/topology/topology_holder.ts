/**
 * A copy of the topology and those who wait for a newer one.
 *
 * @module
 */

import { GitStratumError } from "../../error.ts";
import { WakeUps } from "../../wake_ups.ts";
import { emptyTopology, type Topology } from "./topology.ts";

/** Holds the newest topology that somebody brought. */
export class TopologyHolder {
  #current: Topology;
  readonly #newer = new WakeUps();

  /** Begins with a topology; that of no nodes unless told. */
  constructor(first: Topology = emptyTopology()) {
    this.#current = first;
  }

  /** The newest topology so far. */
  current(): Topology {
    return this.#current;
  }

  /** Keeps a topology if it is newer; tells whether it is. An answer that was overtaken is not. */
  take(topology: Topology): boolean {
    if (topology.version <= this.#current.version) return false;
    this.#current = topology;
    this.#newer.wake();
    return true;
  }

  /**
   * The first topology that is newer than `afterVersion`, now or once it is known.
   *
   * @throws `aborted` when the signal aborts
   */
  async changed(afterVersion: number, signal: AbortSignal): Promise<Topology> {
    while (this.#current.version <= afterVersion) {
      if (signal.aborted) {
        throw new GitStratumError("aborted", "Wait no longer for a newer topology", {
          data: { afterVersion },
        });
      }
      await this.#newer.next(signal);
    }
    return this.#current;
  }
}
