import assert from "node:assert/strict";
import {
  EXTENT_BATCH_BYTES_MAX,
  EXTENT_BATCH_COUNT_MAX,
  EXTENT_BYTES_MAX,
  GitStratumError,
  hasCode,
  ManualClock,
  MIB,
  SeededRandom,
  systemClock,
} from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import {
  extentId,
  type Fetcher,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import { SegmentStore } from "../segment_store.ts";
import { MemoryReplica } from "./memory_replica.ts";
import { ReplicaClient } from "./replica_client.ts";
import { testReplicaNode } from "./replica_contract_suite.ts";
import type { LivingWrite, ReplicaNode } from "./replica_node.ts";
import type { LifeVersion } from "./replica_record.ts";
import { ReplicaService } from "./replica_service.ts";
import { SegmentReplica } from "./segment_replica.ts";

const GROUP = "00000000000000000000000000000abc" as GroupId;
const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;

const idOf = (n: number) => extentId(packId(GROUP, "h"), n);

function livingWrite(n: number, bytes: Uint8Array): LivingWrite {
  return { kind: "living", id: idOf(n), version: 0 as LifeVersion, owner: OWNER, bytes };
}

function clientOf(replica: ReplicaNode): ReplicaClient {
  const service = new ReplicaService({ replica });
  return new ReplicaClient((request) => service.fetch(request), { clock: new ManualClock() });
}

testReplicaNode("ReplicaClient", () => {
  const replica = new MemoryReplica(new ManualClock(1000));
  return Promise.resolve({
    replica: clientOf(replica),
    damage: (id) => Promise.resolve(replica.damage(id)),
    close: () => Promise.resolve(),
  });
});

testReplicaNode("ReplicaClient over a socket", () => {
  const replica = new MemoryReplica(new ManualClock(1000));
  const service = new ReplicaService({ replica });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => service.fetch(request),
  );
  const baseUrl = `http://127.0.0.1:${server.addr.port}`;
  return Promise.resolve({
    replica: new ReplicaClient((request) => fetch(request), { clock: systemClock, baseUrl }),
    damage: (id) => Promise.resolve(replica.damage(id)),
    close: () => server.shutdown(),
  });
});

Deno.test("ReplicaClient speaks with a replica that keeps everything over a restart", async () => {
  const disk = new MemoryDisk();
  const open = () => {
    return SegmentStore.open({ disk, clock: new ManualClock(1), random: new SeededRandom(5) });
  };
  const store = await open();
  const bytes = new Uint8Array(EXTENT_BYTES_MAX).fill(3);
  await clientOf(new SegmentReplica(store)).merge([livingWrite(0, bytes)]);
  await store.close();
  const again = await open();
  const read = clientOf(new SegmentReplica(again)).read(idOf(0), { offset: MIB, length: 10 });
  assert.deepEqual(await read, bytes.slice(0, 10));
  await again.close();
});

Deno.test("ReplicaClient.merge() cuts many writes into bodies that a node takes", async () => {
  const replica = new MemoryReplica(new ManualClock());
  const service = new ReplicaService({ replica });
  const lengths: number[] = [];
  const client = new ReplicaClient((request) => {
    lengths.push(Number(request.headers.get("content-length")));
    return service.fetch(request);
  }, { clock: new ManualClock() });
  const small = Array.from(
    { length: EXTENT_BATCH_COUNT_MAX + 10 },
    (_, n) => livingWrite(n, new Uint8Array(10)),
  );
  const large = [0, 1, 2].map((n) => livingWrite(5000 + n, new Uint8Array(3 * MIB)));
  const huge = livingWrite(6000, new Uint8Array(EXTENT_BYTES_MAX));
  const writes = [...small, ...large, huge];
  assert.deepEqual(await client.merge(writes), writes.map(() => ({ kind: "stored" })));
  assert.equal((await replica.list({ limit: 9999 })).length, writes.length);
  assert.equal(lengths.length, 5);
  assert.ok(lengths.slice(0, 4).every((length) => length < EXTENT_BATCH_BYTES_MAX + 64));
});

Deno.test("ReplicaClient.list() and hints() gather pages of a node", async () => {
  const replica = new MemoryReplica(new ManualClock());
  const client = clientOf(replica);
  const writes = Array.from({ length: 5000 }, (_, n) => livingWrite(n, new Uint8Array(1)));
  await client.merge(writes);
  for (const write of writes) await replica.keepHint("node-a" as NodeId, write);
  assert.equal((await client.list({ limit: 4500 })).length, 4500);
  const records = await client.list({ limit: 6000 });
  assert.equal(records.length, 5000);
  assert.equal((await client.hints({ limit: 6000 })).length, 5000);
  await client.forget(records);
  assert.deepEqual(await client.list({ limit: 10 }), []);
});

/** A client whose answers are changed on their way. */
function clientThrough(change: (response: Response) => Response | Promise<Response>) {
  const replica = new MemoryReplica(new ManualClock());
  const service = new ReplicaService({ replica });
  const fetcher: Fetcher = async (request) => await change(await service.fetch(request));
  const clock = new ManualClock();
  return { replica, clock, client: new ReplicaClient(fetcher, { clock }) };
}

