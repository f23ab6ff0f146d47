import assert from "node:assert/strict";
import fc from "fast-check";
import type { Partition } from "../../consensus/log.ts";
import { CutConsensus } from "../../consensus/testing/cut_consensus.ts";
import { MemoryConsensus } from "../../consensus/memory_consensus.ts";
import { hasCode } from "../../error.ts";
import { NODE_LEASE_MARGIN_MS, NODE_LEASE_MS, NODE_LEASE_RENEW_MS } from "../../limits.ts";
import { silentLogger } from "../../logger.ts";
import { ManualClock } from "../../manual_clock.ts";
import { systemRandom } from "../../random.ts";
import { SeededRandom } from "../../seeded_random.ts";
import { ConsensusNodeLease } from "./consensus_node_lease.ts";
import type { PartitionClaim } from "./node_lease.ts";
import type { NodeId } from "../topology/topology.ts";

const NEVER = new AbortController().signal;
const P = 7 as Partition;

/** Nodes over one store, each by a line of its own, on a clock that stands still. */
class Stage {
  readonly clock = new ManualClock();
  readonly store = new MemoryConsensus({ clock: this.clock, random: systemRandom });
  readonly lines = new Map<string, CutConsensus>();
  readonly leases: ConsensusNodeLease[] = [];

  async lease(name: string): Promise<ConsensusNodeLease> {
    const line = new CutConsensus(this.store);
    this.lines.set(name, line);
    const lease = await ConsensusNodeLease.open({
      consensus: line,
      nodeId: name as NodeId,
      clock: this.clock,
      logger: silentLogger,
    });
    this.leases.push(lease);
    return lease;
  }

  cut(name: string, isCut = true): void {
    this.lines.get(name)!.isCut = isCut;
  }

  async close(): Promise<void> {
    for (const line of this.lines.values()) line.mend();
    for (const lease of this.leases) await lease.close();
    await this.store.close();
    assert.equal(this.clock.sleeping, 0, "nothing goes on after close()");
  }
}

async function staged(run: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = new Stage();
  try {
    await run(stage);
  } finally {
    await stage.close();
  }
}

/** Notes what a claim comes to. */
function noted(claiming: Promise<PartitionClaim>): { claim(): PartitionClaim | undefined } {
  let found: PartitionClaim | undefined;
  claiming.then((claim) => void (found = claim), () => {});
  return { claim: () => found };
}

Deno.test("ConsensusNodeLease.claim() gives a free partition at once and keeps it", () =>
  staged(async (stage) => {
    const lease = await stage.lease("m-1");
    assert.ok(lease.mayServe());
    const claim = await lease.claim(P, NEVER);
    assert.equal(claim.lostAtMs, NODE_LEASE_MS - NODE_LEASE_MARGIN_MS);
    await stage.clock.advance(10 * NODE_LEASE_MS);
    assert.ok(claim.mayServe() && lease.mayServe());
    assert.ok(!claim.lost.aborted);
  }));

Deno.test("ConsensusNodeLease.claim() waits until the claim is released", () =>
  staged(async (stage) => {
    const [one, other] = [await stage.lease("m-1"), await stage.lease("m-2")];
    const claim = await one.claim(P, NEVER);
    const waiting = noted(other.claim(P, NEVER));
    await stage.clock.advance(3 * NODE_LEASE_MS);
    assert.ok(!waiting.claim());
    await claim.release();
    assert.ok(claim.lost.aborted && !claim.mayServe());
    assert.equal(claim.lostAtMs, -Infinity);
    // The watch tells: nobody waits for the next try.
    await stage.clock.advance(1);
    assert.ok(waiting.claim()?.mayServe());
    assert.ok(one.mayServe(), "the lease itself goes on");
  }));

