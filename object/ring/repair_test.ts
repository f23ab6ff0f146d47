/**
 * Comparison, planning, repair and hand-over, over small cases and over random histories.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode, SeededRandom } from "@gitstratum/core";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import type { CheckpointStore, RepairCheckpoint } from "./anti_entropy.ts";
import { DigestSnapshot, positionOf, WHOLE_RING } from "./digest_snapshot.ts";
import { compareLevel, cutRange } from "./range_comparison.ts";
import { forgetStrays, forgetTombstones } from "./record_forgetting.ts";
import { placeExtent } from "./placement.ts";
import { planRepair, type RepairAction } from "./repair_plan.ts";
import { RepairRunner } from "./repair_runner.ts";
import type { LifeVersion, ReplicaRecord } from "./replica_record.ts";
import { ReplicaCluster, ringOf } from "./testing/replica_cluster.ts";

const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const idOf = (n: number): ExtentId =>
  extentId(packId(n.toString(16).padStart(32, "0") as GroupId, "h"), 0);
const DAY_MS = 24 * 3600 * 1000;

function record(n: number, version: number, damaged = false): ReplicaRecord {
  const life = version as LifeVersion;
  if (version % 2 === 1) return { kind: "removed", id: idOf(n), version: life, removedAtMs: 0 };
  const facts = { owner: OWNER, bytes: 10, writtenAtMs: 0, damaged };
  return { kind: "living", id: idOf(n), version: life, ...facts };
}

const anyRecords = fc.uniqueArray(
  fc.record({ n: fc.nat({ max: 500 }), version: fc.nat({ max: 3 }) }),
  { selector: ({ n }) => n, maxLength: 400 },
).map((rows) => rows.map(({ n, version }) => record(n, version)));

Deno.test("DigestSnapshot digests of parts make up the whole, whatever the order of records", () => {
  fc.assert(fc.property(anyRecords, fc.integer({ min: 1, max: 40 }), (records, count) => {
    const snapshot = new DigestSnapshot(records);
    const turned = new DigestSnapshot(records.toReversed());
    const parts = cutRange(WHOLE_RING, count);
    assert.deepEqual(
      parts.map((part) => turned.digest(part)),
      parts.map((p) => snapshot.digest(p)),
    );
    const listed = parts.flatMap((part) => {
      const found = snapshot.records(part);
      assert.equal(snapshot.digest(part).count, found.length);
      for (const { id } of found) {
        assert.ok(positionOf(id) >= part.from && positionOf(id) < part.to);
      }
      return found;
    });
    assert.deepEqual(new Set(listed), new Set(records));
  }));
});

Deno.test("compareLevel() walks to exactly the records that differ", () => {
  fc.assert(
    fc.property(anyRecords, anyRecords, (a, b) => {
      const shared = Array.from({ length: 300 }, (_, n) => record(1000 + n, 0));
      const [ours, theirs] = [
        new DigestSnapshot([...a, ...shared]),
        new DigestSnapshot([...b, ...shared]),
      ];
      const differing = new Set<string>();
      let ranges = [WHOLE_RING];
      while (ranges.length > 0) {
        const { leaves, deeper } = compareLevel(ranges, {
          ours: ranges.map((range) => ours.digest(range)),
          theirs: ranges.map((range) => theirs.digest(range)),
        });
        for (const leaf of leaves) {
          for (const { id } of [...ours.records(leaf), ...theirs.records(leaf)]) differing.add(id);
        }
        ranges = [...deeper];
      }
      const text = (records: ReplicaRecord[]) =>
        new Set(records.map((r) => `${r.id} ${r.version}`));
      for (const one of text(a).symmetricDifference(text(b))) {
        assert.ok(differing.has(one.split(" ")[0]!));
      }
      if (text(a).symmetricDifference(text(b)).size === 0) assert.equal(differing.size, 0);
    }),
    { numRuns: 40 },
  );
});

/** Plans for extent 1 owned by `abc`; holdings as `a0 b1 c2!`: node, version, damaged. */
function plan(holdings: string): string {
  const nodes = new Map<NodeId, ReplicaRecord[]>();
  for (const text of holdings.split(" ")) {
    const known = text.length === 1 ? [] : [record(1, Number(text[1]), text.endsWith("!"))];
    nodes.set(text[0] as NodeId, known);
  }
  const ownersOf = () => ["a", "b", "c"] as NodeId[];
  const show = (action: RepairAction) => {
    switch (action.kind) {
      case "copy":
        return `copy ${action.version} ${action.from.join("")}>${action.to.join("")}`;
      case "bury":
        return `bury ${action.version} >${action.to.join("")}`;
      default:
        return `${action.kind} ${action.nodes.join("")}`;
    }
  };
  return planRepair({ holdings: nodes, ownersOf }).map(show).join(", ");
}

