/**
 * A cluster of an earlier release that is upgraded node by node, and taken back, under clients that never
 * pause. The earlier release is another checkout, with its kernels built, that
 * `GITSTRATUM_EARLIER_CHECKOUT` names. `GITSTRATUM_UPGRADE_ORDER=reverse` begins with frontends.
 */

import assert from "node:assert/strict";
import { RELEASE_LEVEL } from "@gitstratum/core/rpc";
import type { NodeProcess } from "../harness/node_process.ts";
import {
  assertHealthy,
  assertNothingLost,
  eventually,
  startWorld,
  topologyOf,
  type World,
} from "./world.ts";

const root = Deno.env.get("GITSTRATUM_EARLIER_CHECKOUT");
const isReversed = Deno.env.get("GITSTRATUM_UPGRADE_ORDER") === "reverse";

/** Starts a node from another checkout; clients make progress before, meanwhile and after. */
async function exchange(world: World, node: NodeProcess, choose: () => void): Promise<void> {
  const { cluster, traffic, away } = world;
  // Clients of a frontend that ends go to another one; the balancer sees to that.
  away.add(node);
  await traffic.progress(1);
  await node.stop();
  choose();
  await node.start();
  away.delete(node);
  await traffic.progress(1);
  await cluster.settled();
  assertHealthy(world);
}

/** A node of the earlier release that comes late is refused, with the reason, and ends. */
async function assertLatecomerRefused({ cluster }: World): Promise<void> {
  const first = cluster.object[0]!;
  const late = first.twin({ data: cluster.directory.join("late"), id: "object-late" });
  try {
    await late.startUntil(/(Refuse a node of a release before the cluster's)/);
  } finally {
    await late.kill();
  }
  const { nodes } = await topologyOf(cluster);
  assert.equal(nodes.some(({ id }) => id === "object-late"), false);
}

Deno.test({
  name: "a cluster of an earlier release is upgraded node by node, and taken back meanwhile",
  ignore: root === undefined,
  async fn() {
    await using world = await startWorld({
      root: root!,
      hasRaces: true,
      frontendFlags: ["--log-level", "warn"],
    });
    const { cluster } = world;
    // The order that the operator's manual gives, or the opposite: nodes understand each other in any.
    const groups = [cluster.control, cluster.object, cluster.metadata, cluster.frontends];
    for (const group of isReversed ? groups.reverse() : groups) {
      const [first, ...others] = group as readonly [NodeProcess, ...NodeProcess[]];
      await exchange(world, first, () => first.upgrade());
      await exchange(world, first, () => first.takeBack());
      await exchange(world, first, () => first.upgrade());
      for (const node of others) await exchange(world, node, () => node.upgrade());
    }
    await eventually(
      "the cluster has the level of this release",
      async () => (await topologyOf(cluster)).level === RELEASE_LEVEL,
    );
    await assertLatecomerRefused(world);
    await assertNothingLost(world);
  },
});
