/**
 * Tables without room while pushes are decided: what was appended to a log then no table shows.
 *
 * Other faults make that now and then, but hardly ever for so long that times of grace pass before
 * somebody writes to the partition again. Here it is a phase of its own, in which nothing else is wrong.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import type { SimCluster } from "../cluster/sim_cluster.ts";

/** How long clients push to tables without room, in milliseconds. */
const LENGTH_MS_MAX = 15_000;
/** Commits that tables still take. */
const COMMIT_COUNT_MAX = 8;

/** A time without room. */
export class Scarcity {
  /** How long clients work in it, in milliseconds. */
  readonly lengthMs: number;
  /** Whether chores are done before there is room again. */
  readonly lastsOverChores: boolean;
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;

  /** Draws what it will be. */
  constructor(cluster: SimCluster, random: SeededRandom) {
    this.#cluster = cluster;
    this.#random = random;
    this.lengthMs = 2000 + random.below(LENGTH_MS_MAX);
    this.lastsOverChores = random.chance(0.7);
  }

  /** Fills the disks of all tables, each at some commit of its own. */
  begin(): void {
    for (const { faults } of this.#cluster.metadataRoles) {
      const commitCount = this.#random.below(COMMIT_COUNT_MAX);
      faults.full = { pageCount: this.#random.below(5), commitCount };
    }
  }

  /** Gives them room again. */
  end(): void {
    for (const { faults } of this.#cluster.metadataRoles) delete faults.full;
  }
}
