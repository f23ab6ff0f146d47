/**
 * What a node tells of the partitions that it could serve at once.
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { partitionOf } from "@gitstratum/core/ring";
import { decodePartitionSet, type RepositoryInfo } from "@gitstratum/core/rpc";
import { TestCluster } from "../testing/test_cluster.ts";

/** More entries than a node applies in a moment. */
const ENTRY_COUNT = 260;

/** A repository in whose partition much was done. */
async function busyRepository(cluster: TestCluster): Promise<RepositoryInfo> {
  const info = await cluster.create("acme/widget");
  for (let n = 0; n < ENTRY_COUNT; n++) {
    const request = { settings: { description: `Edition ${n}` } };
    await cluster.during(cluster.metadata.updateRepository(info, request));
  }
  return info;
}

Deno.test("caughtUp() of a node without its tables lacks what it has to replay, until it has", async () => {
  await using cluster = await TestCluster.start();
  const info = await busyRepository(cluster);
  const partition = partitionOf(info.networkId);
  const { primary, followers } = cluster.topology.current().partitions[partition]!;
  const toldBy = (id: string) => {
    const text = cluster.member(id).node.caughtUp();
    return text === undefined ? undefined : decodePartitionSet(text);
  };
  const told = async (id: string, has: (set: ReadonlySet<number> | undefined) => boolean) => {
    while (!has(toldBy(id))) await cluster.clock.advance(250);
    return toldBy(id)!;
  };
  equal((await told(primary!, (set) => set?.has(partition) ?? false)).size, 256);

  const id = followers[0]!;
  const { log } = cluster.member(id);
  const gate = Promise.withResolvers<void>();
  cluster.kill(id);
  log.readGate = gate.promise;
  await cluster.restart(id, { lose: true });
  const behind = await told(id, (set) => set !== undefined);
  ok(!behind.has(partition));
  ok(behind.size >= 253, `${behind.size}: what is short is no reason to wait`);
  gate.resolve();
  await told(id, (set) => set?.has(partition) ?? false);

  // Whoever has no duty has nothing that is kept up to date.
  cluster.assign((_, ids) => ({
    primary: ids.find((each) => each !== id)!,
    followers: ids.slice(0, 0),
  }));
  deepEqual([...await told(id, (set) => set?.size === 0)], []);
});
