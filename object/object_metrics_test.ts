import assert from "node:assert/strict";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { addObjectMetrics, objectFacts } from "./object_metrics.ts";
import { idOf, NodeCluster } from "./ring/testing/node_cluster.ts";

Deno.test("addObjectMetrics() and objectFacts() tell what a node has and what its upkeep is at", async () => {
  const cluster = await NodeCluster.start(1);
  try {
    cluster.changeRing([idOf(0)]);
    await cluster.until(() => cluster.node(idOf(0)).ring!.upkeep.status.ringVersion === 1);
    const node = cluster.node(idOf(0));
    await node.store.put([{ key: "key", owner: "owner", bytes: new Uint8Array(5) }]);
    const metrics = new PrometheusMetrics();
    addObjectMetrics(metrics, node);
    const { body } = await metrics.render();
    assert.match(body, /^gitstratum_object_extents 1$/m);
    assert.match(body, /^gitstratum_object_stored_bytes 5$/m);
    assert.match(body, /^gitstratum_object_ring_version 1$/m);
    assert.match(body, /^gitstratum_object_handing_over 0$/m);
    const facts = objectFacts(node);
    assert.deepEqual([facts.extents, facts.ringVersion, facts.refilling], [1, 1, false]);
  } finally {
    await cluster.close();
  }
});
