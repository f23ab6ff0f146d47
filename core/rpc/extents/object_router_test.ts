import assert from "node:assert/strict";
import { GitStratumError, hasCode } from "../../error.ts";
import { ManualClock } from "../../manual_clock.ts";
import { SeededRandom } from "../../seeded_random.ts";
import { errorResponse } from "../error_response.ts";
import { checksumText } from "./extent_wire.ts";
import { type ExtentId, extentId, type GroupId, type NetworkId, packId } from "../ids.ts";
import { ManualTopology } from "../topology/manual_topology.ts";
import { ObjectRouter } from "./object_router.ts";
import { RoutedExtentStore } from "./routed_extent_store.ts";
import { emptyTopology, type NodeId, type NodeState, type Topology } from "../topology/topology.ts";

const ID: ExtentId = extentId(packId("00000000000000000000000000000abc" as GroupId, "h"), 0);
const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const RANGE = { offset: 0, length: 4 };
const BYTES = Uint8Array.of(1, 2, 3, 4);

/** What a node answers. */
type Answer = "bytes" | "silence" | "refusal" | "half" | GitStratumError;

function topologyOf(states: readonly NodeState[]): Topology {
  const nodes = states.map((state, n) => ({
    id: `object-${n}` as NodeId,
    role: "object" as const,
    address: `http://object-${n}`,
    zone: `zone-${n}`,
    weight: 1,
    state,
    incarnation: 1,
  }));
  return { ...emptyTopology(), nodes };
}

/** A store over nodes that answer as they are told. */
class World {
  readonly clock = new ManualClock();
  readonly topology: ManualTopology;
  readonly store: RoutedExtentStore;
  readonly router: ObjectRouter;
  /** Names of the nodes that were asked, in order. */
  readonly asked: string[] = [];
  /** Names of the nodes whose calls were cut off. */
  readonly cut: string[] = [];
  readonly answers = new Map<string, Answer>();

  constructor(states: readonly NodeState[] = ["active", "active", "active"]) {
    this.topology = new ManualTopology(topologyOf(states));
    const options = {
      topology: this.topology,
      fetcherFor: () => (request: Request) => this.#answer(request),
      clock: this.clock,
      random: new SeededRandom(1),
    };
    this.store = new RoutedExtentStore(options);
    this.router = new ObjectRouter(options);
  }

  /** The nodes in the order in which they are asked while all are well. */
  get order(): string[] {
    return this.router.nodesOf(ID).map(({ id }) => id);
  }

  #answer(request: Request): Promise<Response> {
    const name = new URL(request.url).hostname;
    this.asked.push(name);
    const answer = this.answers.get(name) ?? "bytes";
    if (answer instanceof GitStratumError) return Promise.resolve(errorResponse(answer));
    const headers = { "x-gitstratum-xxh64": checksumText(BYTES), "content-length": "4" };
    switch (answer) {
      case "bytes":
        return Promise.resolve(new Response(BYTES, { headers }));
      case "half":
        return Promise.resolve(new Response(BYTES.subarray(2), { headers }));
      case "refusal":
        return Promise.reject(new TypeError("Connection refused"));
      case "silence":
        return new Promise((_, reject) => {
          request.signal.addEventListener("abort", () => {
            this.cut.push(name);
            reject(request.signal.reason);
          });
        });
    }
  }

  /** Lets time pass until a call has its answer. */
  async passing<T>(call: Promise<T>): Promise<T> {
    let ended = false;
    call.catch(() => {}).finally(() => {
      ended = true;
    });
    while (!ended) await this.clock.advance(100);
    return await call;
  }
}

Deno.test("RoutedExtentStore asks one node while that answers", async () => {
  const world = new World();
  assert.deepEqual(await world.store.read(ID, RANGE), BYTES);
  assert.deepEqual(world.asked, world.order.slice(0, 1));
});

Deno.test("RoutedExtentStore writes small extents together, to an owner of the largest", async () => {
  const small = ["h", "c", "i"].map((part, n) => ({
    id: extentId(packId(`${n}`.padStart(32, "0") as GroupId, part as "h"), 0),
    bytes: new Uint8Array([100, 5000, 300][n]!),
  }));
  const large = { id: ID, bytes: new Uint8Array(1 << 20) };
  const world = new World(Array<NodeState>(20).fill("active"));
  await world.store.write(OWNER, [...small, large]);
  const owners = [small[1]!, large].map(({ id }) => world.router.nodesOf(id)[0]!.id);
  assert.deepEqual(world.asked, owners);
  await world.store.write(OWNER, []);
  assert.equal(world.asked.length, 2);
});

