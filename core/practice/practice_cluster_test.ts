import assert from "node:assert/strict";
import { systemClock } from "../clock.ts";
import { Releases } from "../process/releases.ts";
import { systemRandom } from "../random.ts";
import { partitionOf } from "../ring/partition.ts";
import { PRACTICE_NAME, PracticeCluster } from "./practice_cluster.ts";

async function withCluster(act: (cluster: PracticeCluster) => Promise<void>): Promise<void> {
  const releases = new Releases();
  const cluster = new PracticeCluster({ clock: systemClock, random: systemRandom, releases });
  releases.add(() => cluster.close());
  await act(cluster).finally(() => releases.run());
}

Deno.test("PracticeCluster.add() names a node that its own clients reach", () =>
  withCluster(async (cluster) => {
    const added = cluster.add("object");
    added.serve({ fetch: () => Promise.resolve(new Response("served")) });
    const [node] = cluster.topology.current().nodes;
    assert.deepEqual([node!.id, node!.role], [added.id, "object"]);
    const answer = await cluster.fetchers.signed(new Request(`${node!.address}/anything`));
    assert.equal(await answer.text(), "served");
  }));

Deno.test("PracticeCluster.add() answers nobody else", () =>
  withCluster(async (cluster) => {
    const added = cluster.add("metadata");
    added.serve({ fetch: () => Promise.reject(new Error("reached")) });
    const [node] = cluster.topology.current().nodes;
    const answer = await fetch(`${node!.address}/anything`);
    assert.equal(answer.status, 401);
    await answer.body?.cancel();
  }));

Deno.test("PracticeCluster.add() gives a metadata node the repository's partitions alone", () =>
  withCluster((cluster) => {
    const { id } = cluster.add("metadata");
    cluster.add("object");
    const { partitions } = cluster.topology.current();
    assert.equal(partitions[partitionOf(PRACTICE_NAME)]!.primary, id);
    assert.ok(partitions.filter(({ primary }) => primary !== null).length <= 2);
    return Promise.resolve();
  }));
