import { deepEqual, equal, ok } from "node:assert/strict";
import { AncestorSets } from "./ancestor_sets.ts";
import { BitSet } from "./bit_set.ts";
import { BlockCache } from "./block_cache.ts";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";
import type { CommitGraph } from "./commit_graph.ts";
import { NetworkStore } from "./network_store.ts";
import { Slices } from "./slices.ts";
import { GitRepository } from "./testing/git_repository.ts";
import { dice, writeHistory } from "./testing/history.ts";
import { pushInSteps } from "./testing/push_history.ts";
import { TestNetwork } from "./testing/test_network.ts";

/** Opens the graph of a history with merges that came in several pushes. */
async function graphOf(source: GitRepository, seed: number) {
  const roll = dice(seed);
  await writeHistory(source, roll, 80);
  const network = new TestNetwork(source);
  const repository = network.repository();
  await pushInSteps(network, repository, roll);
  const store = new NetworkStore({
    catalogue: network,
    extents: network.extents,
    blocks: new BlockCache(network.extents, 1 << 20),
    objects: new ByteBoundedCache(1 << 20),
    bytesMax: 1 << 24,
  });
  const { graph } = (await store.open(repository)).network;
  return { graph, roll };
}

async function walked(graph: CommitGraph, nodes: readonly number[]): Promise<number[]> {
  const into = new BitSet(graph.count);
  await graph.walk(nodes, { into, slices: new Slices() });
  return [...into.items()];
}

Deno.test("AncestorSets.of() is what a walk reaches, whatever is remembered", async () => {
  await using source = await GitRepository.create("sha1");
  const { graph, roll } = await graphOf(source, 5);
  const sets = new AncestorSets(graph, { onGrowth: () => {}, worthCommits: 10 });
  for (let round = 0; round < 300; round++) {
    const nodes = Array.from({ length: roll(4) }, () => roll(graph.count));
    const found = await sets.of(nodes, new Slices());
    deepEqual([...found.items()], await walked(graph, nodes), `of ${nodes.join()}`);
    // The set is the caller's own: what it does with it is not remembered.
    found.addRange(0, graph.count);
  }
});

Deno.test("AncestorSets.of() walks a long history once and keeps few sets", async () => {
  await using source = await GitRepository.create("sha1");
  const { graph } = await graphOf(source, 9);
  const nodes = [...Array(graph.count).keys()];
  const sizes = await Promise.all(nodes.map(async (node) => (await walked(graph, [node])).length));
  const largest = Math.max(...sizes);
  const deepest = sizes.indexOf(largest);
  let growths = 0;
  const onGrowth = () => growths++;
  const sets = new AncestorSets(graph, { onGrowth, worthCommits: largest });
  await sets.of([deepest], new Slices());
  equal(growths, 1);
  await sets.of([deepest], new Slices());
  equal(growths, 1, "the second walk is not one");
  const one = sets.bytes;
  ok(one > 0);
  const eager = new AncestorSets(graph, { onGrowth, worthCommits: 1 });
  for (const node of nodes) await eager.of([node], new Slices());
  equal(eager.bytes, 8 * one);
});