Deno.test("planRepair() brings owners to the newest version, from intact copies only", () => {
  const plans: Record<string, string> = {
    "a b c": "",
    "a0 b0 c0": "",
    "a1 b1 c1": "",
    "a0 b c0": "copy 0 ac>b",
    "a0! b0 c": "copy 0 b>ac",
    "a0! b c": "lost a",
    "a0! b0! c0!": "lost abc",
    "a0 b1 c": "bury 1 >ac",
    "a2 b1 c0": "copy 2 a>bc",
    "a2! b1 c0": "lost a",
    "a3 b2 c0!": "bury 3 >bc",
    // A former owner is a source and no target; an owner that was not asked is left alone.
    "d0 a b": "copy 0 d>ab",
    "d a0 b0": "",
    "d1 a0 b0": "bury 1 >ab",
  };
  for (const [holdings, wanted] of Object.entries(plans)) {
    assert.equal(plan(holdings), wanted, holdings);
  }
});

Deno.test("planRepair() decides nothing between copies of one version that differ", () => {
  const other: ReplicaRecord = { ...record(1, 0), bytes: 11 } as ReplicaRecord;
  const holdings = new Map([["a" as NodeId, [record(1, 0)]], ["b" as NodeId, [other]]]);
  const [action] = planRepair({ holdings, ownersOf: () => ["a", "b", "c"] as NodeId[] });
  assert.equal(action?.kind, "divergent");
});

/** A cluster in which one node has missed everything. */
async function withEmptyNode(count: number, bytes: number): Promise<ReplicaCluster> {
  const cluster = new ReplicaCluster(3);
  const missing = cluster.node("node-1");
  missing.fault = "down";
  for (let n = 0; n < count; n++) {
    await cluster.store.write(OWNER, [{ id: idOf(n), bytes: new Uint8Array(bytes).fill(n) }]);
  }
  await cluster.store.idle();
  missing.fault = "none";
  return cluster;
}

async function countOf(cluster: ReplicaCluster, id: string): Promise<number> {
  return (await cluster.node(id).inner.list({ limit: 10_000 })).length;
}

Deno.test("AntiEntropy.run() fills a node that has missed everything, and then finds nothing to do", async () => {
  const cluster = await withEmptyNode(200, 10);
  const first = await cluster.compare("node-1" as NodeId);
  assert.deepEqual([first.copiedCount, first.copiedBytes, first.complete], [200, 2000, true]);
  assert.equal(await countOf(cluster, "node-1"), 200);
  const second = await cluster.compare("node-1" as NodeId);
  assert.equal(second.copiedCount, 0);
});

Deno.test("AntiEntropy.run() passes over peers that are away, and says so", async () => {
  const cluster = await withEmptyNode(50, 10);
  cluster.node("node-0").fault = "down";
  const progress = await cluster.compare("node-1" as NodeId);
  assert.deepEqual([progress.copiedCount, progress.absent], [50, ["node-0"]]);
});

Deno.test("AntiEntropy.run() copies no faster than it may, and not while the node is busy", async () => {
  const cluster = await withEmptyNode(20, 1000);
  let busy = true;
  const run = cluster.compare("node-1" as NodeId, { bytesPerSecond: 2000, isBusy: () => busy });
  await cluster.clock.advance(5000);
  assert.equal(await countOf(cluster, "node-1"), 0);
  busy = false;
  await cluster.clock.advance(4000);
  const count = await countOf(cluster, "node-1");
  assert.ok(count >= 7 && count <= 9, `${count} in four seconds`);
  await cluster.passing(run);
  assert.equal(await countOf(cluster, "node-1"), 20);
});

