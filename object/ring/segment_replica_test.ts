import assert from "node:assert/strict";
import { ManualClock, SeededRandom } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import { SegmentStore } from "../segment_store.ts";
import { MemoryReplica } from "./memory_replica.ts";
import { testReplicaNode } from "./replica_contract_suite.ts";
import type { ReplicaNode, ReplicaWrite } from "./replica_node.ts";
import type { LifeVersion } from "./replica_record.ts";
import { SegmentReplica } from "./segment_replica.ts";

const GROUP = "00000000000000000000000000000abc" as GroupId;
const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;

function openStore(disk: MemoryDisk): Promise<SegmentStore> {
  const [clock, random] = [new ManualClock(1000), new SeededRandom(5)];
  return SegmentStore.open({ disk, clock, random });
}

/** Changes a byte of an extent's content behind the store's back, and lets the store find it. */
async function damage(disk: MemoryDisk, store: SegmentStore, id: ExtentId): Promise<void> {
  for (const name of disk.list("segments").filter((name) => name.endsWith(".seg"))) {
    const file = disk.open(`segments/${name}`, { write: true });
    const bytes = new Uint8Array(file.size());
    file.readAt(bytes, 0);
    const at = new TextDecoder("latin1").decode(bytes).indexOf(id + OWNER);
    if (at >= 0) {
      const offset = at + id.length + OWNER.length + 50;
      file.writeAt(Uint8Array.of(bytes[offset]! ^ 1), offset);
    }
    file.close();
  }
  const { corruptKeys } = await store.scrub();
  assert.deepEqual(corruptKeys, [id]);
}

testReplicaNode("SegmentReplica", async () => {
  const disk = new MemoryDisk();
  let store = await openStore(disk);
  return {
    replica: new SegmentReplica(store),
    damage: (id) => damage(disk, store, id),
    async restart() {
      await store.close();
      store = await openStore(disk);
      return new SegmentReplica(store);
    },
    close: () => store.close(),
  };
});

Deno.test("SegmentReplica keeps extents of a first life as a node without a ring does", async () => {
  const store = await openStore(new MemoryDisk());
  const replica: ReplicaNode = new SegmentReplica(store);
  const id = extentId(packId(GROUP, "h"), 0);
  const bytes = new Uint8Array(10).fill(3);
  await replica.merge([{ kind: "living", id, version: 0 as LifeVersion, owner: OWNER, bytes }]);
  const listed = store.list({ limit: 10 }).map(({ key, owner }) => `${key} ${owner}`);
  assert.deepEqual(listed, [`${id} ${OWNER}`]);
  await store.close();
});

/** One call, for both replicas alike. */
type Step = (replica: ReplicaNode) => Promise<unknown>;

function randomStep(random: SeededRandom): Step {
  const id = extentId(packId(GROUP, "h"), random.below(5));
  const target = `node-${random.below(2)}` as NodeId;
  const version = random.below(6) as LifeVersion;
  const bytes = new Uint8Array(20).fill(version + (random.chance(0.1) ? 100 : 0));
  const write: ReplicaWrite = version % 2 === 1
    ? { kind: "removed", id, version }
    : { kind: "living", id, version, owner: OWNER, bytes };
  switch (random.below(6)) {
    case 0:
      return (replica) => replica.keepHint(target, write);
    case 1:
      return (replica) => replica.dropHint({ target, id }, version);
    case 2:
      return (replica) => replica.forget([{ id, version }]);
    default:
      return (replica) => replica.merge([write]);
  }
}

/** Everything that a replica tells, less times. */
async function tell(replica: ReplicaNode): Promise<string> {
  const told: unknown[] = [await replica.list({ limit: 100 }), await replica.hints({ limit: 100 })];
  for (let n = 0; n < 5; n++) {
    const id = extentId(packId(GROUP, "h"), n);
    told.push(await replica.find(id));
    const read = replica.read(id, { offset: 0, length: 20 });
    told.push(await read.then((bytes) => bytes.toHex(), (error) => error.code));
  }
  return JSON.stringify(told, (name, value) => name.endsWith("AtMs") ? 0 : value);
}

Deno.test("SegmentReplica does what MemoryReplica does, over restarts and lost power", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    let disk = new MemoryDisk();
    let store = await openStore(disk);
    let replica: ReplicaNode = new SegmentReplica(store);
    const model = new MemoryReplica(new ManualClock());
    for (let turn = 0; turn < 60; turn++) {
      const step = randomStep(random);
      assert.deepEqual(await step(replica), await step(model));
      assert.equal(await tell(replica), await tell(model), `seed ${seed} turn ${turn}`);
      if (!random.chance(0.1)) continue;
      if (random.chance(0.5)) await store.close();
      else disk = disk.crash(seed);
      store = await openStore(disk);
      replica = new SegmentReplica(store);
    }
    await store.close();
  }
});

/** A life in three parts, and how far it was acknowledged when the power went. */
async function liveUntilPowerLoss(disk: MemoryDisk, id: ExtentId): Promise<number> {
  let acknowledged = -1;
  try {
    const replica = new SegmentReplica(await openStore(disk));
    for (const version of [0, 1, 2, 3, 5, 8] as LifeVersion[]) {
      const write: ReplicaWrite = version % 2 === 1
        ? { kind: "removed", id, version }
        : { kind: "living", id, version, owner: OWNER, bytes: new Uint8Array(20).fill(version) };
      await replica.merge([write]);
      acknowledged = version;
    }
  } catch {
    // The power went; what matters is what is found afterwards.
  }
  return acknowledged;
}

Deno.test("SegmentReplica knows the old version or the new one, whenever the power goes", async () => {
  const id = extentId(packId(GROUP, "h"), 0);
  const next: Record<number, number> = { [-1]: 0, 0: 1, 1: 2, 2: 3, 3: 5, 5: 8, 8: 8 };
  let lossCount = 0;
  for (let changes = 0;; changes++) {
    const disk = new MemoryDisk({ changesUntilPowerLoss: changes });
    const acknowledged = await liveUntilPowerLoss(disk, id);
    const store = await openStore(disk.crash(changes));
    const replica = new SegmentReplica(store);
    const found = (await replica.find(id))?.version ?? -1;
    const said = `${found} after ${acknowledged} and ${changes} changes`;
    assert.ok(found === acknowledged || found === next[acknowledged], said);
    if (found >= 0 && found % 2 === 0) {
      const bytes = await replica.read(id, { offset: 0, length: 20 });
      assert.deepEqual(bytes, new Uint8Array(20).fill(found), said);
    }
    await store.close();
    if (acknowledged === 8) break;
    lossCount++;
  }
  assert.ok(lossCount > 20);
});
