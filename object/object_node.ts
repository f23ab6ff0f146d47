/**
 * An object node: a segment store, its service, and the upkeep of the store in the background. Alone
 * it keeps the only copy of everything; as a member of a ring it replicates and coordinates.
 *
 * @module
 */

import type { Clock, Random } from "@gitstratum/core";
import type { Disk } from "@gitstratum/core/disk";
import type { ExtentStore, Service } from "@gitstratum/core/rpc";
import { bindToCluster } from "./cluster_binding.ts";
import { ExtentService } from "./extent_service.ts";
import { NodeStamp } from "./node_stamp.ts";
import { REPLICA_PATH } from "./ring/replica_wire.ts";
import { type RingMembership, RingNode } from "./ring/ring_node.ts";
import { SegmentExtents } from "./segment_extents.ts";
import { SegmentStore } from "./segment_store.ts";

/** What an object node needs. */
export interface ObjectNodeOptions {
  /** The node's own directory. */
  readonly disk: Disk;
  /** Time of writes and of upkeep. */
  readonly clock: Clock;
  /** Markers of segments: nobody outside may foresee them. */
  readonly random: Random;
  /** The ring that the node belongs to; without it the node stands alone. */
  readonly ring?: RingMembership;
  /** A segment is sealed rather than to grow beyond this. */
  readonly segmentBytes?: number;
  /** Time between two compactions in milliseconds; 0 = only when asked. */
  readonly compactionIntervalMs?: number;
  /** Time between two scrubs in milliseconds; 0 = only when asked. */
  readonly scrubIntervalMs?: number;
  /**
   * Told once when a sync failed, or the directory is another cluster's: nothing is written any more,
   * the process has to stop.
   */
  readonly onFailure?: (error: unknown) => void;
  /** Told of what people should know: damage, failures of upkeep, bugs. */
  readonly onTrouble?: (trouble: Trouble) => void;
}

/** Something that people should know. */
export interface Trouble {
  /**
   * - `damage`: stored bytes are damaged.
   * - `upkeep`: upkeep failed and is tried again later.
   * - `replication`: copies are missing, differ or are fewer than wanted.
   * - `bug`: a bug was met.
   */
  readonly what: "damage" | "upkeep" | "replication" | "bug";
  /** Facts; an error's stack may be in `error`. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** A running object node. */
export interface ObjectNode {
  /** Answers `/object/v1`. */
  readonly service: Service;
  /** What the service offers: the node's own extents, or all of the ring's. */
  readonly extents: ExtentStore;
  /** The ring as this node coordinates it; undefined when the node stands alone. */
  readonly ring: RingNode | undefined;
  /** The store behind the service. */
  readonly store: SegmentStore;
  /** Ends upkeep, seals the store and gives its directory up. */
  close(): Promise<void>;
}

const COMPACTION_INTERVAL_MS = 60_000;
const SCRUB_INTERVAL_MS = 24 * 3600_000;
/** Upkeep leaves most of any disk to callers. */
const UPKEEP_BYTES_PER_SECOND = 64 * 1024 * 1024;
/** Copies wait while callers have so many calls in the node at once: more would wait for the disk. */
const BUSY_CALL_COUNT = 16;

/**
 * Opens a node on its directory.
 *
 * @throws `denied` when another process has it open, or it is another node's or another cluster's
 * @throws `unsupported` when a newer version wrote it
 */
export async function openObjectNode(options: ObjectNodeOptions): Promise<ObjectNode> {
  const onTrouble = options.onTrouble ?? (() => {});
  const { disk } = options;
  if (options.ring !== undefined) NodeStamp.check(disk, options.ring.self);
  const store = await SegmentStore.open(options);
  try {
    for (const damage of store.report.damage) onTrouble({ what: "damage", data: { ...damage } });
    const stamp = options.ring && await NodeStamp.claim(disk, {
      node: options.ring.self,
      holdsData: store.stats().keyCount > 0,
    });
    const cluster = options.ring?.topology.current().cluster;
    if (cluster !== undefined) await stamp?.join(cluster);
    return startNode({ ...options, onTrouble }, { store, stamp });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Starts what serves an open store and keeps it up. */
function startNode(
  options: ObjectNodeOptions & { readonly onTrouble: (trouble: Trouble) => void },
  { store, stamp }: { readonly store: SegmentStore; readonly stamp: NodeStamp | undefined },
): ObjectNode {
  const { onTrouble } = options;
  const onUnexpected = (error: unknown) => onTrouble({ what: "bug", data: { error } });
  const ring: RingNode | undefined = options.ring && new RingNode({
    ...options.ring,
    store,
    disk: options.disk,
    clock: options.clock,
    filled: stamp?.filled ?? true,
    onFilled: async () => await stamp?.fill(),
    isBusy: () => service.runningCount >= BUSY_CALL_COUNT,
    onTrouble: ({ what, data }) =>
      onTrouble({ what: "replication", data: { kind: what, ...data } }),
    onUnexpected,
  });
  const extents = ring?.extents ?? new SegmentExtents(store);
  const service: ExtentService = new ExtentService({ extents, store, onUnexpected });
  ring?.upkeep.start();
  const stop = new AbortController();
  const upkeep = { clock: options.clock, signal: stop.signal, onTrouble };
  const loops = [
    every(options.compactionIntervalMs ?? COMPACTION_INTERVAL_MS, upkeep, async () => {
      await store.compact({ bytesPerSecond: UPKEEP_BYTES_PER_SECOND });
    }),
    every(options.scrubIntervalMs ?? SCRUB_INTERVAL_MS, upkeep, async () => {
      const { corruptKeys } = await store.scrub({ bytesPerSecond: UPKEEP_BYTES_PER_SECOND });
      if (corruptKeys.length > 0) ring?.upkeep.compareSoon();
      for (const key of corruptKeys) onTrouble({ what: "damage", data: { key } });
    }),
    bind(options, { stamp, signal: stop.signal }),
  ];
  return {
    service: ring === undefined ? service : withReplica(service, ring.service),
    extents,
    ring,
    store,
    close: async () => {
      stop.abort();
      await ring?.close();
      await Promise.all([...loops, store.close()]);
    },
  };
}

/** Ends the node when its directory turns out to be another cluster's. */
async function bind(
  options: ObjectNodeOptions,
  node: { readonly stamp: NodeStamp | undefined; readonly signal: AbortSignal },
): Promise<void> {
  const { ring, onFailure } = options;
  if (ring === undefined || node.stamp === undefined) return;
  try {
    await bindToCluster(node.stamp, { topology: ring.topology, signal: node.signal });
  } catch (error) {
    onFailure?.(error);
  }
}

/** Both services of a node on the ring, told apart by their paths. */
function withReplica(extents: Service, replica: Service): Service {
  return {
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      const isReplica = pathname.startsWith(`${REPLICA_PATH}/`);
      return (isReplica ? replica : extents).fetch(request);
    },
  };
}

/** Runs `action` again and again, until the signal aborts; a failure is told and does not end it. */
async function every(
  intervalMs: number,
  upkeep: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly onTrouble: (trouble: Trouble) => void;
  },
  action: () => Promise<void>,
): Promise<void> {
  if (intervalMs === 0) return;
  const { clock, signal, onTrouble } = upkeep;
  while (!signal.aborted) {
    try {
      await clock.sleep(intervalMs, signal);
      await action();
    } catch (error) {
      if (!signal.aborted) onTrouble({ what: "upkeep", data: { error } });
    }
  }
}
