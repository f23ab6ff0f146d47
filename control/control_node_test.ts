import assert from "node:assert/strict";
import { hasCode, ManualClock, silentLogger, systemRandom } from "@gitstratum/core";
import {
  type Consensus,
  MemoryConsensus,
  type Partition,
  SqliteConsensus,
} from "@gitstratum/core/consensus";
import {
  encodePartitionSet,
  type HeartbeatRequest,
  NodeAgent,
  type NodeAgentOptions,
  type NodeId,
  type NodeRole,
  objectRing,
  OWN_LEVELS,
  type RegisterNodeRequest,
  type RequestId,
  type Topology,
  TopologyClient,
} from "@gitstratum/core/rpc";
import { type ControlNode, openControlNode } from "./control_node.ts";
import { DEFAULT_CONTROL_POLICY } from "./policy.ts";

const logger = silentLogger;
/** A sign of life comes within it. */
const BEAT_MS = DEFAULT_CONTROL_POLICY.heartbeatIntervalMs + 100;

function described(id: string, role: NodeRole = "metadata") {
  const zone = `zone-${id}`;
  return { id: id as NodeId, role, address: `http://${id}.test`, zone, weight: 1 };
}

/** A cluster's control side on a clock that stands still. */
class Stage {
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly consensus: Consensus = new MemoryConsensus({ clock: this.clock, random: systemRandom });
  readonly agents: NodeAgent[] = [];
  readonly controls: ControlNode[] = [];

  async open(policy = DEFAULT_CONTROL_POLICY): Promise<TopologyClient> {
    const { clock, consensus } = this;
    const random = systemRandom;
    const control = await openControlNode({ consensus, clock, random, logger, policy });
    this.controls.push(control);
    return new TopologyClient((request) => control.service.fetch(request));
  }

  async join(
    control: TopologyClient,
    id: string,
    role?: NodeRole,
    facts: Pick<NodeAgentOptions, "caughtUp" | "levels"> = {},
  ): Promise<NodeAgent> {
    const { clock } = this;
    const agent = new NodeAgent({ control, node: described(id, role), clock, logger, ...facts });
    await agent.start();
    this.agents.push(agent);
    return agent;
  }

  async close(): Promise<void> {
    for (const agent of this.agents) await agent.stop();
    for (const control of this.controls) await control.close();
    await this.consensus.close();
  }
}

function states(topology: Topology): string {
  return topology.nodes.map(({ id, state }) => `${id}:${state}`).join(" ");
}

function holderIds(topology: Topology): string[] {
  const ids = topology.partitions.flatMap(({ primary, followers }) => [primary, ...followers]);
  return [...new Set(ids.map(String))].sort();
}

async function staged(
  run: (stage: Stage, control: TopologyClient) => Promise<void>,
  policy = DEFAULT_CONTROL_POLICY,
) {
  const stage = new Stage();
  try {
    await run(stage, await stage.open(policy));
  } finally {
    await stage.close();
  }
}

Deno.test("openControlNode() has an empty topology before anybody registered", () =>
  staged(async (_, control) => {
    const topology = await control.topology();
    assert.equal(topology.version, 0);
    assert.equal(topology.partitions.length, 256);
    assert.ok(topology.partitions.every(({ primary }) => primary === null));
  }));

Deno.test("register() gives the only metadata node every partition at once", () =>
  staged(async (stage, control) => {
    for (const role of ["object", "metadata", "frontend"] as const) {
      await stage.join(control, `${role}-1`, role);
    }
    const topology = await control.topology();
    assert.equal(states(topology), "frontend-1:active metadata-1:active object-1:active");
    assert.ok(topology.partitions.every(({ primary }) => primary === "metadata-1"));
    assert.deepEqual(objectRing(topology).replicas("extent", 3).map(({ id }) => id), ["object-1"]);
    assert.deepEqual(stage.controls[0]!.newestTopology(), topology);
  }));

Deno.test("a node that keeps sending heartbeats changes nothing", () =>
  staged(async (stage, control) => {
    await stage.join(control, "m-1");
    const before = await control.topology();
    await stage.clock.advance(60_000);
    assert.deepEqual(await control.topology(), before);
  }));

Deno.test("a node that falls silent is suspected, then down, and its partitions move", () =>
  staged(async (stage, control) => {
    const agent = await stage.join(control, "m-1");
    await stage.join(control, "m-2");
    await agent.stop();
    await stage.clock.advance(5_500);
    assert.equal(states(await control.topology()), "m-1:suspect m-2:active");
    await stage.clock.advance(4_000);
    const topology = await control.topology();
    assert.equal(states(topology), "m-1:down m-2:active");
    assert.deepEqual(holderIds(topology), ["m-2"]);
  }));

