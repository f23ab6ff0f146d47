import assert from "node:assert/strict";
import { ManualClock, silentLogger, systemRandom } from "@gitstratum/core";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import {
  type Control,
  NodeAgent,
  type NodeId,
  type SpokenLevels,
  TopologyClient,
} from "@gitstratum/core/rpc";
import { admit, CLUSTER_LEVEL_KEY, raise, readClusterLevel } from "./cluster_level.ts";
import { type ControlNode, openControlNode } from "./control_node.ts";
import { encodeJson } from "./stored_json.ts";

const OLD: SpokenLevels = { level: 1, levelLeast: 1 };
const NEW: SpokenLevels = { level: 2, levelLeast: 1 };

/** A control plane whose nodes may be of several releases. */
class Stage implements AsyncDisposable {
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly consensus = new MemoryConsensus({ clock: this.clock, random: systemRandom });
  readonly #agents: NodeAgent[] = [];
  readonly #controls: ControlNode[] = [];

  async open(levels: SpokenLevels = NEW): Promise<Control> {
    const { clock, consensus } = this;
    const world = { consensus, clock, random: systemRandom, logger: silentLogger };
    const control = await openControlNode({ ...world, levels });
    this.#controls.push(control);
    return new TopologyClient((request) => control.service.fetch(request));
  }

  async join(control: Control, id: string, levels: SpokenLevels): Promise<NodeAgent> {
    const world = { clock: this.clock, logger: silentLogger };
    const agent = new NodeAgent({ control, node: described(id), levels, ...world });
    await agent.start();
    this.#agents.push(agent);
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) await agent.stop();
    for (const control of this.#controls) await control.close();
    await this.consensus.close();
  }
}

function described(id: string) {
  const address = `http://${id}.test`;
  return { id: id as NodeId, role: "metadata" as const, address, zone: "z", weight: 1 };
}

Deno.test("a cluster's level rises with the last node of the release before, and never falls", async () => {
  await using stage = new Stage();
  const control = await stage.open();
  const level = async () => (await control.topology()).level;
  // Nodes of the first level tell none.
  await control.register({ ...described("m-1"), ready: true });
  assert.equal(await level(), 1);
  await stage.join(control, "m-2", NEW);
  assert.equal(await level(), 1);
  // Back to the release before, and forward again: nothing was written that it can not read.
  await stage.join(control, "m-2", OLD);
  await stage.join(control, "m-2", NEW);
  const last = await stage.join(control, "m-1", NEW);
  assert.equal(await level(), 2);
  await last.leave();
  assert.equal(await level(), 2);
  assert.equal((await readClusterLevel(stage.consensus)).level, 2);
});

Deno.test("a node that is away holds the level down until it is forgotten", async () => {
  await using stage = new Stage();
  const control = await stage.open();
  const old = await stage.join(control, "m-1", OLD);
  await stage.join(control, "m-2", NEW);
  await old.leave();
  assert.equal((await control.topology()).level, 1);
  await control.forget("m-1" as NodeId);
  assert.equal((await control.topology()).level, 2);
});

Deno.test("register() refuses nodes of a release too far back or ahead, and says so", async () => {
  await using stage = new Stage();
  const control = await stage.open();
  const ahead = { level: 4, levelLeast: 3 };
  const refusal = { code: "denied", data: { clusterLevel: 1, nodeLevel: 4, nodeLevelLeast: 3 } };
  await assert.rejects(stage.join(control, "m-3", ahead), refusal);
  await stage.join(control, "m-1", NEW);
  await assert.rejects(stage.join(control, "m-2", OLD), { code: "denied", message: /before/ });
  await assert.rejects(control.register({ ...described("m-2"), ready: true }), { code: "denied" });
  assert.deepEqual((await control.topology()).nodes.map(({ id }) => id), ["m-1"]);
});

Deno.test("openControlNode() refuses a cluster of a later release, or one too far back", async () => {
  await using stage = new Stage();
  const control = await stage.open();
  await assert.rejects(stage.open({ level: 4, levelLeast: 3 }), { code: "denied" });
  await stage.join(control, "m-1", NEW);
  await assert.rejects(stage.open(OLD), { code: "denied", message: /before/ });
});

Deno.test("a node that is refused when it comes back stops acting", async () => {
  await using stage = new Stage();
  const control = await stage.open();
  const old = await stage.join(control, "m-1", OLD);
  await stage.join(control, "m-2", NEW);
  await old.leave();
  await control.forget("m-1" as NodeId);
  const answers = { refuses: false };
  const late: Control = {
    ...bound(control),
    heartbeat: (id, request) =>
      answers.refuses
        ? Promise.resolve({ state: "down", topologyVersion: 1 })
        : control.heartbeat(id, request),
    register: (request) => control.register(answers.refuses ? { ...request, ...OLD } : request),
  };
  const agent = await stage.join(late, "m-3", NEW);
  answers.refuses = true;
  await stage.clock.advance(5_000);
  assert.equal(await agent.ended(), "refused");
});

/** Calls of a control plane that can be replaced one by one. */
function bound(control: Control): Control {
  return {
    topology: () => control.topology(),
    register: (request) => control.register(request),
    heartbeat: (id, request) => control.heartbeat(id, request),
    setDraining: (id, draining) => control.setDraining(id, draining),
    leave: (id, incarnation) => control.leave(id, incarnation),
    forget: (id) => control.forget(id),
  };
}

Deno.test("a node of a later release refuses a control plane that tells no level", async () => {
  await using stage = new Stage();
  const control = await stage.open();
  const earlier: Control = {
    ...bound(control),
    async register(request) {
      const { level: _, levelLeast: __, ...known } = request;
      const { level: ___, ...answer } = await control.register(known);
      return answer;
    },
  };
  await assert.rejects(stage.join(earlier, "m-1", { level: 3, levelLeast: 2 }), {
    code: "denied",
    message: /too far ahead/,
  });
});

Deno.test("what a control node of an earlier release drops is told again by heartbeats", async () => {
  await using stage = new Stage();
  const control = await stage.open();
  await stage.join(control, "m-1", OLD);
  await stage.join(control, "m-2", NEW);
  for (const key of ["control/nodes/m-2", "control/alive/m-2"]) {
    const found = (await stage.consensus.get(key))!;
    const { level: _, ...rest } = JSON.parse(new TextDecoder().decode(found.value));
    const lease = found.lease === undefined ? {} : { lease: found.lease };
    const then = [{ kind: "put", key, value: encodeJson(rest), ...lease }] as const;
    await stage.consensus.transact({ compares: [], then });
  }
  const of = async (id: string) =>
    (await control.topology()).nodes.find((node) => node.id === id)?.level;
  await stage.clock.advance(2_000);
  assert.equal(await of("m-2"), 2);
});

Deno.test("admit() and raise() of one moment can not both succeed", async () => {
  await using stage = new Stage();
  const { consensus } = stage;
  const found = await readClusterLevel(consensus);
  const steps = [admit(found, OLD), raise(found, 2)];
  const outcomes: boolean[] = [];
  for (const { compare, then } of steps) {
    outcomes.push((await consensus.transact({ compares: [compare], then })).succeeded);
  }
  assert.deepEqual(outcomes, [true, false]);
  assert.deepEqual((await consensus.get(CLUSTER_LEVEL_KEY))?.version, 1);
});
