import assert from "node:assert/strict";
import { hasCode, ManualClock, REPLICA_LEAF_COUNT_MAX, SeededRandom } from "@gitstratum/core";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import { AntiEntropy, listAll } from "./anti_entropy.ts";
import { WHOLE_RING } from "./digest_snapshot.ts";
import { MemoryReplica } from "./memory_replica.ts";
import { NodeCaller } from "./node_caller.ts";
import { placeExtent, type RingView } from "./placement.ts";
import { cutRange } from "./range_comparison.ts";
import { ReplicaClient } from "./replica_client.ts";
import type { ReplicaWrite } from "./replica_node.ts";
import type { LifeVersion } from "./replica_record.ts";
import { ReplicaService } from "./replica_service.ts";
import { SharedDigests } from "./shared_digests.ts";
import { ringOf } from "./testing/replica_cluster.ts";

const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const IDS = [0, 1, 2, 3].map((n) => `node-${n}` as NodeId);
const [SELF, PEER] = IDS as [NodeId, NodeId];

const idOf = (n: number): ExtentId =>
  extentId(packId(n.toString(16).padStart(32, "0") as GroupId, "h"), 0);

function write(n: number, version = 0): ReplicaWrite {
  const life = version as LifeVersion;
  if (version % 2 === 1) return { kind: "removed", id: idOf(n), version: life };
  return {
    kind: "living",
    id: idOf(n),
    version: life,
    owner: OWNER,
    bytes: new Uint8Array(20).fill(n),
  };
}

