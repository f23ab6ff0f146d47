import { deepEqual, equal, ok } from "node:assert/strict";
import { GitStratumError } from "../../error.ts";
import { silentLogger } from "../../logger.ts";
import { ManualClock } from "../../manual_clock.ts";
import { SeededRandom } from "../../seeded_random.ts";
import type { Fetcher } from "../fetcher.ts";
import { emptyTopology, type NodeId, type Topology, type TopologyNode } from "./topology.ts";
import { TopologyPeers, withTopology } from "./topology_peers.ts";

const node = (id: string, role: TopologyNode["role"]): TopologyNode => ({
  id: id as NodeId,
  role,
  address: `http://${id}.test`,
  zone: id,
  weight: 1,
  incarnation: 1,
  state: "active",
});
const NODES = [
  node("frontend-1", "frontend"),
  ...[1, 2, 3].flatMap((n) => [node(`metadata-${n}`, "metadata"), node(`object-${n}`, "object")]),
];
const at = (version: number): Topology => ({ ...emptyTopology(), version, nodes: NODES });

/** A node, its peers, and how long it heard no control node. */
class Stage {
  readonly clock = new ManualClock();
  readonly asked: string[] = [];
  silenceMs: number | undefined = undefined;
  known: Topology = at(7);
  readonly offered: Topology[] = [];
  readonly peers: TopologyPeers;

  constructor(answer: Fetcher, zone?: string) {
    // deno-lint-ignore no-this-alias -- the getters below read it
    const stage = this;
    this.peers = new TopologyPeers({
      topology: {
        current: () => this.known,
        offer: (topology) => {
          this.offered.push(topology);
          this.known = topology;
        },
        get silenceMs() {
          return stage.silenceMs;
        },
      },
      fetcher: (request) => {
        this.asked.push(new URL(request.url).hostname.split(".")[0]!);
        return answer(request);
      },
      clock: this.clock,
      random: new SeededRandom(1),
      logger: silentLogger,
      ...(zone === undefined ? {} : { zone }),
    });
    this.peers.open();
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) await this.clock.advance(100);
  }

  async close(): Promise<void> {
    await this.peers.close();
    equal(this.clock.sleeping, 0, "nothing goes on after close()");
  }
}

Deno.test("TopologyPeers asks nobody while a control node is heard", async () => {
  const stage = new Stage(() => Promise.resolve(Response.json(at(9))));
  stage.silenceMs = 4400;
  await stage.pass(10_000);
  deepEqual(stage.asked, []);
  await stage.close();
});

Deno.test("TopologyPeers takes the newest topology that any node tells", async () => {
  const stage = new Stage((request) => {
    const version = new URL(request.url).hostname === "object-2.test" ? 9 : 6;
    return Promise.resolve(Response.json(at(version)));
  });
  stage.silenceMs = 4600;
  await stage.pass(10_000);
  deepEqual(stage.offered.map(({ version }) => version), [9]);
  deepEqual(new Set(stage.asked), new Set(NODES.slice(1).map(({ id }) => id)));
  await stage.close();
});

Deno.test("TopologyPeers goes on when peers fail, hang or tell what makes no sense", async () => {
  const stage = new Stage((request) => {
    switch (new URL(request.url).hostname) {
      case "metadata-1.test":
        return Promise.reject(new TypeError("connection refused"));
      case "metadata-2.test":
        return new Promise((_, reject) => {
          request.signal.addEventListener("abort", () => reject(request.signal.reason));
        });
      case "metadata-3.test":
        return Promise.resolve(Response.json({ version: "late" }));
      case "object-1.test":
        return Promise.resolve(new Response(null, { status: 401 }));
      default:
        return Promise.resolve(Response.json(at(8)));
    }
  });
  await stage.pass(30_000);
  equal(stage.known.version, 8);
  ok(stage.asked.length > 20, `${stage.asked.length}`);
  await stage.close();
});

Deno.test("TopologyPeers counts no answer from its own zone as one from elsewhere", async () => {
  let isCut = false;
  const stage = new Stage((request) => {
    const isOwn = new URL(request.url).hostname === "object-1.test";
    return isOwn || !isCut
      ? Promise.resolve(Response.json(at(7)))
      : Promise.reject(new TypeError("no route"));
  }, "object-1");
  equal(stage.peers.silenceMs, Infinity);
  await stage.pass(5_000);
  ok(stage.peers.silenceMs < 2_000, `${stage.peers.silenceMs}`);
  isCut = true;
  stage.asked.length = 0;
  await stage.pass(20_000);
  ok(stage.asked.includes("object-1"), "the neighbour was asked");
  ok(stage.peers.silenceMs > 18_000, `${stage.peers.silenceMs}`);
  await stage.close();
});

Deno.test("TopologyPeers counts any node where there is one zone only", async () => {
  const nodes = NODES.map((node) => ({ ...node, zone: "room" }));
  const stage = new Stage(() => Promise.resolve(Response.json({ ...at(7), nodes })), "room");
  stage.known = { ...at(7), nodes };
  await stage.pass(5_000);
  ok(stage.peers.silenceMs < 2_000, `${stage.peers.silenceMs}`);
  await stage.close();
});

Deno.test("withTopology() tells what the node goes by, and leaves everything else alone", async () => {
  const topology = at(7);
  const service = withTopology({
    fetch: () => Promise.reject(new GitStratumError("not-found", "Ask for something else")),
  }, { current: () => topology });
  const response = await service.fetch(new Request("http://a.test/control/v1/topology"));
  deepEqual(await response.json(), JSON.parse(JSON.stringify(topology)));
  const other = service.fetch(new Request("http://a.test/control/v1/topology/watch"));
  ok(await other.then(() => false, () => true));
});
