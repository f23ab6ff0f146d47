/** The control plane over a real etcd of three members, in real time, with everything dying in turn. */

import assert from "node:assert/strict";
import { silentLogger, systemClock, systemRandom } from "@gitstratum/core";
import type { EtcdConsensus, Partition } from "@gitstratum/core/consensus";
import { CutConsensus } from "@gitstratum/core/consensus/cut-consensus";
import { openEtcd, withEtcd } from "@gitstratum/core/consensus/etcd-harness";
import {
  ConsensusNodeLease,
  ControlFailover,
  type Fetcher,
  NodeAgent,
  type NodeId,
  type NodeState,
  type Topology,
} from "@gitstratum/core/rpc";
import { type ControlNode, openControlNode } from "./control_node.ts";

const cluster = withEtcd({ memberCount: 3 });

/** Nothing below takes longer, on however busy a machine. */
const PATIENCE_MS = 60_000;

interface Seat {
  readonly node: ControlNode;
  readonly line: CutConsensus;
  isAway: boolean;
}

/** Three control nodes, each at another member of etcd. */
class Stage {
  readonly stores: EtcdConsensus[] = [];
  readonly seats: Seat[] = [];
  readonly agents: NodeAgent[] = [];

  store(): EtcdConsensus {
    const store = openEtcd(cluster(), { timeoutMs: 1500, checkIntervalMs: 500 });
    this.stores.push(store);
    return store;
  }

  async open(): Promise<void> {
    for (let index = 0; index < 3; index++) {
      const line = new CutConsensus(this.store());
      const node = await openControlNode({
        consensus: line,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        name: `c-${index}`,
      });
      this.seats.push({ node, line, isAway: false });
    }
  }

  readonly fetcher: Fetcher = (request) => {
    const seat = this.seats[Number(new URL(request.url).hostname.slice(2, 3))]!;
    if (seat.isAway) return Promise.reject(new TypeError("connection refused"));
    return seat.node.service.fetch(request);
  };

  async join(id: string): Promise<NodeAgent> {
    const agent = new NodeAgent({
      control: new ControlFailover({
        urls: this.seats.map((_, index) => `http://c-${index}.test`),
        fetcher: this.fetcher,
        clock: systemClock,
        random: systemRandom,
      }),
      node: {
        id: id as NodeId,
        role: "metadata",
        address: `http://${id}.test`,
        zone: id,
        weight: 1,
      },
      clock: systemClock,
      logger: silentLogger,
    });
    await agent.start();
    this.agents.push(agent);
    return agent;
  }

  /** The first topology, from a control node that lives, of which something holds. */
  async until(holds: (topology: Topology) => boolean): Promise<Topology> {
    const { node } = this.seats.find(({ isAway }) => !isAway)!;
    const signal = AbortSignal.timeout(PATIENCE_MS);
    let topology = node.topology.current();
    while (!holds(topology)) topology = await node.topology.changed(topology.version, signal);
    return topology;
  }

  kill(seat: Seat): void {
    seat.isAway = true;
    seat.line.isCut = true;
  }

  async close(): Promise<void> {
    for (const { line } of this.seats) line.mend();
    for (const agent of this.agents) await agent.stop();
    for (const { node } of this.seats) await node.close();
    for (const store of this.stores) await store.close();
  }
}

function is(id: string, state: NodeState): (topology: Topology) => boolean {
  return ({ nodes }) => nodes.some((node) => node.id === id && node.state === state);
}

Deno.test("a control plane over etcd gives up dead nodes while controllers and members die", async () => {
  const stage = new Stage();
  try {
    await stage.open();
    const one = await stage.join("m-1");
    await stage.join("m-2");
    await stage.until((topology) => is("m-1", "active")(topology) && is("m-2", "active")(topology));
    // The elected controller dies, and with it the member of etcd that leads.
    stage.kill(stage.seats.find(({ node }) => node.isElected())!);
    const leader = await cluster().leader();
    await leader.kill();
    await one.stop();
    const startMs = systemClock.monotonicMs();
    const after = await stage.until(is("m-1", "down"));
    assert.ok(is("m-2", "active")(after), "whoever lives is not given up");
    assert.ok(after.partitions.every(({ primary }) => primary === "m-2"));
    const tookMs = systemClock.monotonicMs() - startMs;
    assert.ok(tookMs < 30_000, `${tookMs} ms`);
    await leader.start();
    await cluster().healthy();
  } finally {
    await stage.close();
    for (const member of cluster().members) await member.revive();
  }
});

Deno.test("claims under etcd outlive the control plane, and pass on when their node dies", async () => {
  const stage = new Stage();
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const world = { clock: systemClock, logger: silentLogger };
  const line = new CutConsensus(stage.store());
  const one = await ConsensusNodeLease.open({ ...world, consensus: line, nodeId: "m-1" as NodeId });
  const other = await ConsensusNodeLease.open({
    ...world,
    consensus: stage.store(),
    nodeId: "m-2" as NodeId,
  });
  try {
    const partitions = Array.from({ length: 64 }, (_, number) => number as Partition);
    const claims = await Promise.all(partitions.map((partition) => one.claim(partition, signal)));
    assert.ok(claims.every((claim) => claim.mayServe()));
    const startMs = systemClock.monotonicMs();
    line.isCut = true;
    const taken = await Promise.all(
      partitions.map(async (partition, index) => {
        const claim = await other.claim(partition, signal);
        assert.ok(!claims[index]!.mayServe(), "the former holder gave up before");
        return claim;
      }),
    );
    assert.ok(taken.every((claim) => claim.mayServe()));
    const tookMs = systemClock.monotonicMs() - startMs;
    assert.ok(tookMs < 20_000, `${tookMs} ms`);
  } finally {
    line.mend();
    await one.close();
    await other.close();
    await stage.close();
  }
});
