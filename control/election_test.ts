/** Several control nodes over one store: one acts, and nothing depends on which. */

import assert from "node:assert/strict";
import { hasCode, ManualClock, SeededRandom, silentLogger, systemRandom } from "@gitstratum/core";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import { CutConsensus } from "@gitstratum/core/consensus/cut-consensus";
import {
  ControlFailover,
  type Fetcher,
  NodeAgent,
  type NodeId,
  type NodeRole,
  OWN_LEVELS,
  type Topology,
  TopologyWatcher,
} from "@gitstratum/core/rpc";
import { type ControlNode, openControlNode } from "./control_node.ts";
import { DEFAULT_CONTROL_POLICY } from "./policy.ts";

const { election, graceMs, silenceMs, suspicionMs } = DEFAULT_CONTROL_POLICY;
const NEVER = new AbortController().signal;

interface Seat {
  readonly node: ControlNode;
  readonly line: CutConsensus;
  /** Requests of nodes do not arrive. */
  isAway: boolean;
}

/** A control plane of three and the nodes that it looks after. */
class Stage {
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly store = new MemoryConsensus({ clock: this.clock, random: systemRandom });
  readonly seats: Seat[] = [];
  readonly agents: NodeAgent[] = [];

  async open(): Promise<void> {
    for (let index = 0; index < 3; index++) {
      const line = new CutConsensus(this.store);
      const node = await openControlNode({
        consensus: line,
        clock: this.clock,
        random: systemRandom,
        logger: silentLogger,
        name: `c-${index}`,
      });
      this.seats.push({ node, line, isAway: false });
      await this.clock.advance(1);
    }
  }

  get urls(): string[] {
    return this.seats.map((_, index) => `http://c-${index}.test`);
  }

  readonly fetcher: Fetcher = (request) => {
    const seat = this.seats[this.urls.indexOf(new URL(request.url).origin)]!;
    if (seat.isAway) return Promise.reject(new TypeError("connection refused"));
    return seat.node.service.fetch(request);
  };

  control(seed = 1): ControlFailover {
    const { urls, fetcher, clock } = this;
    return new ControlFailover({ urls, fetcher, clock, random: new SeededRandom(seed) });
  }

  async join(id: string, role: NodeRole = "metadata", address = `http://${id}.test`) {
    const agent = new NodeAgent({
      control: this.control(this.agents.length),
      node: { id: id as NodeId, role, address, zone: id, weight: 1 },
      clock: this.clock,
      logger: silentLogger,
    });
    this.agents.push(agent);
    const starting = agent.start();
    await this.clock.advance(1);
    await starting;
    return agent;
  }

  elected(): Seat[] {
    return this.seats.filter(({ node }) => node.isElected());
  }

  /** Kills a control node: neither nodes nor the store hear of it any more. */
  kill(seat: Seat): void {
    seat.isAway = true;
    seat.line.isCut = true;
  }

  async topology(): Promise<Topology> {
    const asking = this.control().topology();
    await this.clock.advance(1);
    return await asking;
  }

  async close(): Promise<void> {
    for (const { line } of this.seats) line.mend();
    for (const agent of this.agents) await agent.stop();
    for (const { node } of this.seats) await node.close();
    await this.store.close();
    assert.equal(this.clock.sleeping, 0, "nothing goes on after close()");
  }
}

async function staged(run: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = new Stage();
  try {
    await stage.open();
    await run(stage);
  } finally {
    await stage.close();
  }
}

function states(topology: Topology): string {
  return topology.nodes.map(({ id, state }) => `${id}:${state}`).join(" ");
}

Deno.test("openControlNode() elects one of several, and the others publish nothing", () =>
  staged(async (stage) => {
    assert.equal(stage.elected().length, 1);
    await stage.join("m-1");
    await stage.join("m-2");
    await stage.clock.advance(30_000);
    assert.equal(stage.elected().length, 1);
    const topology = await stage.topology();
    assert.equal(states(topology), "m-1:active m-2:active");
    assert.match(topology.cluster!, /^[0-9a-f]{32}$/);
    for (const { node } of stage.seats) assert.deepEqual(node.newestTopology(), topology);
  }));

Deno.test("another controller is elected in bounded time after the elected one died", () =>
  staged(async (stage) => {
    const agent = await stage.join("m-1");
    await stage.join("m-2");
    await stage.clock.advance(5000);
    const [first] = stage.elected();
    stage.kill(first!);
    await agent.stop();
    await stage.clock.advance(election.ttlMs + 1000);
    const [second] = stage.elected();
    assert.ok(second !== undefined && second !== first);
    // Whoever died with the controller is given up by its successor, not much later than by itself.
    await stage.clock.advance(silenceMs + suspicionMs - election.ttlMs + 1000);
    assert.equal(states(await stage.topology()), "m-1:down m-2:active");
  }));

