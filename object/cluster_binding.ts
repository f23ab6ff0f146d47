/**
 * Holds a node's directory to one cluster: as soon as the topology names the cluster, and whenever it
 * changes.
 *
 * @module
 */

import type { TopologySource } from "@gitstratum/core/rpc";
import type { NodeStamp } from "./node_stamp.ts";

/**
 * Binds a directory to the cluster whose topology is followed, until the signal aborts.
 *
 * @throws `denied` when the directory belongs to another cluster: the node must not serve
 */
export async function bindToCluster(
  stamp: NodeStamp,
  options: { readonly topology: TopologySource; readonly signal: AbortSignal },
): Promise<void> {
  const { topology, signal } = options;
  for (let known = topology.current(); !signal.aborted;) {
    if (known.cluster !== undefined) await stamp.join(known.cluster);
    try {
      known = await topology.changed(known.version, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
