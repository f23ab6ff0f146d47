/**
 * A control node in the simulation: the real one over a line to the store.
 *
 * @module
 */

import { type ControlNode, openControlNode } from "@gitstratum/control";
import { spokenLevels, TopologyClient } from "@gitstratum/core/rpc";
import { joinCluster } from "@gitstratum/core/process";
import type { SimGround, SimRole } from "./sim_node.ts";

/** Control nodes keep nothing. */
export const CONTROL_ROLE: SimRole<ControlNode> = {
  async open(ground: SimGround, listen) {
    const { consensus, clock, random, logger, id, url, onFatal } = ground;
    const levels = spokenLevels(ground.releaseLevel);
    const node = await openControlNode({ consensus, clock, random, logger, levels, name: id });
    listen(node.service);
    await joinCluster({
      control: new TopologyClient((request) => node.service.fetch(request)),
      node: { id, role: "control", address: url, zone: id, weight: 1 },
      levels,
      clock,
      logger,
      signal: new AbortController().signal,
      onFatal,
    });
    return node;
  },
  ended() {},
};