Deno.test("a controller that was paused and replaced publishes nothing any more", () =>
  staged(async (stage) => {
    await stage.join("m-1");
    await stage.clock.advance(1000);
    const [first] = stage.elected();
    first!.line.isCut = true;
    await stage.clock.advance(election.ttlMs + 1000);
    const [second] = stage.elected();
    assert.notEqual(second, first);
    first!.line.mend();
    const { version } = await stage.topology();
    await stage.clock.advance(20_000);
    assert.deepEqual(stage.elected(), [second]);
    assert.equal(
      (await stage.topology()).version,
      version,
      "nothing happened, nothing was written",
    );
  }));

Deno.test("a topology written under a lost office is refused by the store", () =>
  staged(async (stage) => {
    await stage.join("m-1");
    const [first] = stage.elected();
    // The store took the office away, and the controller has not heard of it.
    await stage.store.transact({
      compares: [],
      then: [{ kind: "put", key: "election/controller", value: new Uint8Array(1) }],
    });
    assert.ok(first!.node.isElected());
    const { version } = first!.node.newestTopology();
    const joining = stage.join("m-2");
    await stage.clock.advance(3000);
    await joining;
    assert.equal(first!.node.newestTopology().version, version);
  }));

Deno.test("a controller that resigns is followed at once", () =>
  staged(async (stage) => {
    const [first] = stage.elected();
    await first!.node.drain();
    await stage.clock.advance(10);
    assert.equal(stage.elected().length, 1);
    assert.notEqual(stage.elected()[0], first);
  }));

Deno.test("nodes serve on while the whole control plane is away, and keep their duties after it", () =>
  staged(async (stage) => {
    const agents = [await stage.join("m-1"), await stage.join("m-2"), await stage.join("m-3")];
    const { urls, fetcher, clock } = stage;
    const watcher = new TopologyWatcher({
      urls,
      fetcher,
      clock,
      random: new SeededRandom(9),
      logger: silentLogger,
    });
    watcher.open();
    await clock.advance(1000);
    const before = await watcher.changed(0, NEVER);
    for (const seat of stage.seats) stage.kill(seat);
    await clock.advance(60_000);
    assert.deepEqual(watcher.current(), before);
    assert.equal(stage.elected().length, 0);
    // The control plane is back before the nodes know: their next calls are seconds away.
    for (const seat of stage.seats) seat.line.mend();
    await clock.advance(graceMs / 2);
    assert.equal(stage.elected().length, 1);
    for (const seat of stage.seats) seat.isAway = false;
    await clock.advance(graceMs);
    const after = await stage.topology();
    assert.equal(states(after), "m-1:active m-2:active m-3:active");
    assert.deepEqual(after.partitions, before.partitions);
    for (const agent of agents) assert.equal(agent.incarnation, 1, "nobody was given up");
    await watcher.close();
  }));

Deno.test("a node that leaves hands over at once", () =>
  staged(async (stage) => {
    const agent = await stage.join("m-1");
    await stage.join("m-2");
    const leaving = agent.leave();
    await stage.clock.advance(10);
    await leaving;
    const topology = await stage.topology();
    assert.equal(states(topology), "m-1:down m-2:active");
    assert.ok(topology.partitions.every(({ primary }) => primary === "m-2"));
    await stage.join("m-1");
    await stage.clock.advance(100);
    assert.equal(states(await stage.topology()), "m-1:active m-2:active");
  }));

Deno.test("forget() takes a node off the map, for good and only when it is silent", () =>
  staged(async (stage) => {
    const agent = await stage.join("o-1", "object");
    await stage.join("o-2", "object");
    await stage.clock.advance(1500);
    const control = stage.control();
    const isBusy = (error: unknown) => hasCode(error, "conflict");
    await assert.rejects(() => control.forget("o-1" as NodeId), isBusy);
    await agent.stop();
    await stage.clock.advance(silenceMs + suspicionMs + 1000);
    const forgetting = control.forget("o-1" as NodeId);
    await stage.clock.advance(10);
    await forgetting;
    const topology = await stage.topology();
    assert.equal(states(topology), "o-2:active");
    assert.deepEqual(topology.rings?.current.map(({ id }) => id), ["o-2"]);
    const isGone = (error: unknown) => hasCode(error, "not-found");
    await assert.rejects(() => control.forget("o-1" as NodeId), isGone);
    const again = await stage.join("o-1", "frontend");
    assert.equal(again.incarnation, 2, "incarnations go on");
  }));

Deno.test("register() refuses the data of another cluster, and a second process with one id", () =>
  staged(async (stage) => {
    const agent = await stage.join("m-1");
    const control = stage.control();
    const node = {
      id: "m-1" as NodeId,
      role: "metadata" as const,
      address: "http://elsewhere.test",
      zone: "z",
      weight: 1,
      ready: true,
      ...OWN_LEVELS,
    };
    await assert.rejects(
      () => control.register({ ...node, cluster: "0".repeat(32) }),
      (error) => hasCode(error, "denied"),
    );
    const waits = (error: unknown) => hasCode(error, "unavailable");
    await assert.rejects(() => control.register(node), waits);
    assert.equal(agent.cluster, (await stage.topology()).cluster);
    await agent.stop();
    await stage.clock.advance(silenceMs + 1000);
    const registering = control.register({ ...node, cluster: agent.cluster! });
    await stage.clock.advance(10);
    assert.equal((await registering).incarnation, 2, "its address changed while it was silent");
  }));