Deno.test("AntiEntropy.run() goes on where an ended run was", async () => {
  const cluster = await withEmptyNode(300, 10);
  let saved: RepairCheckpoint | undefined;
  const checkpoints: CheckpointStore = {
    load: () => Promise.resolve(saved),
    save: (checkpoint) => Promise.resolve(void (saved = checkpoint)),
  };
  const stop = new AbortController();
  const ended = await cluster.compare("node-1" as NodeId, {
    checkpoints,
    signal: stop.signal,
    onProgress: ({ copiedCount }) => copiedCount > 100 && stop.abort(),
  });
  assert.equal(ended.complete, false);
  const { peer, partCount } = saved!;
  assert.ok(peer === "node-0" && partCount > 0 && partCount < 16);
  // What is lost again in a part that is done waits for the next run.
  const [first] = (await cluster.node("node-1").inner.list({ limit: 1000 }))
    .toSorted((a, b) => positionOf(a.id) - positionOf(b.id));
  await cluster.node("node-1").inner.forget([first!]);
  const resumed = await cluster.compare("node-1" as NodeId, { checkpoints });
  assert.equal(ended.copiedCount + resumed.copiedCount, 301);
  assert.deepEqual([resumed.complete, saved], [true, undefined]);
  // The second peer found what the first one's checkpoint had passed over.
  assert.equal(await countOf(cluster, "node-1"), 300);

  saved = {
    rings: "others",
    peer: "node-2" as NodeId,
    partCount: 16,
    absent: [],
    failedCount: 0,
  };
  await cluster.node("node-1").inner.forget([first!]);
  assert.equal((await cluster.compare("node-1" as NodeId, { checkpoints })).copiedCount, 1);
});

Deno.test("AntiEntropy.run() hands over to a new node what it owns, and no more moves", async () => {
  const cluster = new ReplicaCluster(5);
  const total = 400;
  for (let n = 0; n < total; n++) {
    await cluster.store.write(OWNER, [{ id: idOf(n), bytes: new Uint8Array(10) }]);
  }
  await cluster.store.idle();
  const { current: previous, policy } = cluster.view;
  cluster.view = { current: ringOf(6), previous, policy };
  let moved = 0;
  for (const id of cluster.ids) moved += (await cluster.compare(id)).copiedCount;
  assert.ok(moved <= 1.2 / 6 * total * 3, `${moved} of ${total * 3} copies moved`);
  cluster.view = { current: ringOf(6), policy };
  for (const id of cluster.ids) assert.equal((await cluster.compare(id)).copiedCount, 0);
  let held = 0;
  for (const self of cluster.ids) {
    const result = await forgetStrays({ caller: cluster.caller(), view: cluster.view, self });
    assert.equal(result.keptCount, 0);
    held += await countOf(cluster, self);
  }
  assert.equal(held, total * 3);
});

Deno.test("AntiEntropy.run() empties a draining node, and its copies stay until others have them", async () => {
  const cluster = new ReplicaCluster(4);
  for (let n = 0; n < 100; n++) {
    await cluster.store.write(OWNER, [{ id: idOf(n), bytes: new Uint8Array(10) }]);
  }
  await cluster.store.idle();
  const draining = "node-3" as NodeId;
  const { current: previous, policy } = cluster.view;
  const view = { current: ringOf(3), policy };
  const caller = cluster.caller();
  const early = await forgetStrays({ caller, view, self: draining });
  assert.deepEqual([early.forgottenCount, early.keptCount], [0, await countOf(cluster, draining)]);
  cluster.view = { ...view, previous };
  for (const id of cluster.ids) await cluster.compare(id);
  const { keptCount } = await forgetStrays({ caller, view, self: draining });
  assert.deepEqual([keptCount, await countOf(cluster, draining)], [0, 0]);
  cluster.view = view;
  for (let n = 0; n < 100; n++) assert.equal(await cluster.knowledge(idOf(n)), "living@0");
});

