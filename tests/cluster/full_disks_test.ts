/**
 * Nodes of a cluster whose disks fill up, and are freed again. Clients go on as if nothing were, as long
 * as a quorum has room; without one pushes are refused, and nothing is lost.
 */

import assert from "node:assert/strict";
import { partitionOf } from "@gitstratum/core/ring";
import { git } from "../harness/git.ts";
import type { NodeProcess } from "../harness/node_process.ts";
import { commitFile } from "../harness/pushed.ts";
import { initRepository } from "../harness/history.ts";
import { checkClone } from "./traffic.ts";
import {
  assertHealthy,
  assertNothingLost,
  primaryOf,
  PROGRESS_COUNT,
  repositoryOf,
  startWorld,
  type World,
} from "./world.ts";

const MIB = 1024 * 1024;
const DISK_BYTES = 96 * MIB;
/** References of one push, and the length of their names: some hundred pages of SQLite's. */
const BRANCH_COUNT = 300;
const BRANCH_LENGTH = 200;
/** A full disk takes what fits the log of SQLite, which is reused: 4 MiB at most. */
const ROUND_COUNT_MAX = 30;

/** Brings a node back that ended because it could not write. */
async function revived(world: World, node: NodeProcess): Promise<void> {
  if (await node.hasEnded()) await node.restart();
  await world.cluster.settled();
}

/** Pushes more and more references until that is refused; answers with the refusal. */
async function pushUntilRefused(
  work: string,
  { oid, url }: { readonly oid: string; readonly url: string },
): Promise<string> {
  const name = "x".repeat(BRANCH_LENGTH);
  for (let round = 0; round < ROUND_COUNT_MAX; round++) {
    const commands = Array.from(
      { length: BRANCH_COUNT },
      (_, n) => `${oid}:refs/heads/${round}-${n}-${name}`,
    );
    const result = await git(["-C", work, "push", "-q", url, ...commands], { anyExit: true });
    if (result.code !== 0) return result.stderr;
  }
  throw new Error("A full disk takes whatever it is given");
}

Deno.test("a cluster serves on while disks of its nodes are full", async (t) => {
  const ids = ["metadata-1", "metadata-2", "metadata-3", "object-1", "object-2"];
  const smallDisks = Object.fromEntries(ids.map((id) => [id, DISK_BYTES]));
  await using world = await startWorld({ smallDisks });
  const { cluster, traffic } = world;
  const disk = (node: NodeProcess) => cluster.disks.get(node.id)!;
  const partition = partitionOf((await repositoryOf(world)).networkId);

  await t.step("an object node's disk is full", async () => {
    const [node] = cluster.object as [NodeProcess];
    const filledMs = performance.now();
    await disk(node).fill(node);
    await traffic.progress(PROGRESS_COUNT);
    assertHealthy(world, traffic.writableAfterMs(filledMs));
    await disk(node).free(node);
    await revived(world, node);
    await traffic.progress(1);
    assertHealthy(world);
  });

  await t.step("the primary's disk is full", async () => {
    const node = await primaryOf(cluster, partition);
    const filledMs = performance.now();
    await disk(node).fill(node);
    await traffic.progress(PROGRESS_COUNT);
    assertHealthy(world, traffic.writableAfterMs(filledMs));
    assert.notEqual((await primaryOf(cluster, partition)).id, node.id);
    await disk(node).free(node);
    await revived(world, node);
    await traffic.progress(1);
    assertHealthy(world);
  });

  await t.step("no metadata node has room: clones go on, pushes are told why not", async () => {
    const work = await initRepository(world.temp.join("branches"));
    const oid = await commitFile(work, { path: "one", content: "1\n" });
    const url = cluster.url("acme/branches");
    await git(["-C", work, "push", "-q", url, "HEAD:refs/heads/main"]);
    for (const node of cluster.metadata) await disk(node).fill(node);
    const refusal = await pushUntilRefused(work, { oid, url });
    assert.match(refusal, /Refuse to write while the tables have no room/);
    for (const [index] of cluster.frontends.entries()) {
      const path = world.temp.join(`clone-${index}`);
      const { acknowledged } = traffic;
      await git(["clone", "-q", "--bare", cluster.url(traffic.repository, index), path]);
      await checkClone(path, acknowledged);
    }
    assertHealthy(world);
    for (const node of cluster.metadata) await disk(node).free(node);
    await traffic.progress(1);
    await git(["-C", work, "push", "-q", url, `${oid}:refs/heads/after`]);
    await cluster.settled();
    assertHealthy(world);
  });

  await t.step("two object nodes' disks are full, which is said and survived", async () => {
    const full = cluster.object.slice(0, 2);
    for (const node of full) await disk(node).fill(node);
    const work = await initRepository(world.temp.join("large"));
    await commitFile(work, {
      path: "large",
      content: crypto.getRandomValues(new Uint8Array(65536)),
    });
    const url = cluster.url("acme/large");
    const refused = await git(["-C", work, "push", url, "HEAD:refs/heads/main"], { anyExit: true });
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /Find no room for a quorum of copies/);
    for (const node of full) await disk(node).free(node);
    for (const node of full) await revived(world, node);
    await git(["-C", work, "push", "-q", url, "HEAD:refs/heads/main"]);
    await traffic.progress(1);
    assertHealthy(world);
  });

  await assertNothingLost(world);
});
