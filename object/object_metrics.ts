/**
 * What operators see of an object node: gauges of its store and its ring, and facts about readiness.
 *
 * @module
 */

import type { Metrics } from "@gitstratum/core/metrics";
import type { ObjectNode } from "./object_node.ts";
import type { UpkeepStatus } from "./ring/ring_upkeep.ts";

/** Adds a node's gauges, which are read whenever the metrics are rendered. */
export function addObjectMetrics(metrics: Metrics, node: ObjectNode): void {
  const gauge = (name: string, help: string, read: () => number) => {
    metrics.gauge(`gitstratum_object_${name}`, { help, read });
  };
  gauge("extents", "Copies of extents on this node.", () => node.store.stats().keyCount);
  gauge("stored_bytes", "Bytes of these copies.", () => node.store.stats().keyBytes);
  gauge("disk_bytes", "Bytes of segment files.", () => node.store.stats().diskBytes);
  gauge("dead_bytes", "Bytes that compaction would give back.", () => node.store.stats().deadBytes);
  gauge("damaged_extents", "Copies known to fail their checksum.", () => {
    return node.store.stats().corruptKeyCount;
  });
  if (node.ring !== undefined) addRingMetrics(gauge, () => node.ring!.upkeep.status);
}

function addRingMetrics(
  gauge: (name: string, help: string, read: () => number) => void,
  status: () => UpkeepStatus,
): void {
  gauge("ring_version", "The newest ring of which the node holds all that it owns.", () => {
    return status().ringVersion;
  });
  gauge("wanted_ring_version", "The ring by which the node goes.", () => {
    return status().wantedRingVersion;
  });
  gauge("handing_over", "1 while extents are handed over from the ring before.", () => {
    return status().handingOver ? 1 : 0;
  });
  gauge("hints", "Writes kept for nodes that were away at the last delivery.", () => {
    return status().hintCount;
  });
  gauge("comparison_running", "1 while the node compares itself with its peers.", () => {
    return status().comparing ? 1 : 0;
  });
  const comparison = () => status().comparison;
  gauge("comparison_peers", "Peers to compare with.", () => comparison()?.peerCount ?? 0);
  gauge("comparison_peers_done", "Peers that are compared.", () => {
    return comparison()?.peersDoneCount ?? 0;
  });
  gauge("comparison_peers_absent", "Peers that were away.", () => {
    return comparison()?.absent.length ?? 0;
  });
  gauge("comparison_copied_bytes", "Bytes that this or the last comparison copied.", () => {
    return comparison()?.copiedBytes ?? 0;
  });
  gauge("comparison_failed_steps", "Steps of it that could not be done.", () => {
    return comparison()?.failedCount ?? 0;
  });
}

/** Facts for those who ask whether a node is ready. */
export function objectFacts(
  node: ObjectNode,
): Readonly<Record<string, string | number | boolean | null>> {
  const { corruptKeyCount, keyCount } = node.store.stats();
  const facts = { extents: keyCount, damagedExtents: corruptKeyCount };
  if (node.ring === undefined) return facts;
  const { comparison, ...status } = node.ring.upkeep.status;
  return {
    ...facts,
    ...status,
    peersDone: comparison?.peersDoneCount ?? 0,
    peers: comparison?.peerCount ?? 0,
    peersAbsent: comparison?.absent.length ?? 0,
  };
}
