/**
 * The last thing that a metadata node waits for when it ends in order: that others have its partitions.
 *
 * @module
 */

import { type Clock, hasCode } from "@gitstratum/core";
import type { NodeId, Topology, TopologySource } from "@gitstratum/core/rpc";

/** Who waits. */
export interface DepartureOptions {
  /** The node. */
  readonly nodeId: NodeId;
  /** Shows who has its partitions. */
  readonly topology: TopologySource;
  /** Counts the wait. */
  readonly clock: Clock;
}

/** A hand-over takes about a second; where it takes longer, a failover does it. */
const DEPARTURE_MS_MAX = 5000;

/**
 * Resolves when no partition has this node as its primary any more, or after a bounded time. At once
 * when nobody is there to take them.
 */
export async function departed(options: DepartureOptions): Promise<void> {
  const { nodeId, topology, clock } = options;
  if (!hasSuccessor(topology.current(), nodeId)) return;
  const over = new AbortController();
  const late = clock.sleep(DEPARTURE_MS_MAX, over.signal).then(() => over.abort(), () => undefined);
  try {
    for (let now = topology.current(); hasDuties(now, nodeId);) {
      now = await topology.changed(now.version, over.signal);
    }
  } catch (error) {
    if (!over.signal.aborted && !hasCode(error, "aborted")) throw error;
  } finally {
    over.abort();
    await late;
  }
}

function hasDuties(topology: Topology, nodeId: NodeId): boolean {
  return topology.partitions.some(({ primary }) => primary === nodeId);
}

function hasSuccessor(topology: Topology, nodeId: NodeId): boolean {
  return topology.nodes.some(({ id, role, state }) =>
    role === "metadata" && state === "active" && id !== nodeId
  );
}