Deno.test("a node that joins gets no partition before it says that it has caught up", () =>
  staged(async (stage, control) => {
    const all = encodePartitionSet(Array.from({ length: 256 }, (_, n) => n as Partition));
    const none = encodePartitionSet([]);
    let told = none;
    await stage.join(control, "m-1", "metadata", { caughtUp: () => all });
    await stage.clock.advance(BEAT_MS);
    const agent = await stage.join(control, "m-2", "metadata", { caughtUp: () => told });
    // What it tells first comes with its first sign of life; until then it is a follower of nothing.
    await stage.clock.advance(5000);
    const joined = await control.topology();
    assert.ok(joined.partitions.every(({ primary }) => primary === "m-1"));
    assert.ok(joined.partitions.every(({ followers }) => followers.includes("m-2" as NodeId)));
    told = all;
    await stage.clock.advance(BEAT_MS);
    const { partitions } = await control.topology();
    assert.equal(partitions.filter(({ primary }) => primary === "m-2").length, 128);
    // It loses its tables, and comes back at once.
    await agent.stop();
    told = none;
    await stage.join(control, "m-2", "metadata", { caughtUp: () => told });
    await stage.clock.advance(BEAT_MS);
    const emptied = await control.topology();
    assert.ok(emptied.partitions.every(({ primary }) => primary === "m-1"));
  }));

Deno.test("a node whose disk is full gives away its partitions, unless all are full", () =>
  staged(async (stage, control) => {
    const full = new Map<string, HeartbeatRequest["diskFull"]>();
    // What nodes tell of their disks, as metadata nodes put it into their signs of life.
    const told = Object.assign(Object.create(control) as TopologyClient, {
      register: (request: RegisterNodeRequest) => control.register(request),
      heartbeat(id: NodeId, request: HeartbeatRequest) {
        const diskFull = full.get(id);
        return control.heartbeat(id, { ...request, ...(diskFull ? { diskFull } : {}) });
      },
    });
    const primariesOf = async () => (await control.topology()).partitions.map((p) => p.primary);
    await stage.join(told, "m-1");
    await stage.join(told, "m-2");
    await stage.clock.advance(2200);
    const before = await primariesOf();
    assert.equal(new Set(before).size, 2);
    full.set("m-1", "lately").set("m-2", "lately");
    await stage.clock.advance(2200);
    assert.deepEqual(await primariesOf(), before, "nobody takes anything");
    full.set("m-1", "lasting").set("m-2", "lasting");
    await stage.clock.advance(2200);
    assert.deepEqual(await primariesOf(), before, "nobody could take anything");
    full.delete("m-2");
    await stage.clock.advance(2200);
    assert.deepEqual(new Set(await primariesOf()), new Set(["m-2"]));
    assert.equal(states(await control.topology()), "m-1:active m-2:active");
    full.clear();
    await stage.clock.advance(2200);
    assert.equal(new Set(await primariesOf()).size, 2);
  }));

Deno.test("a hand-over waits for a new node that is down, and no longer than the policy says", () =>
  staged(async (stage, control) => {
    await stage.join(control, "o-1", "object");
    const before = (await control.topology()).rings!.current;
    const agent = await stage.join(control, "o-2", "object");
    await agent.stop();
    // It is given up after some seconds, and waited for twenty more.
    await stage.clock.advance(20_000);
    const waiting = await control.topology();
    assert.equal(states(waiting), "o-1:active o-2:down");
    assert.equal(waiting.rings!.current.length, 2);
    assert.deepEqual(waiting.rings!.previous, before);
    await stage.clock.advance(10_000);
    const { rings } = await control.topology();
    assert.deepEqual(rings!.current, before);
    assert.equal(rings!.previous, undefined);
    // When it comes back, it joins as it did before.
    await stage.join(control, "o-2", "object");
    assert.equal((await control.topology()).rings!.current.length, 2);
  }, { ...DEFAULT_CONTROL_POLICY, newMemberPatienceMs: 20_000 }));

Deno.test("a node that was given up learns it and comes back under a new incarnation", () =>
  staged(async (stage, control) => {
    const agent = await stage.join(control, "m-1");
    await agent.stop();
    await stage.clock.advance(10_000);
    const late = await control.heartbeat("m-1" as NodeId, { incarnation: 1, ready: true });
    assert.equal(late.state, "down");
    const again = await stage.join(control, "m-1");
    assert.equal(again.incarnation, 2);
    assert.equal(states(await control.topology()), "m-1:active");
    await assert.rejects(
      () => control.heartbeat("m-1" as NodeId, { incarnation: 1, ready: true }),
      (error) => hasCode(error, "conflict"),
    );
  }));