Deno.test("forgetStrays() has owners told what reached a former owner too late, then forgets it", async () => {
  const cluster = new ReplicaCluster(4);
  const { clock, view } = cluster;
  const caller = cluster.caller();
  const signal = new AbortController().signal;
  const runner = new RepairRunner({ caller, clock, signal });
  const [living, removed] = [idOf(1), idOf(2)];
  await cluster.store.write(OWNER, [
    { id: living, bytes: new Uint8Array(10) },
    { id: removed, bytes: new Uint8Array(10) },
  ]);
  await cluster.store.remove([living]);
  await cluster.store.idle();
  const late = [
    [living, {
      kind: "living",
      version: 2 as LifeVersion,
      owner: OWNER,
      bytes: new Uint8Array(10),
    }],
    [removed, { kind: "removed", version: 1 as LifeVersion }],
  ] as const;
  for (const [id, write] of late) {
    const { owners } = placeExtent(view, id);
    const self = cluster.ids.find((node) => !owners.includes(node))!;
    await caller.call(self, (node) => node.merge([{ ...write, id }]));
    const early = await forgetStrays({ caller, view, self, runner });
    assert.deepEqual(early, { forgottenCount: 0, keptCount: 1 });
    const after = await forgetStrays({ caller, view, self, runner });
    assert.deepEqual(after, { forgottenCount: 1, keptCount: 0 });
  }
  assert.equal(await cluster.knowledge(living), "living@2");
  assert.equal(await cluster.knowledge(removed), "removed@1");
});

Deno.test("forgetTombstones() waits for every owner, for its time, and for hints", async () => {
  const cluster = new ReplicaCluster(3);
  const { clock, store } = cluster;
  await store.write(OWNER, [{ id: idOf(1), bytes: new Uint8Array(1) }]);
  await store.idle();
  cluster.node("node-1").fault = "down";
  await store.remove([idOf(1)]);
  await store.idle();
  const forget = () => {
    const { view } = cluster;
    return forgetTombstones({
      caller: cluster.caller(),
      view,
      nowMs: clock.nowMs(),
      keepMs: DAY_MS,
    });
  };
  clock.jumpWall(2 * DAY_MS);
  await assert.rejects(forget, (error) => hasCode(error, "unavailable"));
  cluster.node("node-1").fault = "none";
  assert.equal(await forget(), 0);
  await cluster.converge();
  assert.equal(await forget(), 0);
  clock.jumpWall(2 * DAY_MS);
  const hint = { kind: "living", id: idOf(1), version: 0 as LifeVersion, owner: OWNER } as const;
  await cluster.node("node-2").inner.keepHint("node-0" as NodeId, {
    ...hint,
    bytes: new Uint8Array(1),
  });
  assert.equal(await forget(), 0);
  await cluster.converge();
  assert.equal(await forget(), 1);
  assert.equal(await cluster.knowledge(idOf(1)), "nothing");
});

/** What became of an extent, as far as its writer was told. */
type Told = "written" | "removed" | "unknown";

/**
 * A random history: writes and removals while nodes come and go, copies are damaged or, in other
 * histories, disks lost, hints delivered and replicas compared, comparisons being ended at random. Nothing acknowledged may be lost, nothing
 * whose removal was acknowledged may come back, and in the end all owners agree.
 */