Deno.test("RoutedExtentStore asks the next node when one fails, whatever the way", async () => {
  const failures: Answer[] = [
    "refusal",
    "half",
    new GitStratumError("unavailable", "Reach no quorum"),
    new GitStratumError("corrupt", "Find no intact copy"),
    new GitStratumError("unsupported", "Find no such operation"),
    new GitStratumError("not-found", "Find no such extent"),
  ];
  for (const failure of failures) {
    const world = new World();
    const { order } = world;
    world.answers.set(order[0]!, failure);
    assert.deepEqual(await world.store.read(ID, RANGE), BYTES);
    assert.deepEqual(world.asked, order.slice(0, 2));
  }
});

Deno.test("RoutedExtentStore believes at once what no other node can know better", async () => {
  for (const code of ["invalid", "conflict", "disk-full", "exhausted"] as const) {
    const world = new World();
    world.answers.set(world.order[0]!, new GitStratumError(code, "Refuse"));
    const call = world.store.read(ID, RANGE);
    await assert.rejects(call, (error) => hasCode(error, code));
    assert.equal(world.asked.length, 1);
  }
});

Deno.test("RoutedExtentStore believes that there is nothing when two nodes say so", async () => {
  const world = new World();
  const { order } = world;
  for (const name of order) {
    world.answers.set(name, new GitStratumError("not-found", "Find no such extent"));
  }
  assert.equal(await world.store.stat(ID), undefined);
  assert.deepEqual(world.asked, order.slice(0, 2));
  const alone = new World(["active"]);
  alone.answers.set("object-0", new GitStratumError("not-found", "Find no such extent"));
  assert.equal(await alone.store.stat(ID), undefined);
});

Deno.test("RoutedExtentStore asks a second node when the first is late, and cuts off who lost", async () => {
  const world = new World();
  const { order } = world;
  world.answers.set(order[0]!, "silence");
  const read = world.store.read(ID, RANGE);
  await world.clock.advance(399);
  assert.deepEqual(world.asked, order.slice(0, 1));
  await world.clock.advance(1);
  assert.deepEqual(await read, BYTES);
  assert.deepEqual(world.asked, order.slice(0, 2));
  assert.deepEqual(world.cut, order.slice(0, 1));
  assert.equal(world.clock.sleeping, 0);
});

Deno.test("RoutedExtentStore passes over a node that failed three times, until a pause is over", async () => {
  const world = new World();
  const { order } = world;
  world.answers.set(order[0]!, "refusal");
  for (let n = 0; n < 3; n++) await world.store.read(ID, RANGE);
  world.asked.length = 0;
  await world.store.read(ID, RANGE);
  assert.deepEqual(world.asked, [order[1]]);
  await world.clock.advance(1000);
  world.answers.delete(order[0]!);
  await world.store.read(ID, RANGE);
  assert.equal(world.asked.at(-1), order[0]);
});

Deno.test("RoutedExtentStore asks nodes that the topology calls suspect or down last", async () => {
  const { order } = new World();
  const states = [0, 1, 2].map((n) => `object-${n}` === order[0] ? "down" : "active" as const);
  const world = new World(states as NodeState[]);
  await world.store.read(ID, RANGE);
  assert.deepEqual(world.asked, [order[1]]);
});

Deno.test("RoutedExtentStore calls again until nodes are back, or appear, and gives up in the end", async () => {
  const world = new World();
  for (const name of world.order) world.answers.set(name, "refusal");
  const read = world.store.read(ID, RANGE);
  await world.clock.advance(5000);
  world.answers.clear();
  assert.deepEqual(await world.passing(read), BYTES);

  const none = new World([]);
  const early = none.store.read(ID, RANGE);
  await none.clock.advance(100);
  none.topology.set(topologyOf(["active"]));
  assert.deepEqual(await early, BYTES);

  const dead = new World();
  for (const name of dead.order) dead.answers.set(name, "refusal");
  const lost = dead.passing(dead.store.read(ID, RANGE));
  await assert.rejects(lost, (error) => hasCode(error, "unavailable"));
  assert.ok(dead.clock.monotonicMs() >= 15_000 && dead.clock.monotonicMs() < 20_000);
  assert.equal(dead.clock.sleeping, 0);
});

Deno.test("RoutedExtentStore sends each large extent of a write to an owner of its own", async () => {
  const world = new World(["active", "active", "active", "active", "active"]);
  const bytes = new Uint8Array(300_000);
  const extents = Array.from({ length: 50 }, (_, n) => ({
    id: extentId(packId(n.toString(16).padStart(32, "0") as GroupId, "c"), 0),
    bytes,
  }));
  await world.store.write(OWNER, extents);
  const owners = extents.map(({ id }) => world.router.nodesOf(id)[0]!.id as string);
  assert.deepEqual(world.asked.toSorted(), owners.toSorted());
  assert.equal(new Set(world.asked).size, 5);
});
