import assert from "node:assert/strict";
import {
  hasCode,
  ManualClock,
  SeededRandom,
  silentLogger,
  TOPOLOGY_WATCH_BEAT_MS,
} from "@gitstratum/core";
import {
  emptyTopology,
  type NodeId,
  readJsonLines,
  type Topology,
  TopologyHolder,
  type TopologyLine,
  TopologyWatcher,
} from "@gitstratum/core/rpc";
import { ControlService } from "./control_service.ts";
import { TopologyStreams } from "./topology_streams.ts";

const NEVER = new AbortController().signal;

function topologyOf(version: number): Topology {
  const partitions = [...emptyTopology().partitions];
  partitions[version % 256] = { primary: `m-${version}` as NodeId, followers: [] };
  return { ...emptyTopology(), version, partitions };
}

/** Streams of a topology that the test brings. */
class Stage {
  readonly clock = new ManualClock();
  readonly holder = new TopologyHolder();
  isInTouch = true;
  readonly streams: TopologyStreams;
  readonly service: ControlService;

  constructor() {
    const { holder } = this;
    const source = {
      current: () => holder.current(),
      changed: (version: number, signal: AbortSignal) => holder.changed(version, signal),
      refresh: () => Promise.resolve(),
    };
    this.streams = new TopologyStreams(source, this.clock, { isInTouch: () => this.isInTouch });
    const unused = () => Promise.reject(new Error("Not asked here"));
    this.service = new ControlService({
      control: {
        topology: () => Promise.resolve(holder.current()),
        register: unused,
        heartbeat: unused,
        basis: unused,
        setDraining: unused,
        setRepairPaused: unused,
        leave: unused,
        forget: unused,
      },
      streams: this.streams,
      rates: { settle: unused },
      webhooks: {
        create: unused,
        change: unused,
        remove: unused,
        find: unused,
        list: unused,
        basis: unused,
      },
      audit: { query: unused },
      releaseLevel: () => 1,
      access: { fetch: unused },
      logger: silentLogger,
    });
  }

  /** The lines of a stream, as they are asked for. */
  read(after: number): AsyncGenerator<TopologyLine> {
    const lines = readJsonLines(this.streams.open(after), { lineLengthMax: 1_000_000 });
    return lines as AsyncGenerator<TopologyLine>;
  }
}

async function next(lines: AsyncGenerator<TopologyLine>): Promise<TopologyLine> {
  const { value, done } = await lines.next();
  assert.ok(!done);
  return value;
}

Deno.test("TopologyStreams tell the whole map first, then what changed", async () => {
  const stage = new Stage();
  stage.holder.take(topologyOf(3));
  const lines = stage.read(0);
  assert.deepEqual(await next(lines), { kind: "whole", topology: topologyOf(3) });
  const waiting = next(lines);
  stage.holder.take(topologyOf(4));
  const line = await waiting;
  assert.ok(line.kind === "change" && line.from === 3 && line.version === 4);
  assert.equal(line.partitions.length, 2);
  await lines.return(undefined);
  assert.equal(stage.streams.count, 0);
  assert.equal(stage.clock.sleeping, 0);
});

Deno.test("TopologyStreams tell nothing twice to those who know it, but that they live", async () => {
  const stage = new Stage();
  stage.holder.take(topologyOf(3));
  const lines = stage.read(3);
  assert.deepEqual(await next(lines), { kind: "alive", version: 3 });
  const waiting = next(lines);
  await stage.clock.advance(TOPOLOGY_WATCH_BEAT_MS);
  assert.deepEqual(await waiting, { kind: "alive", version: 3 });
  await lines.return(undefined);
});

Deno.test("TopologyStreams let a slow reader skip what is over", async () => {
  const stage = new Stage();
  stage.holder.take(topologyOf(1));
  const lines = stage.read(0);
  await next(lines);
  for (let version = 2; version <= 500; version++) stage.holder.take(topologyOf(version));
  const line = await next(lines);
  // The pipe asks one line ahead, so one older change may have been on its way.
  const last = line.kind === "change" && line.version < 500 ? await next(lines) : line;
  assert.ok(last.kind === "change" && last.version === 500);
  await lines.return(undefined);
});

Deno.test("TopologyStreams end together and then refuse new ones", async () => {
  const stage = new Stage();
  const lines = stage.read(1);
  await next(lines);
  const ending = lines.next();
  stage.streams.close();
  assert.equal((await ending).done, true);
  assert.equal(stage.streams.count, 0);
  assert.throws(() => stage.streams.open(0), (error) => hasCode(error, "unavailable"));
});

Deno.test("TopologyStreams give no sign of life while the store is out of reach", async () => {
  const stage = new Stage();
  stage.holder.take(topologyOf(3));
  const lines = stage.read(3);
  await next(lines);
  const waiting = lines.next();
  stage.isInTouch = false;
  await stage.clock.advance(TOPOLOGY_WATCH_BEAT_MS);
  assert.equal((await waiting).done, true);
  assert.equal(stage.streams.count, 0);
  assert.throws(() => stage.streams.open(3), (error) => hasCode(error, "unavailable"));
  stage.isInTouch = true;
  const again = stage.read(3);
  assert.deepEqual(await next(again), { kind: "alive", version: 3 });
  await again.return(undefined);
});

Deno.test("ControlService streams the topology to a TopologyWatcher over HTTP", async () => {
  const stage = new Stage();
  stage.holder.take(topologyOf(1));
  const serve = () =>
    Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => stage.service.fetch(request),
    );
  const servers = [serve(), serve()];
  const watcher = new TopologyWatcher({
    urls: servers.map(({ addr }) => `http://127.0.0.1:${addr.port}`),
    fetcher: fetch,
    clock: stage.clock,
    random: new SeededRandom(5),
    logger: silentLogger,
  });
  watcher.open();
  try {
    assert.deepEqual(await watcher.changed(0, NEVER), topologyOf(1));
    stage.holder.take(topologyOf(2));
    assert.deepEqual(await watcher.changed(1, NEVER), topologyOf(2));
  } finally {
    await watcher.close();
    stage.streams.close();
    for (const server of servers) await server.shutdown();
  }
});

Deno.test("ControlService refuses a version that is none", async () => {
  const stage = new Stage();
  for (const after of ["-1", "1.5", "x", "9".repeat(16)]) {
    const url = `http://control.test/control/v1/topology/watch?after=${after}`;
    const response = await stage.service.fetch(new Request(url));
    await response.body?.cancel();
    assert.equal(response.status, 400, after);
  }
});