Deno.test("NodeAgent registers again by itself when it was given up", () =>
  staged(async (stage, control) => {
    let isDown = false;
    const flaky = new NodeAgent({
      control: {
        topology: () => control.topology(),
        register: (request) => control.register(request),
        setDraining: (id, draining) => control.setDraining(id, draining),
        leave: (id, incarnation) => control.leave(id, incarnation),
        forget: (id) => control.forget(id),
        heartbeat: (id, request) =>
          isDown ? Promise.reject(new Error("Cut off")) : control.heartbeat(id, request),
      },
      node: described("m-1"),
      clock: stage.clock,
      logger,
    });
    await flaky.start();
    stage.agents.push(flaky);
    isDown = true;
    await stage.clock.advance(12_000);
    assert.equal(states(await control.topology()), "m-1:down");
    isDown = false;
    await stage.clock.advance(4_000);
    assert.equal(flaky.incarnation, 2);
    assert.equal(flaky.state, "active");
    assert.equal(states(await control.topology()), "m-1:active");
  }));

Deno.test("NodeAgent stops when another process takes its id", () =>
  staged(async (stage, control) => {
    const first = await stage.join(control, "m-1");
    await stage.join(control, "m-1");
    await stage.clock.advance(1_500);
    assert.equal(await first.ended(), "superseded");
    const topology = await control.topology();
    assert.equal(topology.nodes[0]?.incarnation, 2);
  }));

Deno.test("register() finds done what comes late or again, also after the next registration", () =>
  staged(async (stage, control) => {
    const attempt = (digit: string) => digit.repeat(32) as RequestId;
    const request = { ...described("m-1"), ready: true };
    const first = { ...request, attempt: attempt("a") };
    assert.equal((await control.register(first)).incarnation, 1);
    assert.equal((await control.register(first)).incarnation, 1);
    assert.equal((await control.register({ ...request, attempt: attempt("b") })).incarnation, 2);
    await control.register(first);
    const beat = { incarnation: 2, ready: true };
    assert.equal((await control.heartbeat(request.id, beat)).state, "active");
    await control.leave(request.id, 2);
    await control.register({ ...request, attempt: attempt("b") });
    await stage.clock.advance(BEAT_MS);
    assert.notEqual(states(await control.topology()), "m-1:active");
    const both = await Promise.all(
      [0, 1].map(() => control.register({ ...request, attempt: attempt("c") })),
    );
    assert.deepEqual(both.map(({ incarnation }) => incarnation), [3, 3]);
  }));

Deno.test("register() refuses an id of another role, and others what was never registered", () =>
  staged(async (stage, control) => {
    await stage.join(control, "n-1", "metadata");
    await assert.rejects(
      () => control.register({ ...described("n-1", "object"), ready: true }),
      (error) => hasCode(error, "already-exists"),
    );
    const stranger = "n-2" as NodeId;
    const isMissing = (error: unknown) => hasCode(error, "not-found");
    await assert.rejects(() => control.setDraining(stranger, true), isMissing);
    await assert.rejects(
      () => control.heartbeat(stranger, { incarnation: 1, ready: true }),
      isMissing,
    );
  }));

Deno.test("setDraining() empties a node while another can take over", () =>
  staged(async (stage, control) => {
    await stage.join(control, "m-1");
    await stage.join(control, "m-2");
    await control.setDraining("m-1" as NodeId, true);
    const topology = await control.topology();
    assert.equal(states(topology), "m-1:draining m-2:active");
    assert.ok(topology.partitions.every(({ primary }) => primary === "m-2"));
    await control.setDraining("m-1" as NodeId, false);
    assert.deepEqual(holderIds(await control.topology()), ["m-1", "m-2"]);
  }));

Deno.test("setRepairPaused() marks an object node, over its restarts, until it is taken back", () =>
  staged(async (stage, control) => {
    const [object, metadata] = ["o-1", "m-1"] as NodeId[] as [NodeId, NodeId];
    await (await stage.join(control, object, "object")).stop();
    await stage.join(control, metadata);
    const isPaused = async () => {
      const { nodes } = await control.topology();
      return nodes.map(({ repairPaused = false }) => repairPaused);
    };
    await control.setRepairPaused(object, true);
    assert.deepEqual(await isPaused(), [false, true]);
    await stage.join(control, object, "object");
    assert.deepEqual(await isPaused(), [false, true]);
    await control.setRepairPaused(object, false);
    assert.deepEqual(await isPaused(), [false, false]);
    await assert.rejects(control.setRepairPaused(metadata, true), (e) => hasCode(e, "invalid"));
    const stranger = control.setRepairPaused("o-9" as NodeId, true);
    await assert.rejects(stranger, (e) => hasCode(e, "not-found"));
  }));

