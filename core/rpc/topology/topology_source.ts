/**
 * Where whoever routes or places finds the topology that it goes by.
 *
 * @module
 */

import type { Topology } from "./topology.ts";

/** A copy of the topology that follows the published one. */
export interface TopologySource {
  /** The newest topology that is known here; it may be old, and at first that of no nodes. */
  current(): Topology;
  /**
   * The first topology that is newer than `afterVersion`, now or once it is known.
   *
   * @throws `aborted` when the signal aborts
   */
  changed(afterVersion: number, signal: AbortSignal): Promise<Topology>;
  /** Asks for news at once, because a call met something that the known topology does not explain. */
  refresh(): Promise<void>;
}
