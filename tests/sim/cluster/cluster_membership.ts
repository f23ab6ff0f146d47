/**
 * How simulated nodes find and join their cluster.
 *
 * @module
 */

import type { Disk } from "@gitstratum/core/disk";
import { type ClusterLink, joinCluster, openClusterLink, Releases } from "@gitstratum/core/process";
import { type Control, type NodeRole, spokenLevels } from "@gitstratum/core/rpc";
import type { SimGround } from "./sim_node.ts";

/** Names of the control nodes. */
export const CONTROL_IDS = ["control-0", "control-1", "control-2"] as const;

/** Begins to follow the topology. */
export function link(ground: SimGround, disk: Disk): ClusterLink {
  return openClusterLink({ ...ground, releases: new Releases() }, {
    controlUrls: CONTROL_IDS.map((id) => `http://${id}`),
    disk,
  });
}

/** Registers a node. */
export async function join(
  ground: SimGround,
  options: {
    readonly role: NodeRole;
    readonly membership: ClusterLink["membership"];
    readonly control?: Control;
    readonly ringVersion?: () => number | undefined;
    readonly caughtUp?: () => string | undefined;
  },
): Promise<void> {
  const { id, url, clock, logger, onFatal, releaseLevel } = ground;
  const { role, membership, control, ringVersion, caughtUp } = options;
  const number = Number(id.slice(id.lastIndexOf("-") + 1));
  await joinCluster({
    ...membership,
    ...(control === undefined ? {} : { control }),
    node: { id, role, address: url, zone: `zone-${number % 3}`, weight: 1 },
    levels: spokenLevels(releaseLevel),
    clock,
    logger,
    signal: new AbortController().signal,
    onFatal,
    ...(ringVersion === undefined ? {} : { ringVersion }),
    ...(caughtUp === undefined ? {} : { caughtUp }),
  });
}
