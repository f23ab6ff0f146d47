import assert from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import {
  emptyTopology,
  type NodeId,
  parseNodeId,
  type RepairStatus,
  type Topology,
  type TopologyNode,
} from "@gitstratum/core/rpc";
import {
  operateRepairs,
  type RepairCluster,
  repairCommandOf,
  repairsText,
} from "./repair_command.ts";

const id = (text: string): NodeId => parseNodeId(text);
const IDLE: RepairStatus = {
  ringVersion: 3,
  wantedRingVersion: 3,
  handingOver: false,
  paused: false,
  waiting: false,
  hintCount: 0,
  comparing: false,
};

/** Object nodes o-1 and o-2, of which the second does not answer, and a metadata node. */
function cluster(facts: Partial<TopologyNode> = {}) {
  const asked: string[] = [];
  const nodes = ["m-1", "o-1", "o-2"].map((name): TopologyNode => ({
    id: id(name),
    role: name.startsWith("o") ? "object" : "metadata",
    address: `http://${name}.test`,
    zone: "z",
    weight: 1,
    state: "active",
    incarnation: 1,
    ...facts,
  }));
  const topology: Topology = { ...emptyTopology(), nodes };
  const parts: RepairCluster = {
    control: {
      topology: () => Promise.resolve(topology),
      setRepairPaused: (node, paused) => Promise.resolve(void asked.push(`${node} ${paused}`)),
    },
    fetcher: ({ method, url }) => {
      asked.push(`${method} ${url}`);
      if (url.startsWith("http://o-2")) return Promise.reject(new TypeError("Refuse"));
      return Promise.resolve(Response.json(method === "GET" ? IDLE : {}));
    },
  };
  return { asked, parts };
}

Deno.test("repairCommandOf() reads commands for one node and for all", () => {
  assert.deepEqual(repairCommandOf(["repairs"]), { kind: "repairs" });
  assert.deepEqual(repairCommandOf(["pause", "o-1"]), { kind: "pause", node: "o-1" });
  assert.deepEqual(repairCommandOf(["compare", "all"]), { kind: "compare", node: "all" });
  assert.equal(repairCommandOf(["resume", "NO"]), '"NO" is no name of a node');
  for (const words of [[], ["pause"], ["repairs", "o-1"], ["drain", "o-1"], ["pause", "a", "b"]]) {
    assert.equal(repairCommandOf(words), undefined);
  }
});

Deno.test("operateRepairs() holds up and lets go on, one node or all object nodes", async () => {
  const { asked, parts } = cluster();
  await operateRepairs(parts, { kind: "pause", node: id("o-2") });
  const text = await operateRepairs(parts, { kind: "resume", node: "all" });
  assert.equal(text, "Repairs of o-1 are going on\nRepairs of o-2 are going on");
  assert.deepEqual(asked, ["o-2 true", "o-1 false", "o-2 false"]);
});

Deno.test("operateRepairs() lets nodes compare, and says who does not", async () => {
  const { asked, parts } = cluster();
  const text = await operateRepairs(parts, { kind: "compare", node: "all" });
  assert.equal(text, "o-1 compares itself with its peers\no-2 does not answer");
  assert.equal(asked[0], "POST http://o-1.test/object/v1/replica/upkeep/compare");
  const one = operateRepairs(parts, { kind: "compare", node: id("o-2") });
  await assert.rejects(one, (error) => hasCode(error, "unavailable"));
  const strange = await operateRepairs(parts, { kind: "compare", node: id("m-1") });
  assert.equal(strange, "There is no object node m-1");
  const paused = cluster({ repairPaused: true });
  const held = await operateRepairs(paused.parts, { kind: "compare", node: id("o-1") });
  assert.equal(held, "o-1 is held up: resume it first");
  assert.deepEqual(paused.asked, []);
});

Deno.test("operateRepairs() tells what each node is at", async () => {
  const text = await operateRepairs(cluster().parts, { kind: "repairs" });
  assert.equal(
    text,
    [
      "node  ring  state  peers  copied  failed  hints",
      "o-1   3     idle                          0",
      "o-2         away",
    ].join("\n"),
  );
});

Deno.test("repairsText() tells of hand-overs, pauses and what was done", () => {
  const comparison = {
    peerCount: 4,
    peersDoneCount: 2,
    absent: [id("o-9")],
    copiedCount: 12,
    copiedBytes: 3_000_000,
    failedCount: 1,
  };
  const handing = { ...IDLE, ringVersion: 2, handingOver: true };
  const text = repairsText([
    { id: id("o-1"), status: { ...handing, comparing: true, waiting: true, comparison } },
    { id: id("o-2"), status: { ...handing, paused: true, hintCount: 7 } },
    { id: id("o-3"), status: { ...IDLE, comparing: true } },
    { id: id("o-4"), status: handing },
  ]);
  assert.equal(
    text,
    [
      "node  ring    state                            peers              copied     failed  hints",
      "o-1   2 of 3  handing over, waits for callers  2 of 4 (o-9 away)  12, 3 MiB  1       0",
      "o-2   2 of 3  held up                                                                7",
      "o-3   3       comparing                                                              0",
      "o-4   2 of 3  hand-over to be done                                                   0",
    ].join("\n"),
  );
});