/** Four nodes behind their services, which count what they are asked and how much they answer. */
class World {
  readonly clock = new ManualClock();
  readonly view: RingView = {
    version: 1,
    current: ringOf(4),
    policy: { replicaCount: 3, writeQuorum: 2 },
  };
  readonly replicas = new Map(IDS.map((id) => [id, new MemoryReplica(this.clock)]));
  readonly clients = new Map(IDS.map((id) => [id, this.#client(id)]));
  /** Bytes of all answers. */
  answerBytes = 0;
  /** Versions of the rings of nodes that go by another one. */
  readonly versions = new Map<NodeId, number>();

  #client(self: NodeId): ReplicaClient {
    const { clock } = this;
    const replica = this.replicas.get(self)!;
    const service = new ReplicaService({
      replica,
      digests: new SharedDigests({ self, replica, view: () => this.view, clock }),
      ringVersion: () => this.versions.get(self) ?? 1,
    });
    return new ReplicaClient(async (request) => {
      const response = await service.fetch(request);
      const bytes = await response.bytes();
      this.answerBytes += bytes.length;
      return new Response(bytes, response);
    }, { clock, ringVersion: () => 1 });
  }

  async compare(self: NodeId, remote: boolean) {
    const { clock, view } = this;
    const caller = new NodeCaller((id) => {
      return id === self ? this.replicas.get(id)! : this.clients.get(id)!;
    }, { clock, timeoutMs: 1000 });
    return await new AntiEntropy({
      caller,
      clock,
      view,
      self,
      signal: new AbortController().signal,
      ...(remote ? { digestsOf: (peer) => this.clients.get(peer)! } : {}),
    }).run();
  }

  /** Puts extents on their owners, less some by lot. */
  async fill(count: number, lossChance: number): Promise<void> {
    const random = new SeededRandom(1);
    for (let n = 0; n < count; n++) {
      for (const node of placeExtent(this.view, idOf(n)).owners) {
        if (random.chance(lossChance)) continue;
        await this.replicas.get(node)!.merge([write(n, n % 3)]);
      }
    }
  }

  async tell(node: NodeId): Promise<string[]> {
    const records = await this.replicas.get(node)!.list({ limit: 99_999 });
    return records.map(({ id, kind, version }) => `${id} ${kind} ${version}`);
  }
}

Deno.test("AntiEntropy by digests over the network repairs what it repairs by listings", async () => {
  const worlds = [new World(), new World()] as const;
  for (const [index, world] of worlds.entries()) {
    await world.fill(1000, 0.02);
    for (const id of IDS) await world.compare(id, index === 1);
  }
  for (const id of IDS) assert.deepEqual(await worlds[1].tell(id), await worlds[0].tell(id));
  const owned = (await worlds[1].tell(SELF)).length;
  const due = Array.from({ length: 1000 }, (_, n) => placeExtent(worlds[1].view, idOf(n)).owners)
    .filter((owners) => owners.includes(SELF)).length;
  assert.equal(owned, due);
});

Deno.test("AntiEntropy by digests fetches next to nothing where nodes are alike", async () => {
  const world = new World();
  await world.fill(3000, 0);
  const progress = await world.compare(SELF, true);
  assert.deepEqual([progress.complete, progress.copiedCount], [true, 0]);
  assert.ok(world.answerBytes < 20_000, `${world.answerBytes} bytes`);
  await world.replicas.get(PEER)!.merge([write(77, 3)]);
  world.answerBytes = 0;
  await world.compare(SELF, true);
  const isOwner = placeExtent(world.view, idOf(77)).owners.includes(SELF);
  assert.equal((await world.tell(SELF)).includes(`${idOf(77)} removed 3`), isOwner);
  assert.ok(world.answerBytes < 60_000, `${world.answerBytes} bytes`);
});

Deno.test("AntiEntropy by digests counts a peer that goes by another ring as absent", async () => {
  for (const version of [0, 2]) {
    const world = new World();
    world.versions.set(PEER, version);
    assert.deepEqual((await world.compare(SELF, true)).absent, [PEER]);
  }
});

Deno.test("SharedDigests makes a new snapshot when a comparison begins, and not for what follows", async () => {
  const world = new World();
  const replica = world.replicas.get(SELF)!;
  const digests = new SharedDigests({ ...world, self: SELF, replica, view: () => world.view });
  const ids = Array.from({ length: 50 }, (_, n) => n).filter((n) => {
    const { owners } = placeExtent(world.view, idOf(n));
    return owners.includes(SELF) && owners.includes(PEER);
  });
  const halves = cutRange(WHOLE_RING, 2);
  const count = async () => {
    const found = await digests.digests(PEER, halves);
    return found.reduce((sum, digest) => sum + digest.count, 0);
  };
  await replica.merge([write(ids[0]!)]);
  assert.equal(await count(), 1);
  await replica.merge([write(ids[1]!)]);
  assert.equal(await count(), 1);
  assert.equal((await digests.digests(PEER, [WHOLE_RING]))[0]!.count, 2);
  assert.equal(await count(), 2);
  await replica.merge([write(ids[2]!)]);
  await world.clock.advance(60_000);
  assert.equal(await count(), 3);
  assert.equal((await digests.records(PEER, [WHOLE_RING])).length, 3);
});

Deno.test("ReplicaClient asks for many parts of the ring in several calls", async () => {
  const world = new World();
  await world.fill(500, 0);
  const client = world.clients.get(PEER)!;
  const parts = cutRange(WHOLE_RING, 3000);
  const counts = (await client.digests(SELF, parts)).map(({ count }) => count);
  const all = await client.records(SELF, cutRange(WHOLE_RING, REPLICA_LEAF_COUNT_MAX * 3));
  assert.equal(counts.reduce((sum, count) => sum + count), all.length);
  const caller = new NodeCaller(() => client, { clock: world.clock, timeoutMs: 1000 });
  assert.ok(all.length > 100 && all.length < (await listAll(caller, PEER)).length);
  const bare = new ReplicaService({ replica: new MemoryReplica(world.clock) });
  const unable = new ReplicaClient((request) => bare.fetch(request), { clock: world.clock });
  await assert.rejects(
    () => unable.digests(SELF, [WHOLE_RING]),
    (error) => hasCode(error, "unsupported"),
  );
});