Deno.test("ConsensusNodeLease.claim() writes nothing while it waits and hears nothing", () =>
  staged(async (stage) => {
    const [first, second] = [await stage.lease("m-1"), await stage.lease("m-2")];
    const held = await first.claim(P, NEVER);
    const line = stage.lines.get("m-2")!;
    let writeCount = 0;
    const transact = line.transact.bind(line);
    line.transact = (transaction) => (writeCount++, transact(transaction));
    const waiting = second.claim(P, NEVER);
    await stage.clock.advance(0);
    const begun = writeCount;
    for (let n = 0; n < 40; n++) await stage.clock.advance(NODE_LEASE_RENEW_MS / 2);
    assert.equal(writeCount, begun);
    await held.release();
    const claim = await waiting;
    assert.ok(claim.mayServe());
    await claim.release();
  }));

Deno.test("ConsensusNodeLease gives up before another node can claim", () =>
  staged(async (stage) => {
    const [one, other] = [await stage.lease("m-1"), await stage.lease("m-2")];
    const claim = await one.claim(P, NEVER);
    const waiting = noted(other.claim(P, NEVER));
    await stage.clock.advance(2.5 * NODE_LEASE_RENEW_MS);
    stage.cut("m-1");
    await stage.clock.advance(claim.lostAtMs - stage.clock.monotonicMs() - 1);
    assert.ok(claim.mayServe());
    await stage.clock.advance(1);
    assert.ok(!claim.mayServe() && claim.lost.aborted && !one.mayServe());
    assert.ok(!waiting.claim());
    await stage.clock.advance(NODE_LEASE_MARGIN_MS + NODE_LEASE_RENEW_MS);
    assert.ok(waiting.claim()?.mayServe());
    stage.cut("m-1", false);
    await stage.clock.advance(NODE_LEASE_RENEW_MS);
    assert.ok(one.mayServe(), "a new term");
    assert.ok(!claim.mayServe(), "and the claim of the former one stays lost");
  }));

Deno.test("ConsensusNodeLease never revives a claim by an answer that comes late", () =>
  staged(async (stage) => {
    // The store believes in the lease all the time; the node was stopped and can not know.
    const slow = new ManualClock();
    const lease = await ConsensusNodeLease.open({
      consensus: stage.store,
      nodeId: "m-1" as NodeId,
      clock: slow,
      logger: silentLogger,
    });
    const claim = await lease.claim(P, NEVER);
    await slow.advance(NODE_LEASE_MS - NODE_LEASE_MARGIN_MS - NODE_LEASE_RENEW_MS);
    let answer = () => {};
    const asked = new Promise<void>((resolve) => answer = resolve);
    const { keepAlive } = stage.store;
    stage.store.keepAlive = async (id) => {
      await keepAlive.call(stage.store, id);
      await asked;
    };
    await slow.advance(NODE_LEASE_MS);
    assert.ok(!claim.mayServe());
    answer();
    await slow.advance(0);
    assert.ok(!claim.mayServe() && claim.lost.aborted);
    stage.store.keepAlive = keepAlive;
    await lease.close();
  }));

Deno.test("ConsensusNodeLease.claim() takes back what it wrote when the answer was lost", () =>
  staged(async (stage) => {
    const lease = await stage.lease("m-1");
    const line = stage.lines.get("m-1")!;
    line.isDeaf = true;
    const waiting = noted(lease.claim(P, NEVER));
    await stage.clock.advance(10);
    assert.ok(!waiting.claim());
    assert.notEqual(await stage.store.get("claims/00007"), undefined);
    line.isDeaf = false;
    await stage.clock.advance(1500);
    assert.ok(waiting.claim()?.mayServe());
  }));

Deno.test("ConsensusNodeLease leaves no claim behind that nobody holds", () =>
  staged(async (stage) => {
    const [one, other] = [await stage.lease("m-1"), await stage.lease("m-2")];
    const line = stage.lines.get("m-1")!;
    const stop = new AbortController();
    line.isDeaf = true;
    const gaveUp = assert.rejects(one.claim(P, stop.signal), (error) => hasCode(error, "aborted"));
    await stage.clock.advance(10);
    stop.abort();
    await gaveUp;
    line.isDeaf = false;
    const claim = noted(other.claim(P, NEVER));
    await stage.clock.advance(3000);
    assert.ok(claim.claim()?.mayServe(), "swept though the lease of m-1 lives");
    stage.cut("m-2");
    await claim.claim()!.release();
    await stage.clock.advance(10);
    const again = noted(one.claim(P, NEVER));
    stage.cut("m-2", false);
    await stage.clock.advance(3000);
    assert.ok(again.claim()?.mayServe(), "a release that was lost is repeated");
  }));

