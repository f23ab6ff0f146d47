/**
 * Two processes of a cluster at a time: killed together, or one stopped while another dies. Clients go
 * on as if nothing were.
 */

import assert from "node:assert/strict";
import { partitionOf } from "@gitstratum/core/ring";
import { runProgram } from "../harness/node_process.ts";
import {
  assertHealthy,
  assertNothingLost,
  killAndRestart,
  primaryOf,
  PROGRESS_COUNT,
  repositoryOf,
  startWorld,
  topologyOf,
  type World,
} from "./world.ts";

/** Tells the control plane to empty a node, or to use it again. */
async function operate({ cluster }: World, command: "drain" | "undrain", id: string) {
  const { success, text } = await runProgram("control/operator", [
    ...[command, id],
    ...cluster.operatorFlags,
  ]);
  assert.ok(success, text);
}

Deno.test("a cluster serves on while two of its processes die", async (t) => {
  await using world = await startWorld({ hasRaces: true });
  const { cluster, traffic } = world;
  const partition = partitionOf((await repositoryOf(world)).networkId);
  const primary = () => primaryOf(cluster, partition);

  await t.step("a primary and an object node are killed", async () => {
    assertHealthy(world, await killAndRestart(world, await primary(), cluster.object[0]!));
  });

  await t.step("a primary and the leader of etcd are killed", async () => {
    const leader = await cluster.etcd.leader();
    assertHealthy(world, await killAndRestart(world, await primary(), leader));
  });

  await t.step("a primary is killed while an object node stands still", async () => {
    const [still, killed] = [cluster.object[1]!, await primary()];
    const stoppedMs = performance.now();
    still.signal("SIGSTOP");
    await killed.kill();
    await traffic.progress(PROGRESS_COUNT);
    still.signal("SIGCONT");
    await killed.start();
    await cluster.settled();
    assertHealthy(world, traffic.writableAfterMs(stoppedMs));
  });

  await t.step("all control nodes are killed while partitions move", async () => {
    const moved = await primary();
    const { version } = await topologyOf(cluster);
    await operate(world, "drain", moved.id);
    await Promise.all(cluster.control.map((node) => node.kill()));
    await traffic.progress(PROGRESS_COUNT);
    await Promise.all(cluster.control.map((node) => node.start()));
    await cluster.settled();
    assertHealthy(world);
    assert.ok((await topologyOf(cluster)).version > version);
    await operate(world, "undrain", moved.id);
  });

  await t.step("a primary and the controller are killed while partitions move", async () => {
    const [controller, victim] = [await cluster.controller(), await primary()];
    const other = cluster.metadata.find(({ id }) => id !== victim.id)!;
    await operate(world, "drain", other.id);
    assertHealthy(world, await killAndRestart(world, victim, controller));
    await operate(world, "undrain", other.id);
    await cluster.settled();
  });

  await assertNothingLost(world);
});
