import assert from "node:assert/strict";
import { readConfig } from "../config.ts";
import { GitStratumError } from "../error.ts";
import { silentLogger } from "../logger.ts";
import { ManualClock } from "../manual_clock.ts";
import type {
  Control,
  HeartbeatResult,
  NodeId,
  NodeRegistration,
  RegisterNodeRequest,
} from "../rpc/topology/topology.ts";
import { OWN_LEVELS } from "../rpc/topology/release_level.ts";
import { SeededRandom } from "../seeded_random.ts";
import { type NodeConfig, nodeConfigTable, readNodeFiles } from "./node_config.ts";
import { openNodeFetchers } from "./node_fetcher.ts";
import { type NodeGround, startNode } from "./node_process.ts";
import type { ProcessWorld } from "./process_world.ts";

const SECRETS: Readonly<Record<string, string>> = {
  ours: `${"s".repeat(40)}\n`,
  rotated: `${"n".repeat(40)}\n${"s".repeat(40)}\n`,
  theirs: `${"t".repeat(40)}\n`,
};

function configOf(secretFile = "ours"): NodeConfig {
  const args = ["--id", "object-7", "--secret-file", secretFile, "--zone", "z1", "--weight", "3"];
  const result = readConfig(nodeConfigTable("127.0.0.1:0"), { args, environment: {} });
  assert.ok(result.kind === "values");
  return result.values;
}

/** A control plane that answers as it is told, and notes who registered. */
class FakeControl implements Control {
  readonly registered: RegisterNodeRequest[] = [];
  readonly left: NodeId[] = [];
  readonly asked = Promise.withResolvers<void>();
  failure: GitStratumError | undefined;
  /** Signs of life that were taken. */
  beatCount = 0;

  topology(): Promise<never> {
    return Promise.reject(new GitStratumError("unavailable", "Know nothing"));
  }

  register(request: RegisterNodeRequest): Promise<NodeRegistration> {
    this.asked.resolve();
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.registered.push(request);
    return Promise.resolve({ incarnation: 1, heartbeatIntervalMs: 1000 });
  }

  heartbeat(): Promise<HeartbeatResult> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.beatCount++;
    return Promise.resolve({ state: "active", topologyVersion: 1 });
  }

  setDraining(): Promise<void> {
    return Promise.resolve();
  }

  leave(id: NodeId): Promise<void> {
    this.left.push(id);
    return Promise.resolve();
  }

  forget(): Promise<void> {
    return Promise.resolve();
  }
}

function setUp(control = new FakeControl()) {
  const clock = new ManualClock(1_700_000_000_000);
  const random = new SeededRandom(3);
  const world: ProcessWorld = {
    args: [],
    environment: {},
    readTextFile: (path) => SECRETS[path]!,
    clock,
    random,
    logger: () => silentLogger,
    print: () => {},
    printError: () => {},
    onEndSignal: () => {},
  };
  const stop = new AbortController();
  const fatal = Promise.withResolvers<unknown>();
  const opening = Promise.withResolvers<NodeGround>();
  const opened = Promise.withResolvers<void>();
  const events: string[] = [];
  const starting = startNode({
    role: "object",
    config: configOf(),
    world,
    context: { logger: silentLogger, signal: stop.signal, onFatal: fatal.resolve },
    async open(ground) {
      opening.resolve(ground);
      await opened.promise;
      ground.releases.add(() => void events.push("role closed"));
      const service = { fetch: () => Promise.resolve(new Response("served")) };
      return { service, control, facts: () => ({ segments: 2 }) };
    },
  });
  const fetchAs = async (secretFile: string, url: string) => {
    const { files } = readNodeFiles(configOf(secretFile), world.readTextFile);
    const fetchers = openNodeFetchers({ files, nodeId: configOf().id!, clock, random });
    try {
      const response = await fetchers.signed(new Request(url));
      return { status: response.status, text: await response.text() };
    } finally {
      fetchers.close();
    }
  };
  const open = () => opened.resolve();
  return { clock, control, events, stop, starting, opening, open, fatal, fetchAs };
}

