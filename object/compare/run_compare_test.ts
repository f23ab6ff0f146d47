import assert from "node:assert/strict";
import { EXTENT_LIST_COUNT_MAX, ManualClock, SeededRandom, systemClock } from "@gitstratum/core";
import type { ProcessWorld } from "@gitstratum/core/process";
import {
  authenticated,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
  type Service,
  type Topology,
} from "@gitstratum/core/rpc";
import { MemoryReplica } from "../ring/memory_replica.ts";
import type { ReplicaWrite } from "../ring/replica_node.ts";
import type { LifeVersion } from "../ring/replica_record.ts";
import { ReplicaService } from "../ring/replica_service.ts";
import { runCompare } from "./run_compare.ts";

const SECRET = "a secret of the cluster that is long enough";
const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const GROUP = "00000000000000000000000000000abc" as GroupId;
const idOf = (n: number) => extentId(packId(GROUP, "h"), n);

function write(n: number, version = 0, fill = 1): ReplicaWrite {
  const life = version as LifeVersion;
  if (version % 2 === 1) return { kind: "removed", id: idOf(n), version: life };
  const bytes = new Uint8Array(10 + fill).fill(fill);
  return { kind: "living", id: idOf(n), version: life, owner: OWNER, bytes };
}

function serve(service: Service) {
  const { fetch } = authenticated(service, { secrets: [SECRET], clock: systemClock });
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => fetch(request));
}

/** Two nodes and a control plane that names them; answers what the command printed. */
async function run(
  fill: (replicas: readonly MemoryReplica[]) => Promise<void>,
  args: readonly string[] = [],
): Promise<{ readonly code: number; readonly text: string }> {
  const replicas = [0, 1].map(() => new MemoryReplica(new ManualClock()));
  await fill(replicas);
  const nodes = replicas.map((replica) => serve(new ReplicaService({ replica })));
  const addressOf = (server: { readonly addr: Deno.NetAddr }) =>
    `http://127.0.0.1:${server.addr.port}`;
  const control = serve({
    fetch: () => Promise.resolve(Response.json(topologyOf(nodes.map(addressOf)))),
  });
  const printed: string[] = [];
  const world = {
    args: [
      ...["--control", addressOf(control), "--secret-file", "secret"],
      ...["--first", "object-0", "--second", "object-1", ...args],
    ],
    environment: {},
    readTextFile: () => SECRET,
    clock: systemClock,
    random: new SeededRandom(1),
    print: (text: string) => printed.push(text),
    printError: (text: string) => printed.push(text),
  } as unknown as ProcessWorld;
  try {
    return { code: await runCompare(world), text: printed.join("\n") };
  } finally {
    await Promise.all([...nodes, control].map((server) => server.shutdown()));
  }
}

function topologyOf(addresses: readonly string[]): Topology {
  const nodes = addresses.map((address, n) => ({
    id: `object-${n}` as NodeId,
    role: "object" as const,
    address,
    zone: "z",
    weight: 1,
    state: "active" as const,
    incarnation: 1,
  }));
  const partitions = Array.from({ length: 256 }, () => ({ primary: null, followers: [] }));
  const ring = { replicaCount: 2, writeQuorum: 2 };
  return { version: 1, nodes, partitions, ring };
}

Deno.test("runCompare() finds two nodes alike, over more pages than one", async () => {
  const writes = Array.from({ length: EXTENT_LIST_COUNT_MAX + 5 }, (_, n) => write(n, n % 3));
  const { code, text } = await run(async (replicas) => {
    for (const replica of replicas) await replica.merge(writes);
  });
  assert.equal(text, "object-0 and object-1 share 4101 extents\nNo difference");
  assert.equal(code, 0);
});

Deno.test("runCompare() names each difference, and reads contents when it is told to", async () => {
  const fill = async ([a, b]: readonly MemoryReplica[]) => {
    await a!.merge([write(0), write(1), write(2), write(3), write(4), write(5, 1)]);
    await b!.merge([write(0), write(2, 1), write(3, 0, 2), write(4), write(5, 1), write(6)]);
    b!.damage(idOf(4));
  };
  const { code, text } = await run(fill);
  assert.equal(code, 1);
  assert.deepEqual(text.split("\n"), [
    "object-0 and object-1 share 7 extents",
    `${idOf(1)}: missing: object-0 has 11 bytes at version 0, object-1 has nothing`,
    `${idOf(2)}: version: object-0 has 11 bytes at version 0, object-1 has removed at version 1`,
    `${idOf(3)}: length: object-0 has 11 bytes at version 0, object-1 has 12 bytes at version 0`,
    `${
      idOf(4)
    }: damaged: object-0 has 11 bytes at version 0, object-1 has 11 bytes at version 0, damaged`,
    `${idOf(6)}: missing: object-0 has nothing, object-1 has 11 bytes at version 0`,
    "5 differences",
  ]);
  const changed = async ([a, b]: readonly MemoryReplica[]) => {
    const other = { ...write(0), bytes: new Uint8Array(11).fill(9) } as ReplicaWrite;
    await a!.merge([write(0), write(1)]);
    await b!.merge([other, write(1)]);
  };
  assert.equal((await run(changed)).code, 0);
  const read = await run(changed, ["--content=yes"]);
  assert.equal(read.code, 1);
  assert.match(read.text, /22 bytes of each were read\n.*\.0: content: object-0 has [0-9a-f]{16},/);
});

Deno.test("runCompare() says what is wrong with its settings, all at once, and with the cluster", async () => {
  const nothing = () => Promise.resolve();
  const misused = await run(nothing, ["--second", "object-0", "--mib-per-second", "0"]);
  assert.equal(misused.code, 2);
  assert.match(misused.text, /--mib-per-second/);
  assert.match(misused.text, /--first and --second name the same node/);
  const unknown = await run(nothing, ["--second", "object-9"]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.text, /Know no such object node \(node="object-9"\)/);
});