Deno.test("a command of an operator does nothing when it comes after another one, late or again", () =>
  staged(async (stage, control) => {
    const object = "o-1" as NodeId;
    const agent = await stage.join(control, object, "object", { levels: OWN_LEVELS });
    await stage.clock.advance(BEAT_MS);
    const isLate = (error: unknown) => hasCode(error, "conflict");
    const before = await control.basis();
    assert.ok(before.basis !== undefined);
    await control.setDraining(object, true, before);
    await control.setDraining(object, true, before);
    const since = await control.basis();
    await control.setDraining(object, false, since);
    await assert.rejects(control.setDraining(object, true, before), isLate);
    await assert.rejects(control.setRepairPaused(object, true, before), isLate);
    assert.equal(states(await control.topology()), "o-1:active");
    // Nothing was to be done, and what came before it is late all the same.
    const third = await control.basis();
    const fourth = await control.basis();
    await control.setRepairPaused(object, false, fourth);
    await assert.rejects(control.setRepairPaused(object, true, third), isLate);
    const last = await control.basis();
    await agent.leave();
    await stage.join(control, object, "object", { levels: OWN_LEVELS });
    const { nodes: [node] } = await control.topology();
    await control.leave(object, node!.incarnation);
    await assert.rejects(control.forget(object, last), isLate);
    assert.equal(states(await control.topology()), "o-1:down");
    await control.forget(object, await control.basis());
    assert.equal(states(await control.topology()), "");
  }));

Deno.test("a second control node and a new one after it see and keep one topology", () =>
  staged(async (stage, control) => {
    const other = await stage.open();
    await Promise.all(
      Array.from(
        { length: 6 },
        (_, index) => stage.join(index % 2 ? control : other, `m-${index}`),
      ),
    );
    await stage.clock.advance(1_000);
    const topology = await control.topology();
    assert.deepEqual(await other.topology(), topology);
    assert.equal(topology.nodes.length, 6);
    assert.equal(holderIds(topology).length, 6);
    const late = await stage.open();
    await stage.clock.advance(1_000);
    assert.deepEqual(await late.topology(), topology);
  }));

Deno.test("openControlNode() goes on after a restart over the same file", async () => {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-control-" });
  const run = async (check: (client: TopologyClient, clock: ManualClock) => Promise<void>) => {
    const clock = new ManualClock();
    const path = `${directory}/consensus.sqlite`;
    const consensus = new SqliteConsensus(path, { clock, random: systemRandom });
    const control = await openControlNode({
      consensus,
      clock,
      random: systemRandom,
      logger,
      isAlone: true,
    });
    await check(new TopologyClient((request) => control.service.fetch(request)), clock);
    await control.close();
    await consensus.close();
  };
  await run(async (client) => {
    await client.register({ ...described("m-1"), ready: true });
  });
  await run(async (client) => {
    assert.equal(states(await client.topology()), "m-1:active");
    const { incarnation } = await client.register({ ...described("m-1"), ready: true });
    assert.equal(incarnation, 2);
    const topology = await client.topology();
    assert.ok(topology.partitions.every(({ primary }) => primary === "m-1"));
  });
  await run(async (client, clock) => {
    await clock.advance(10_000);
    assert.equal(states(await client.topology()), "m-1:down");
  });
  await Deno.remove(directory, { recursive: true });
});

Deno.test("ControlService answers malformed requests with a clear error", () =>
  staged(async (stage) => {
    const ask = async (method: string, path: string, body?: string) => {
      const request = new Request(`http://control.test${path}`, { method, body: body ?? null });
      const response = await stage.controls[0]!.service.fetch(request);
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await ask("POST", "/control/v1/nodes", "{"), 400);
    assert.equal(await ask("POST", "/control/v1/nodes", '{"id":"../x"}'), 400);
    const address = JSON.stringify({ ...described("m-1"), address: "file:///etc", ready: true });
    assert.equal(await ask("POST", "/control/v1/nodes", address), 400);
    assert.equal(await ask("POST", "/control/v1/nodes/UPPER/heartbeat", "{}"), 400);
    assert.equal(await ask("PUT", "/control/v1/nodes/m-1/draining", '{"draining":1}'), 400);
    assert.equal(await ask("GET", "/control/v1/nowhere"), 404);
  }));