Deno.test("startNode() listens first, serves when open, and registers where it listens", async () => {
  const { control, events, starting, opening, open, fetchAs } = setUp();
  const { url } = await opening.promise;
  assert.match((await fetchAs("ours", url)).text, /"unavailable"/);
  assert.deepEqual(control.registered, []);
  open();
  const running = await starting;
  assert.equal((await fetchAs("ours", url)).text, "served");
  assert.equal((await fetchAs("theirs", `${url}/healthz`)).status, 403);
  assert.deepEqual(control.registered, [
    {
      id: "object-7",
      role: "object",
      address: url,
      zone: "z1",
      weight: 3,
      ready: true,
      ...OWN_LEVELS,
    },
  ]);
  const admin = /Metrics: (\S+)\/metrics/.exec(running.greeting)![1]!;
  assert.deepEqual(await (await fetch(`${admin}/readyz`)).json(), {
    status: "ok",
    segments: 2,
    state: "joining",
  });
  await running.drain();
  assert.deepEqual(control.left, ["object-7"]);
  const draining = await fetch(`${admin}/readyz`);
  assert.equal(draining.status, 503);
  await draining.body?.cancel();
  assert.equal((await fetchAs("ours", url)).text, "served");
  await running.close();
  assert.deepEqual(events, ["role closed"]);
});

Deno.test("startNode() tells nobody anything who has no secret", async () => {
  const { starting, opening, open } = setUp();
  const { url } = await opening.promise;
  open();
  const running = await starting;
  for (const path of ["/", "/healthz", "/readyz", "/metrics", "/object/v1/extents"]) {
    const answer = await fetch(url + path);
    assert.equal(answer.status, 401);
    assert.equal(await answer.text(), "");
  }
  const admin = /Metrics: (\S+)\/metrics/.exec(running.greeting)![1]!;
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  assert.match(metrics, /^gitstratum_node_requests_refused_total\{reason="no token"\} 5$/m);
  await running.close();
});

Deno.test("startNode() waits for the control plane", async () => {
  const control = new FakeControl();
  control.failure = new GitStratumError("unavailable", "Reach a service");
  const { clock, starting, open } = setUp(control);
  open();
  await control.asked.promise;
  control.failure = undefined;
  // The retry sleeps once its failure was told.
  while (clock.sleeping === 0) await Promise.resolve();
  await clock.advance(1000);
  const running = await starting;
  assert.equal(control.registered.length, 1);
  await running.close();
});

Deno.test("startNode() gives up waiting when the process is to end, and releases what it opened", async () => {
  const control = new FakeControl();
  control.failure = new GitStratumError("unavailable", "Reach a service");
  const { starting, open, stop, events } = setUp(control);
  open();
  await control.asked.promise;
  stop.abort();
  await assert.rejects(starting, { code: "aborted" });
  assert.deepEqual(events, ["role closed"]);
});

Deno.test("startNode() ends the process when another one takes its id", async () => {
  const { clock, control, starting, open, fatal } = setUp();
  open();
  const running = await starting;
  control.failure = new GitStratumError("conflict", "Refuse a heartbeat of an older incarnation");
  await clock.advance(1000);
  assert.match(String(await fatal.promise), /another process acting/);
  await running.close();
});

Deno.test("startNode() ends the process when its cluster has gone on to a later release", async () => {
  const { clock, control, starting, open, fatal } = setUp();
  open();
  const running = await starting;
  control.failure = new GitStratumError(
    "denied",
    "Refuse a node of a release before the cluster's",
    {
      data: { clusterLevel: 9, nodeLevel: 2, nodeLevelLeast: 1 },
    },
  );
  await clock.advance(1000);
  assert.match(String(await fatal.promise), /refused by the cluster/);
  await running.close();
});

Deno.test("startNode() goes on when a control node refuses its token, which a clock can mend", async () => {
  const { clock, control, starting, open } = setUp();
  open();
  const running = await starting;
  control.failure = new GitStratumError("denied", "Be refused by a node of the cluster");
  await clock.advance(3000);
  control.failure = undefined;
  const heard = control.beatCount;
  await clock.advance(3000);
  assert.ok(control.beatCount > heard);
  await running.drain();
  await running.close();
});
