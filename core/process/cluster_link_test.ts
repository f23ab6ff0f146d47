import { equal } from "node:assert/strict";
import { MemoryDisk } from "../disk/memory_disk.ts";
import { silentLogger } from "../logger.ts";
import { ManualClock } from "../manual_clock.ts";
import { emptyTopology, type NodeId, type Topology } from "../rpc/topology/topology.ts";
import { SeededRandom } from "../seeded_random.ts";
import { openClusterLink } from "./cluster_link.ts";
import { Releases } from "./releases.ts";

const node = (id: string, zone: string): Topology["nodes"][number] => ({
  id: id as NodeId,
  role: "object",
  address: `http://${id}.test`,
  zone,
  weight: 1,
  incarnation: 1,
  state: "active",
});
const TOPOLOGY: Topology = {
  ...emptyTopology(),
  version: 3,
  nodes: [node("object-1", "here"), node("object-2", "there")],
};

Deno.test("openClusterLink() tells a cluster without control nodes from no cluster at all", async () => {
  const clock = new ManualClock();
  let reachable = ["control-1", "object-1", "object-2"];
  const fetcher = (request: Request) => {
    const { hostname, pathname } = new URL(request.url);
    if (!reachable.includes(hostname.split(".")[0]!)) {
      return Promise.reject(new TypeError("no route"));
    }
    if (!pathname.endsWith("/watch")) return Promise.resolve(Response.json(TOPOLOGY));
    const line = JSON.stringify({ kind: "whole", topology: TOPOLOGY });
    return Promise.resolve(new Response(`${line}\n`));
  };
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) await clock.advance(500);
  };
  const releases = new Releases();
  const link = openClusterLink({
    fetchers: { signed: fetcher, plain: fetcher, close: () => {} },
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
    releases,
  }, { controlUrls: ["http://control-1.test"], disk: new MemoryDisk(), zone: "here" });
  equal(link.isCutOff(), true, "nothing was heard of yet");
  await pass(1000);
  equal(link.isCutOff(), false);
  reachable = ["object-1", "object-2"];
  await pass(30_000);
  equal(link.isCutOff(), false, "nodes elsewhere answer");
  reachable = ["object-1"];
  await pass(9_000);
  equal(link.isCutOff(), false, "not for so short a time");
  await pass(11_000);
  equal(link.isCutOff(), true);
  reachable = ["control-1"];
  await pass(10_000);
  equal(link.isCutOff(), false);
  await releases.run();
});
