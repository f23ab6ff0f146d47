/**
 * A cluster that begins with the release level before and is upgraded while clients work and things go
 * wrong: each node's program is started anew at some moment, in any order.
 *
 * The programs are of this release and speak the level before; what the release before really read and
 * wrote is shown by `tests/compatibility/`.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import { RELEASE_LEVEL, RELEASE_LEVEL_LEAST } from "@gitstratum/core/rpc";
import type { SimCluster } from "./sim_cluster.ts";

/** Starts nodes anew. */
export class RollingUpgrade {
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;

  /** Lets the programs of a cluster that is off speak the level before. */
  constructor(cluster: SimCluster, random: SeededRandom) {
    this.#cluster = cluster;
    this.#random = random;
    cluster.install(RELEASE_LEVEL_LEAST);
    // Only requests of the newest level say what shows that they are repeated.
    cluster.network.repeats = false;
  }

  /** Starts every node anew within some time, in milliseconds; of this level, or as they were. */
  begin(ms: number, level: number = RELEASE_LEVEL): void {
    this.#cluster.install(level);
    for (const node of this.#cluster.nodes) {
      this.#cluster.loop.after(this.#random.below(ms), `${node.id} is upgraded`, () => {
        node.crash("kill");
        node.start();
      });
    }
  }

  /** The level of a cluster of which every node was upgraded, as its control nodes know it. */
  get levels(): readonly number[] {
    return this.#cluster.control.map(({ opened }) => opened?.newestTopology().level ?? 0);
  }
}
