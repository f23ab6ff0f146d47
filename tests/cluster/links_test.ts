/**
 * A cluster whose processes live, while single links between them are cut, in one direction or both:
 * nothing passes, and nobody is told. Clients go on as if nothing were.
 */

import { partitionOf } from "@gitstratum/core/ring";
import {
  assertHealthy,
  assertNothingLost,
  isDown,
  primaryOf,
  PROGRESS_COUNT,
  repositoryOf,
  startWorld,
  successorOf,
  type World,
} from "./world.ts";

const idsOf = (nodes: readonly { readonly id: string }[]) => nodes.map(({ id }) => id);

/** Cuts links, lets clients go on, mends them. */
async function whileCut(
  world: World,
  ...links: readonly { readonly from: string; readonly to: readonly string[] }[]
): Promise<void> {
  const { cluster, traffic } = world;
  const cutMs = performance.now();
  for (const { from, to } of links) cluster.cut(from, to);
  await traffic.progress(PROGRESS_COUNT);
  assertHealthy(world, traffic.writableAfterMs(cutMs));
  cluster.mend();
  await traffic.progress(1);
  await cluster.settled();
  assertHealthy(world);
}

/** Cuts a node off from some, and waits until the control plane takes it for dead. */
async function whileGivenUp(world: World, id: string, from: readonly string[]): Promise<void> {
  world.cluster.cut(id, from);
  await isDown(world.cluster, id);
  await whileCut(world, { from: id, to: from });
}

Deno.test("a cluster serves on while links between its processes are cut", async (t) => {
  await using world = await startWorld({ canCut: true, hasRaces: true });
  const { cluster } = world;
  const partition = partitionOf((await repositoryOf(world)).networkId);
  const [first, ...others] = idsOf(cluster.object) as [string, ...string[]];
  const control = idsOf(cluster.control);

  await t.step(
    "an object node reaches no other one",
    () => whileCut(world, { from: first, to: others }),
  );

  await t.step(
    "an object node is reached by no other one",
    () => whileCut(world, ...others.map((from) => ({ from, to: [first] }))),
  );

  await t.step(
    "a frontend reaches an object node no more",
    () => whileCut(world, { from: "frontend-1", to: [first] }),
  );

  await t.step(
    "a frontend reaches one of three metadata nodes only, and not the primary",
    async () => {
      const { id } = await primaryOf(cluster, partition);
      const [, ...rest] = idsOf(cluster.metadata).filter((each) => each !== id);
      await whileCut(world, { from: "frontend-1", to: [id, ...rest] });
    },
  );

  await t.step("a metadata node reaches two of three object nodes no more", async () => {
    const { id } = await primaryOf(cluster, partition);
    await whileCut(world, { from: id, to: others });
  });

  await t.step("a primary reaches the control plane no more, which gives it up", async () => {
    const { id } = await primaryOf(cluster, partition);
    await whileGivenUp(world, id, control);
  });

  await t.step(
    "an object node reaches the control plane no more, which gives it up",
    () => whileGivenUp(world, first, control),
  );

  await t.step("the elected controller reaches etcd no more", async () => {
    const { id } = await cluster.controller();
    cluster.cut(id, ["etcd"]);
    await successorOf(cluster, id);
    await whileCut(world, { from: id, to: ["etcd"] });
  });

  await t.step("a primary and an object node reach nobody and nobody reaches them", async () => {
    const { id } = await primaryOf(cluster, partition);
    const island = [id, others[0]!];
    const mainland = idsOf(cluster.nodes).filter((node) => !island.includes(node));
    const cuts = [
      ...island.map((from) => ({ from, to: [...mainland, "etcd"] })),
      ...mainland.map((from) => ({ from, to: island })),
    ];
    await whileCut(world, ...cuts);
  });

  await assertNothingLost(world);
});