async function runHistory(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const cluster = new ReplicaCluster(3 + random.below(4));
  const told = new Map<number, Told>();
  const pick = <T>(items: readonly T[]): T => items[random.below(items.length)]!;
  const bytesOf = (n: number) => new SeededRandom(n).bytes(20 + n % 50);
  const node = () => cluster.node(pick(cluster.ids));
  const attempt = async (n: number, success: Told, call: Promise<void>) => {
    told.set(n, "unknown");
    await cluster.passing(call).then(
      () => told.set(n, success),
      (error) => assert.ok(hasCode(error, "unavailable"), String(error)),
    );
  };
  for (let turn = 0; turn < 60; turn++) {
    const n = random.below(1 + turn);
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        if (told.has(n)) break;
        await attempt(
          n,
          "written",
          cluster.store.write(OWNER, [{ id: idOf(n), bytes: bytesOf(n) }]),
        );
        break;
      case 3:
        if (!told.has(n)) break;
        await attempt(n, "removed", cluster.store.remove([idOf(n)]));
        break;
      case 4:
      case 10:
      case 11:
        node().fault = random.chance(0.6) ? "down" : "none";
        break;
      case 5:
        if (random.chance(0.3)) break;
        for (const id of cluster.ids) cluster.node(id).fault = "none";
        await cluster.passing(cluster.store.idle());
        // Either could take the only other copy that the other one left.
        if (seed % 2 === 0) await damageOne(cluster, n);
        else {
          node().wipe();
          await cluster.converge();
        }
        break;
      case 6:
        await cluster.deliver(pick(cluster.ids)).catch(onlyAway);
        break;
      case 7: {
        const stop = new AbortController();
        const endAfter = random.below(30);
        let partCount = 0;
        const onProgress = () => ++partCount > endAfter && stop.abort();
        await cluster.compare(pick(cluster.ids), { signal: stop.signal, onProgress }).catch(
          onlyAway,
        );
        break;
      }
      case 8:
        if (!told.has(n)) break;
        await cluster.passing(cluster.store.read(idOf(n), { offset: 0, length: 20 })).catch(() => {
          // Whatever it says now, what counts is the end.
        });
        break;
      case 9:
        if (random.chance(0.5)) { for (const id of cluster.ids) cluster.node(id).fault = "none"; }
        await cluster.passing(cluster.store.idle());
        await forgetTombstones({ ...cluster, caller: cluster.caller(), nowMs: Infinity, keepMs: 0 })
          .catch(onlyAway);
    }
  }
  for (const id of cluster.ids) cluster.node(id).fault = "none";
  await cluster.passing(cluster.store.idle());
  await cluster.converge();
  await checkEnd(cluster, told, bytesOf);
  cluster.clock.jumpWall(2 * DAY_MS);
  await forgetTombstones({
    caller: cluster.caller(),
    view: cluster.view,
    nowMs: cluster.clock.nowMs(),
    keepMs: DAY_MS,
  });
  await cluster.converge();
  await checkEnd(cluster, told, bytesOf);
}

/** Damages a copy of an extent of which another intact one exists. */
async function damageOne(cluster: ReplicaCluster, n: number): Promise<void> {
  const id = idOf(n);
  const intact = [];
  for (const node of cluster.ids) {
    const { inner } = cluster.node(node);
    const found = (await inner.list({ limit: 1000 })).find((one) => one.id === id);
    if (found?.kind === "living" && !found.damaged) intact.push(inner);
  }
  if (intact.length > 1) intact[0]!.damage(id);
}

function onlyAway(error: unknown): void {
  assert.ok(hasCode(error, "unavailable"), String(error));
}

async function checkEnd(
  cluster: ReplicaCluster,
  told: ReadonlyMap<number, Told>,
  bytesOf: (n: number) => Uint8Array,
): Promise<void> {
  const listed = new Set((await cluster.store.list({ limit: 1000 })).map(({ id }) => id));
  for (const [n, what] of told) {
    const knowledge = await cluster.knowledge(idOf(n));
    assert.ok(["living@0", "removed@1", "nothing"].includes(knowledge), `${n}: ${knowledge}`);
    const lives = knowledge === "living@0";
    assert.equal(listed.has(idOf(n)), lives);
    if (what !== "unknown") {
      assert.equal(lives, what === "written", `${n} was ${what}: ${knowledge}`);
    }
    if (!lives) continue;
    const bytes = bytesOf(n);
    const range = { offset: 0, length: bytes.length };
    for (const { inner } of cluster.placed(idOf(n)).owners) {
      assert.deepEqual(await inner.read(idOf(n), range), bytes);
    }
  }
}

const SEED_COUNT = Number(Deno.env.get("GITSTRATUM_REPLICA_SEEDS") ?? 10);
const FIRST_SEED = Number(Deno.env.get("GITSTRATUM_REPLICA_SEED") ?? 1);

Deno.test("replicas converge after any history, nothing is lost and nothing removed comes back", async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEED_COUNT; seed++) {
    await runHistory(seed).catch((cause) => {
      throw new Error(`GITSTRATUM_REPLICA_SEED=${seed} fails`, { cause });
    });
  }
});
