/**
 * What operators do by mistake to the nodes of a cluster: a name twice, a disk of somewhere else, a disk
 * that is empty. Each ends in a clear message or in a node that makes itself whole, and clients see
 * none of it.
 */

import assert from "node:assert/strict";
import { git, gitText } from "../harness/git.ts";
import { initRepository } from "../harness/history.ts";
import { LocalCluster } from "../harness/local_cluster.ts";
import type { NodeProcess } from "../harness/node_process.ts";
import { commitFile } from "../harness/pushed.ts";
import { checkClone } from "./traffic.ts";
import { assertAlike } from "./world.ts";

const SMALL = { etcdCount: 1, controlCount: 1, metadataCount: 2, objectCount: 3, frontendCount: 1 };

/** A cluster and a client of it. */
class Stage {
  readonly cluster: LocalCluster;
  readonly #work: string;
  #count = 0;

  private constructor(cluster: LocalCluster, work: string) {
    this.cluster = cluster;
    this.#work = work;
  }

  static async open(cluster: LocalCluster): Promise<Stage> {
    return new Stage(cluster, await initRepository(cluster.directory.join("work")));
  }

  /** Pushes a commit, clones, and lets git check. */
  async pushAndClone(): Promise<void> {
    const count = this.#count++;
    await commitFile(this.#work, { path: "n", content: `${count}\n` });
    const url = this.cluster.url("acme/widget");
    await git(["-C", this.#work, "push", "-q", url, "HEAD:refs/heads/main"]);
    await this.clone(`clone-${count}`);
  }

  async clone(name: string): Promise<void> {
    const path = this.cluster.directory.join(name);
    await git(["clone", "-q", "--bare", this.cluster.url("acme/widget"), path]);
    await checkClone(path, await gitText(["-C", this.#work, "rev-parse", "HEAD"]));
  }

  /** Runs work while a node has another disk, or none, in place of its own. */
  async withDisk(node: NodeProcess, disk: string, work: () => Promise<void>): Promise<void> {
    const path = this.cluster.directory.join(node.id);
    await Deno.rename(path, `${path}-own`);
    await Deno.rename(disk, path);
    await work();
    await Deno.rename(path, disk);
    await Deno.rename(`${path}-own`, path);
  }
}

/** A start that fails: the process ended and said why. */
async function assertRefused(node: NodeProcess, why: RegExp): Promise<void> {
  await assert.rejects(node.start(), why);
  await node.kill();
}

Deno.test("mistakes with nodes of a cluster end in clear messages and lose nothing", async (t) => {
  await using cluster = await LocalCluster.start(SMALL);
  await using other = await LocalCluster.start({ ...SMALL, metadataCount: 1, objectCount: 1 });
  const [metadata, secondMetadata] = cluster.metadata as [NodeProcess, NodeProcess];
  const [object, ...otherObjects] = cluster.object as [NodeProcess, ...NodeProcess[]];
  const secondObject = otherObjects[0]!;
  const stage = await Stage.open(cluster);
  await stage.pushAndClone();
  await cluster.settled();

  await t.step("a second process with a node's id waits, the first one serves on", async () => {
    for (const first of [object, metadata]) {
      const twin = first.twin({ data: cluster.directory.join(`twin-${first.id}`) });
      await twin.startUntil(/(Wait until another process with this node id is silent)/);
      await stage.pushAndClone();
      assert.equal((await first.readiness()).status, "ok");
      await twin.kill();
    }
  });

  await t.step("an id of another role is refused", async () => {
    const data = cluster.directory.join("impostor");
    await assertRefused(object.twin({ data, id: metadata.id }), /id that belongs to another role/);
    await stage.pushAndClone();
  });

  await t.step("nodes refuse disks of another cluster", async () => {
    const pairs = [[object, other.object[0]!], [metadata, other.metadata[0]!]] as const;
    for (const [mine, theirs] of pairs) {
      await Promise.all([mine.stop(), theirs.stop()]);
      await stage.withDisk(mine, other.directory.join(theirs.id), async () => {
        await assertRefused(mine, /another cluster/);
        await stage.pushAndClone();
      });
      await mine.start();
      await cluster.settled();
      await stage.pushAndClone();
    }
  });

  await t.step("an object node refuses the disk of another one", async () => {
    await Promise.all([object.stop(), secondObject.stop()]);
    await stage.withDisk(
      object,
      cluster.directory.join(secondObject.id),
      () => assertRefused(object, /another node's data/),
    );
    await Promise.all([object.start(), secondObject.start()]);
    await cluster.settled();
    await stage.pushAndClone();
  });

  await t.step("nodes whose disks were wiped fill them again", async () => {
    for (const node of [object, metadata]) {
      await node.kill();
      await Deno.remove(cluster.directory.join(node.id), { recursive: true });
      await node.start();
      await cluster.settled();
      await stage.pushAndClone();
    }
    await assertAlike(cluster);
    // What the wiped ones hold now is enough.
    await Promise.all([...otherObjects, secondMetadata].map((node) => node.kill()));
    await stage.clone("last");
  });
});