Deno.test("ReplicaClient takes broken answers for none, and no copy for damaged because of them", async () => {
  const changes: Record<string, (response: Response) => Response | Promise<Response>> = {
    async changed(response) {
      const bytes = await response.bytes();
      bytes[0]! ^= 1;
      return new Response(bytes, response);
    },
    async short(response) {
      const bytes = await response.bytes();
      return new Response(bytes.subarray(1), { headers: response.headers });
    },
    foreign: () => new Response("<html>"),
    gone: () => Promise.reject(new TypeError("connection refused")),
    busy: () => new Response("", { status: 502 }),
  };
  for (const [name, change] of Object.entries(changes)) {
    const { replica, client } = clientThrough(change);
    const write = livingWrite(0, new Uint8Array(100).fill(1));
    await replica.merge([write]);
    await replica.keepHint("node-a" as NodeId, write);
    const calls = [
      () => client.read(write.id, { offset: 0, length: 100 }),
      () => client.readHint({ target: "node-a" as NodeId, id: write.id }),
      () => client.find(write.id),
      () => client.merge([write]),
    ];
    for (const call of calls) {
      await assert.rejects(call, (error) => hasCode(error, "unavailable"), name);
    }
  }
});

Deno.test("ReplicaClient hands on what the replica says, whatever it is", async () => {
  const replica = new MemoryReplica(new ManualClock());
  replica.merge = () => {
    throw new GitStratumError("disk-full", "Find no room", { data: { wanted: 5 } });
  };
  const call = clientOf(replica).merge([livingWrite(0, new Uint8Array(1))]);
  await assert.rejects(call, { code: "disk-full", message: "Find no room", data: { wanted: 5 } });
});

Deno.test("ReplicaClient ends calls that get no answer in time", async () => {
  const clock = new ManualClock();
  const aborted = Promise.withResolvers<void>();
  const client = new ReplicaClient((request) => {
    return new Promise((_, reject) => {
      request.signal.addEventListener("abort", () => {
        aborted.resolve();
        reject(request.signal.reason);
      });
    });
  }, { clock, timeoutMs: 1000 });
  const call = client.find(idOf(0));
  const rejected = assert.rejects(call, (error) => hasCode(error, "unavailable"));
  await clock.advance(1000);
  await aborted.promise;
  await rejected;
  assert.equal(clock.sleeping, 0);
});

Deno.test("ReplicaService refuses bodies that are too long, changed or broken", async () => {
  const service = new ReplicaService({ replica: new MemoryReplica(new ManualClock()) });
  const post = async (path: string, init: RequestInit) => {
    const url = `http://node/object/v1/replica${path}`;
    const response = await service.fetch(new Request(url, { method: "POST", ...init }));
    return (await response.json()).code;
  };
  const checksum = { "x-gitstratum-xxh64": "ef46db3751d8e999" };
  assert.equal(await post("/merge", { body: "" }), "invalid");
  assert.equal(await post("/merge", { body: "a", headers: checksum }), "corrupt");
  assert.equal(await post("/merge", { body: "", headers: checksum }), "invalid");
  const tooLong = new Uint8Array(EXTENT_BYTES_MAX + MIB);
  assert.equal(await post("/merge", { body: tooLong, headers: checksum }), "exhausted");
  assert.equal(await post("/hints/NODE", { body: "" }), "invalid");
  assert.equal(await post("/forget", { body: `{"records":[{"id":"x","version":0}]}` }), "invalid");
  assert.equal(await post("/elsewhere", { body: "" }), "unsupported");
});

Deno.test("ReplicaService refuses writers who go by an older ring and readers who go by a newer one", async () => {
  const replica = new MemoryReplica(new ManualClock());
  let [known, sent, newerCount] = [5, 5, 0];
  const service = new ReplicaService({
    replica,
    ringVersion: () => known,
    onNewerRing: () => newerCount++,
  });
  const client = new ReplicaClient((request) => service.fetch(request), {
    clock: new ManualClock(),
    ringVersion: () => sent,
  });
  const write = livingWrite(0, new Uint8Array(10));
  const calls = {
    merge: () => client.merge([write]),
    keepHint: () => client.keepHint("node-a" as NodeId, write),
    list: () => client.list({ limit: 1 }),
    hints: () => client.hints({ limit: 1 }),
    read: () => client.read(write.id, { offset: 0, length: 10 }),
    find: () => client.find(write.id),
  };
  const refusedBy = async () => {
    const refused: string[] = [];
    for (const [name, call] of Object.entries(calls)) {
      await call().catch((error) => {
        assert.ok(hasCode(error, "unavailable"));
        refused.push(name);
      });
    }
    return refused;
  };
  assert.deepEqual(await refusedBy(), []);
  sent = 4;
  assert.deepEqual(await refusedBy(), ["merge", "keepHint"]);
  assert.equal(newerCount, 0);
  [known, sent] = [5, 6];
  assert.deepEqual(await refusedBy(), ["list", "hints"]);
  assert.equal(newerCount, 4);
});
