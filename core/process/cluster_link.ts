/**
 * What ties a node to the control plane of its cluster: the topology that it goes by, and the control
 * nodes that it registers with.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Disk } from "../disk/disk.ts";
import type { Logger } from "../logger.ts";
import type { Random } from "../random.ts";
import { ControlFailover } from "../rpc/topology/control_failover.ts";
import type { Control } from "../rpc/topology/topology.ts";
import { TopologyFile } from "../rpc/topology/topology_file.ts";
import { TopologyPeers } from "../rpc/topology/topology_peers.ts";
import type { TopologySource } from "../rpc/topology/topology_source.ts";
import { TopologyWatcher } from "../rpc/topology/topology_watcher.ts";
import type { ReadinessFacts } from "./admin_service.ts";
import type { NodeFetchers } from "./node_fetcher.ts";
import type { Releases } from "./releases.ts";

/** Who is tied. */
export interface ClusterLinkGround {
  /** Calls control nodes. */
  readonly fetchers: NodeFetchers;
  /** Time. */
  readonly clock: Clock;
  /** Spreads nodes over control nodes. */
  readonly random: Random;
  /** Told when the control plane is away. */
  readonly logger: Logger;
  /** Ends the tie. */
  readonly releases: Releases;
}

/** Where the control plane is. */
export interface ClusterLinkOptions {
  /** Base URLs of control nodes, at least one. */
  readonly controlUrls: readonly string[];
  /** Keeps the last topology over restarts. */
  readonly disk: Disk;
  /** What fails together with the node, if it asks whether it is cut off. */
  readonly zone?: string;
}

/**
 * Silence after which a node is taken for cut off, in milliseconds: others are asked from 4.5 s of it
 * on, several times, and a change of the elected controller is over by then.
 */
const CUT_OFF_MS = 10_000;

/** A tie to the control plane. */
export interface ClusterLink {
  /** Follows the published topology, and keeps the last one while the control plane is away. */
  readonly topology: TopologySource;
  /** What a node's membership goes by. */
  readonly membership: {
    readonly control: Control;
    readonly onTopologyVersion: (version: number) => void;
    readonly facts: () => ReadinessFacts;
  };
  /** Whether neither a control node nor any node of another zone was heard of for long. */
  readonly isCutOff: () => boolean;
}

/** Begins to follow the topology; a node may start with the one that its disk has. */
export function openClusterLink(
  ground: ClusterLinkGround,
  options: ClusterLinkOptions,
): ClusterLink {
  const { clock, random, logger, releases } = ground;
  const common = { urls: options.controlUrls, fetcher: ground.fetchers.signed, clock, random };
  const file = new TopologyFile(options.disk);
  const topology = new TopologyWatcher({ ...common, logger, file });
  topology.open();
  releases.add(() => topology.close());
  const { signed: fetcher } = ground.fetchers;
  const { zone } = options;
  const peers = new TopologyPeers({
    ...{ topology, fetcher, clock, random, logger },
    ...(zone === undefined ? {} : { zone }),
  });
  peers.open();
  releases.add(() => peers.close());
  return {
    topology,
    membership: {
      control: new ControlFailover(common),
      onTopologyVersion(version) {
        // The stream tells it too; a heartbeat is heard even where streams are cut.
        if (version > topology.current().version) void topology.refresh();
      },
      facts: () => ({
        topologyVersion: topology.current().version,
        controlSilenceMs: wholeMs(topology.silenceMs),
      }),
    },
    isCutOff: () => (topology.silenceMs ?? Infinity) >= CUT_OFF_MS && peers.silenceMs >= CUT_OFF_MS,
  };
}

/** A time for people; null when there is none. */
function wholeMs(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms);
}
