/**
 * A cluster of an earlier release that is upgraded node by node, under clients that never pause. The
 * earlier release is another checkout, with its kernels built, that `GITSTRATUM_EARLIER_CHECKOUT` names.
 */

import { assertHealthy, assertNothingLost, startWorld } from "./world.ts";

const root = Deno.env.get("GITSTRATUM_EARLIER_CHECKOUT");

Deno.test({
  name: "a cluster of an earlier release is upgraded node by node",
  ignore: root === undefined,
  async fn() {
    await using world = await startWorld({
      root: root!,
      hasRaces: true,
      frontendFlags: ["--log-level", "warn"],
    });
    const { cluster, traffic, away } = world;
    // The order that the operator's manual gives.
    for (const group of [cluster.control, cluster.object, cluster.metadata, cluster.frontends]) {
      for (const node of group) {
        // Clients of a frontend that ends go to another one; the balancer sees to that.
        away.add(node);
        await traffic.progress(1);
        await node.stop();
        node.upgrade();
        await node.start();
        away.delete(node);
        await traffic.progress(1);
        await cluster.settled();
        assertHealthy(world);
      }
    }
    await assertNothingLost(world);
  },
});
