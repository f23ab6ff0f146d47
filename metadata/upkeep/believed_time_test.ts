import { deepEqual, equal } from "node:assert/strict";
import {
  AUDIT_KEEP_MS,
  DELETED_REPOSITORY_GRACE_MS,
  ManualClock,
  MOVED_NAME_GRACE_MS,
  ORPHAN_GRACE_MS,
  PUSH_OUTCOME_KEEP_MS,
  systemRandom,
} from "@gitstratum/core";
import {
  AuditClient,
  extentId,
  METADATA_AUDIT_PATH,
  newPushId,
  packId,
  parseRepositoryName,
} from "@gitstratum/core/rpc";
import { command, reasons, TestNode } from "../testing/test_node.ts";
import { BelievedTime } from "./believed_time.ts";

const MAIN = "refs/heads/main";
const HOUR_MS = 3600_000;
const MINUTE_MS = 60_000;
/** Short, so that few rounds of chores come before it is over. */
const BELIEF_MS = 5 * MINUTE_MS;

/** A node whose clock was right for as long as it takes to be believed, and chores that ran. */
async function steadyNode(): Promise<TestNode> {
  const node = await TestNode.start({ clockBeliefMs: BELIEF_MS });
  await node.clock.advance(BELIEF_MS + MINUTE_MS);
  return node;
}

/** The clock goes wrong for the time of one round of all chores. */
async function glitch(node: TestNode, ms: number): Promise<void> {
  node.clock.jumpWall(ms);
  await node.node.upkeep();
  node.clock.jumpWall(-ms);
}

Deno.test("nowMs() tells nothing before the clock was watched for as long as is asked", async () => {
  const clock = new ManualClock(HOUR_MS * 1000);
  const time = new BelievedTime(clock, HOUR_MS);
  equal(time.nowMs(), -Infinity);
  await clock.advance(HOUR_MS - 1);
  equal(time.nowMs(), -Infinity);
  await clock.advance(1);
  equal(time.nowMs(), clock.nowMs());
});

Deno.test("nowMs() believes a clock that went back at once, and one that went ahead when it stays", async () => {
  const clock = new ManualClock(HOUR_MS * 1000);
  const time = new BelievedTime(clock, HOUR_MS);
  time.nowMs();
  await clock.advance(HOUR_MS);
  clock.jumpWall(24 * HOUR_MS);
  for (let minutes = 0; minutes < 60; minutes++) {
    equal(time.nowMs(), clock.nowMs() - 24 * HOUR_MS);
    await clock.advance(MINUTE_MS);
  }
  equal(time.nowMs(), clock.nowMs());
  clock.jumpWall(-5 * HOUR_MS);
  equal(time.nowMs(), clock.nowMs());
  clock.jumpWall(5 * HOUR_MS);
  equal(time.nowMs(), clock.nowMs() - 5 * HOUR_MS);
});

Deno.test("nowMs() believes the clock at once when it shall", () => {
  const clock = new ManualClock(5);
  const time = new BelievedTime(clock, 0);
  equal(time.nowMs(), 5);
  clock.jumpWall(HOUR_MS);
  equal(time.nowMs(), 5 + HOUR_MS);
});

Deno.test("upkeep() under a wrong clock leaves the extents of a running push", async () => {
  await using node = await steadyNode();
  const key = await node.create();
  const oid = node.objects.commitOf("running");
  const group = await node.store(key, [oid]);
  const range = { offset: 0, length: group.indexBytes };
  const bytes = await node.extents.read(extentId(packId(group.groupId, "i"), 0), range);
  const stored = node.extents.count;
  const freshIndex = { bytes, storedAfterMs: node.clock.nowMs() };
  await glitch(node, ORPHAN_GRACE_MS + HOUR_MS);
  const pushed = await node.push(key, [command(MAIN, undefined, oid)], { group, freshIndex });
  deepEqual(reasons(pushed), [undefined]);
  equal(node.extents.count, stored);
});

Deno.test("upkeep() under a wrong clock leaves deleted repositories to be restored, and former names", async () => {
  await using node = await steadyNode();
  const key = await node.create("owner/deleted");
  await node.metadata.deleteRepository(key);
  const renamed = await node.create("owner/former");
  const [from, name] = ["owner/former", "owner/latter"].map(parseRepositoryName);
  await node.metadata.renameRepository(renamed, { from: from!, name: name! });
  await glitch(node, Math.max(DELETED_REPOSITORY_GRACE_MS, MOVED_NAME_GRACE_MS) + HOUR_MS);
  equal((await node.metadata.findRepository(from!))?.name, name);
  equal((await node.metadata.restoreRepository(key, {})).repositoryId, key.repositoryId);
});

Deno.test("upkeep() under a wrong clock leaves what tells a push that comes again", async () => {
  await using node = await steadyNode();
  const key = await node.create();
  const [one, two] = ["one", "two"].map((text) => node.objects.commitOf(text));
  const group = await node.store(key, [one!, two!]);
  const push = [command(MAIN, undefined, one)];
  await node.push(key, push, { group, pushId: newPushId(systemRandom) });
  const pushId = newPushId(systemRandom);
  const moved = [command(MAIN, one, two)];
  deepEqual(reasons(await node.push(key, moved, { group, pushId })), [undefined]);
  await node.push(key, [command(MAIN, two, one)]);
  await glitch(node, PUSH_OUTCOME_KEEP_MS + HOUR_MS);
  // A copy of the first request, which was under way all the time.
  deepEqual(reasons(await node.push(key, moved, { group, pushId })), [undefined]);
  deepEqual(await node.references(key), [{ name: MAIN, oid: one }]);
});

Deno.test("upkeep() under a wrong clock leaves the audit trail", async () => {
  await using node = await steadyNode();
  await node.create();
  const trail = new AuditClient((request) => node.node.service.fetch(request), {
    path: METADATA_AUDIT_PATH,
  });
  await glitch(node, AUDIT_KEEP_MS + HOUR_MS);
  equal((await trail.query({ limit: 10 })).length, 1);
});