Deno.test("ConsensusNodeLease.claim() ends with its signal and with the lease", () =>
  staged(async (stage) => {
    const [one, other] = [await stage.lease("m-1"), await stage.lease("m-2")];
    const claim = await one.claim(P, NEVER);
    const stop = new AbortController();
    const isAborted = (error: unknown) => hasCode(error, "aborted");
    const stopped = assert.rejects(other.claim(P, stop.signal), isAborted);
    await stage.clock.advance(10);
    stop.abort();
    await stopped;
    const closed = assert.rejects(other.claim(P, NEVER), isAborted);
    await stage.clock.advance(10);
    await other.close();
    await closed;
    const next = noted((await stage.lease("m-3")).claim(P, NEVER));
    await one.close();
    await stage.clock.advance(1);
    assert.ok(claim.lost.aborted);
    assert.ok(next.claim()?.mayServe(), "a node that stops hands over at once");
  }));

Deno.test("ConsensusNodeLease opens without a store and begins when it is there", () =>
  staged(async (stage) => {
    const line = new CutConsensus(stage.store);
    line.isCut = true;
    stage.lines.set("m-1", line);
    const lease = await ConsensusNodeLease.open({
      consensus: line,
      nodeId: "m-1" as NodeId,
      clock: stage.clock,
      logger: silentLogger,
    });
    stage.leases.push(lease);
    assert.ok(!lease.mayServe());
    const waiting = noted(lease.claim(P, NEVER));
    line.isCut = false;
    await stage.clock.advance(NODE_LEASE_RENEW_MS + 100);
    assert.ok(lease.mayServe() && waiting.claim()?.mayServe());
  }));

Deno.test("ConsensusNodeLease lets no two nodes serve a partition, whatever the lines do", async () => {
  const step = fc.record({
    node: fc.nat(2),
    does: fc.constantFrom("claim", "release", "cut", "deafen", "mend", "nothing"),
    afterMs: fc.integer({ min: 1, max: 2500 }),
  });
  const scripts = fc.array(step, { minLength: 8, maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(scripts, (script) => staged((stage) => playScript(stage, script))),
    { numRuns: 6 },
  );
});

interface Step {
  readonly node: number;
  readonly does: "claim" | "release" | "cut" | "deafen" | "mend" | "nothing";
  readonly afterMs: number;
}

async function playScript(stage: Stage, script: readonly Step[]): Promise<void> {
  const names = ["m-0", "m-1", "m-2"];
  const leases = await Promise.all(names.map((name) => stage.lease(name)));
  const claims = names.map((): PartitionClaim | "waiting" | undefined => undefined);
  const random = new SeededRandom(script.length);
  for (const { node, does, afterMs } of script) {
    const line = stage.lines.get(names[node]!)!;
    const held = claims[node];
    if (does === "cut") line.isCut = true;
    if (does === "deafen") line.isDeaf = true;
    if (does === "mend") line.mend();
    const isLost = typeof held === "object" && held.lost.aborted;
    if (does === "claim" && (held === undefined || isLost)) {
      claims[node] = "waiting";
      leases[node]!.claim(P, NEVER).then((claim) => claims[node] = claim, () => {});
    }
    if (does === "release" && typeof held === "object") {
      claims[node] = undefined;
      await held.release();
    }
    for (let leftMs = afterMs; leftMs > 0;) {
      const ms = Math.min(leftMs, 100 + random.below(600));
      leftMs -= ms;
      await stage.clock.advance(ms);
      const serving = claims.filter((claim) => typeof claim === "object" && claim.mayServe());
      assert.ok(serving.length <= 1, `${serving.length} serve`);
    }
  }
}
