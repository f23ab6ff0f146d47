import assert from "node:assert/strict";
import { hasCode, ManualClock, systemRandom } from "@gitstratum/core";
import { type Consensus, MemoryConsensus } from "@gitstratum/core/consensus";
import type { HeartbeatRequest, NodeId } from "@gitstratum/core/rpc";
import { aliveRecordSchema, NodeRegistry } from "./node_registry.ts";
import { DEFAULT_CONTROL_POLICY } from "./policy.ts";
import { decodeJson } from "./stored_json.ts";

const ID = "object-1" as NodeId;
const { heartbeatIntervalMs, silenceMs } = DEFAULT_CONTROL_POLICY;

/** Control nodes over one store, on a clock that stands still. */
class Stage {
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly store = new MemoryConsensus({ clock: this.clock, random: systemRandom });
  /** Reads and prolonged leases. */
  readonly counts = { get: 0, keepAlive: 0 };

  registry(): NodeRegistry {
    const { store, counts } = this;
    const counted = new Proxy<Consensus>(store, {
      get(_, name: keyof Consensus) {
        if (name === "get" || name === "keepAlive") counts[name]++;
        return store[name].bind(store);
      },
    });
    return new NodeRegistry(counted, {
      policy: DEFAULT_CONTROL_POLICY,
      cluster: "c",
      clock: this.clock,
    });
  }

  async register(registry: NodeRegistry): Promise<number> {
    const { incarnation } = await registry.register({
      ...{ id: ID, role: "object", address: "http://object-1.test", zone: "z", weight: 1 },
      ready: true,
    });
    return incarnation;
  }

  /** What is stored of the node's life. */
  async alive() {
    const found = await this.store.get(`control/alive/${ID}`);
    return found && decodeJson(found, aliveRecordSchema);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
  }
}

Deno.test("heartbeat() that says the same again prolongs a lease, and seldom reads", async () => {
  await using stage = new Stage();
  const registry = stage.registry();
  const request: HeartbeatRequest = { incarnation: await stage.register(registry), ready: true };
  await registry.heartbeat(ID, request);
  stage.counts.get = 0;
  stage.counts.keepAlive = 0;
  const count = 30;
  for (let beat = 0; beat < count; beat++) {
    await stage.clock.advance(heartbeatIntervalMs);
    await registry.heartbeat(ID, request);
    assert.deepEqual(await stage.alive(), request);
  }
  assert.equal(stage.counts.keepAlive, count);
  assert.ok(stage.counts.get <= Math.ceil(count / 3), `${stage.counts.get} reads`);
  await stage.clock.advance(silenceMs + 1000);
  assert.equal(await stage.alive(), undefined);
});

Deno.test("heartbeat() keeps a node alive that told another control node something else", async () => {
  for (let away = 1; away < 6; away++) {
    await using stage = new Stage();
    const [one, other] = [stage.registry(), stage.registry()];
    const request: HeartbeatRequest = { incarnation: await stage.register(one), ready: true };
    const turned = { ...request, ready: false };
    await one.heartbeat(ID, request);
    for (let beat = 0; beat < 20; beat++) {
      await stage.clock.advance(heartbeatIntervalMs);
      if (beat < away) await one.heartbeat(ID, request);
      else if (beat === away) await other.heartbeat(ID, turned);
      else await one.heartbeat(ID, request);
      assert.ok(await stage.alive() !== undefined, `alive at beat ${beat}, away at ${away}`);
    }
    assert.deepEqual(await stage.alive(), request);
  }
});

Deno.test("heartbeat() soon refuses an incarnation that was followed by another elsewhere", async () => {
  await using stage = new Stage();
  const [one, other] = [stage.registry(), stage.registry()];
  const request: HeartbeatRequest = { incarnation: await stage.register(one), ready: true };
  await one.heartbeat(ID, request);
  await one.heartbeat(ID, request);
  const newer = { ...request, incarnation: await stage.register(other) };
  let refusedAtMs = -1;
  for (let ms = 0; ms < silenceMs && refusedAtMs < 0; ms += heartbeatIntervalMs) {
    await other.heartbeat(ID, newer);
    await one.heartbeat(ID, request).catch((error) => {
      assert.ok(hasCode(error, "conflict"));
      refusedAtMs = ms;
    });
    await stage.clock.advance(heartbeatIntervalMs);
  }
  assert.ok(refusedAtMs >= 0, "The older one is refused before it would have been silent");
  assert.deepEqual(await stage.alive(), newer);
  // Where the newer one registered, at once.
  await assert.rejects(other.heartbeat(ID, request), (error) => hasCode(error, "conflict"));
});
