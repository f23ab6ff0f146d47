import { deepEqual, equal, rejects } from "node:assert/strict";
import { hasCode, ORPHAN_GRACE_MS, UNREACHED_GROUP_GRACE_MS } from "@gitstratum/core";
import { command, FillableDisk, reasons, TestNode } from "../testing/test_node.ts";

const MAIN = "refs/heads/main";
/** A group of one commit, its tree and its blob has so many extents. */
const GROUP_EXTENTS = 3;
const unavailable = (error: unknown) => hasCode(error, "unavailable");

for (const sweepsWhileFull of [false, true]) {
  const when = sweepsWhileFull ? "while the tables have no room" : "when they have some again";
  Deno.test(`removeOrphans() keeps what only the log knows, ${when}`, async () => {
    const disk = new FillableDisk();
    await using node = await TestNode.start({ disk });
    const key = await node.create();
    const oid = node.objects.commitOf("logged");
    const group = await node.store(key, [oid]);
    // So many at once that the log's entry is spilled to extents.
    const commands = Array.from(
      { length: 5000 },
      (_, n) => command(`refs/tags/${"x".repeat(50)}-${n}`, undefined, oid),
    );
    disk.full = true;
    await rejects(
      node.push(key, [command(MAIN, undefined, oid), ...commands], { group }),
      unavailable,
    );
    const stored = node.extents.count;
    node.clock.jumpWall(ORPHAN_GRACE_MS + 1);
    if (sweepsWhileFull) await node.node.upkeep();
    disk.full = false;
    await node.clock.advance(1000);
    await node.node.upkeep();
    equal(node.extents.count, stored);
    deepEqual(
      reasons(await node.push(key, [command("refs/heads/next", undefined, oid)])),
      [undefined],
    );
    equal((await node.references(key)).length, commands.length + 2);
    equal((await node.metadata.locate(key, { oids: [oid], scope: "repository" })).length, 1);
  });
}

Deno.test("upkeep() applies what was logged as soon as the tables have room, unasked", async () => {
  const disk = new FillableDisk();
  await using node = await TestNode.start({ disk });
  const key = await node.create();
  const oid = node.objects.commitOf("logged");
  const group = await node.store(key, [oid]);
  disk.full = true;
  await rejects(node.push(key, [command(MAIN, undefined, oid)], { group }), unavailable);
  disk.full = false;
  await node.clock.advance(1000);
  deepEqual(await node.references(key), []);
  await node.node.upkeep();
  deepEqual(await node.references(key), [{ name: MAIN, oid }]);
});

Deno.test("removeOrphans() goes on once the tables have room", async () => {
  const disk = new FillableDisk();
  await using node = await TestNode.start({ disk });
  const key = await node.create();
  await node.store(key, [node.objects.commitOf("never pushed")]);
  equal(node.extents.count, GROUP_EXTENTS);
  disk.full = true;
  const refused = node.push(key, [command(MAIN, undefined, node.objects.commitOf("other"))]);
  await rejects(refused, unavailable);
  node.clock.jumpWall(ORPHAN_GRACE_MS + 1);
  await node.node.upkeep();
  equal(node.extents.count, GROUP_EXTENTS);
  disk.full = false;
  await node.clock.advance(1000);
  await node.node.upkeep();
  equal(node.extents.count, 0);
});

Deno.test("push() that is decided when its extents may have been swept is refused", async () => {
  await using node = await TestNode.start();
  const key = await node.create();
  const oid = node.objects.commitOf("late");
  const group = await node.store(key, [oid]);
  const { extents } = node;
  const read = extents.read.bind(extents);
  // By now the push was found to be young enough; only its index is still looked at.
  extents.read = (id, range) => {
    extents.read = read;
    node.clock.jumpWall(ORPHAN_GRACE_MS + 1);
    return read(id, range);
  };
  const late = node.push(key, [command(MAIN, undefined, oid)], { group });
  await rejects(late, (error) => hasCode(error, "invalid"));
  deepEqual(await node.references(key), []);
});

Deno.test("push() that waited for long is checked again, by whichever clock it was long", async () => {
  const waits: readonly ((node: TestNode) => Promise<void>)[] = [
    (node) => Promise.resolve(node.clock.jumpWall(UNREACHED_GROUP_GRACE_MS)),
    async (node) => {
      node.clock.jumpWall(-UNREACHED_GROUP_GRACE_MS);
      await node.clock.advance(UNREACHED_GROUP_GRACE_MS);
    },
  ];
  for (const wait of waits) {
    await using node = await TestNode.start();
    const key = await node.create();
    const oid = node.objects.commitOf("waiting");
    const group = await node.store(key, [oid]);
    const { extents } = node;
    const read = extents.read.bind(extents);
    let readCount = 0;
    extents.read = async (id, range) => {
      if (++readCount === 1) await wait(node);
      return await read(id, range);
    };
    const result = await node.push(key, [command(MAIN, undefined, oid)], { group });
    deepEqual(reasons(result), [undefined]);
    equal(readCount, 2);
  }
});
