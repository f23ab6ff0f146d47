import assert from "node:assert/strict";
import { GitStratumError, silentLogger } from "@gitstratum/core";
import { type Control, type HeartbeatRequest, parseNodeId } from "@gitstratum/core/rpc";
import { AbleNodeControl } from "./able_node_control.ts";

const ID = parseNodeId("metadata-1");
const BEAT = { incarnation: 3, ready: true };

function setUp() {
  const asked: string[] = [];
  const state = {
    isAble: true,
    diskFull: undefined as HeartbeatRequest["diskFull"],
    failure: undefined as Error | undefined,
  };
  const answer = <T>(what: string, result: T): Promise<T> => {
    asked.push(what);
    return state.failure === undefined ? Promise.resolve(result) : Promise.reject(state.failure);
  };
  const control = {
    register: () => answer("register", { incarnation: 3, heartbeatIntervalMs: 1 }),
    heartbeat: (_: string, { diskFull }: HeartbeatRequest) =>
      answer(`heartbeat ${diskFull ?? "with room"}`, { state: "active", topologyVersion: 1 }),
    leave: (_: string, incarnation: number) => answer(`leave ${incarnation}`, undefined),
  } as unknown as Control;
  const isAble = () => state.isAble;
  const diskFull = () => state.diskFull;
  const options = { isAble, diskFull, logger: silentLogger };
  return { asked, state, bound: new AbleNodeControl(control, options) };
}

const NODE = {
  id: ID,
  role: "metadata",
  address: "http://m",
  zone: "z",
  weight: 1,
  ready: true,
} as const;

Deno.test("AbleNodeControl passes on what an able node says", async () => {
  const { asked, bound } = setUp();
  await bound.register(NODE);
  await bound.heartbeat(ID, BEAT);
  assert.deepEqual(asked, ["register", "heartbeat with room"]);
});

Deno.test("AbleNodeControl tells of a full disk, and goes on to be heard", async () => {
  const { asked, state, bound } = setUp();
  for (const diskFull of ["lately", "lasting", undefined] as const) {
    state.diskFull = diskFull;
    await bound.heartbeat(ID, BEAT);
  }
  assert.deepEqual(asked, ["heartbeat lately", "heartbeat lasting", "heartbeat with room"]);
});

Deno.test("AbleNodeControl says that a node leaves which is unable, and keeps silent", async () => {
  const { asked, state, bound } = setUp();
  state.isAble = false;
  await assert.rejects(bound.heartbeat(ID, BEAT), { code: "unavailable" });
  await assert.rejects(bound.register(NODE), { code: "unavailable" });
  assert.deepEqual(asked, ["leave 3"]);
  state.failure = new GitStratumError("unavailable", "Reach a service");
  await assert.rejects(bound.heartbeat(ID, BEAT), /unable/);
  state.failure = undefined;
  state.isAble = true;
  await bound.heartbeat(ID, BEAT);
  assert.deepEqual(asked, ["leave 3", "leave 3", "heartbeat with room"]);
});
