import assert from "node:assert/strict";
import { MemoryDisk } from "../../disk/memory_disk.ts";
import { GitStratumError, hasCode } from "../../error.ts";
import { TOPOLOGY_WATCH_SILENCE_MS } from "../../limits.ts";
import { silentLogger } from "../../logger.ts";
import { ManualClock } from "../../manual_clock.ts";
import { SeededRandom } from "../../seeded_random.ts";
import { errorResponse } from "../error_response.ts";
import { encodeJsonLine } from "../json_lines.ts";
import { sampleTopology } from "../testing/topology_samples.ts";
import { topologyChange } from "./topology_change.ts";
import { TopologyFile } from "./topology_file.ts";
import { TopologyWatcher } from "./topology_watcher.ts";
import type { Topology } from "./topology.ts";

const URLS = ["http://c-0.test", "http://c-1.test"];

/** One stream as a control node has it open. */
interface OpenStream {
  readonly url: string;
  readonly after: number;
  tell(line: unknown): void;
  end(): void;
}

/** Control nodes whose every line the test writes. */
class Stage {
  readonly clock = new ManualClock();
  readonly disk = new MemoryDisk();
  readonly streams: OpenStream[] = [];
  readonly away = new Set<string>();
  /** What a question beside the streams is answered. */
  topology: Topology | undefined;
  readonly watchers: TopologyWatcher[] = [];

  watch(): TopologyWatcher {
    const watcher = new TopologyWatcher({
      urls: URLS,
      fetcher: (request) => Promise.resolve(this.#answer(new URL(request.url))),
      clock: this.clock,
      random: new SeededRandom(1),
      logger: silentLogger,
      file: new TopologyFile(this.disk),
    });
    watcher.open();
    this.watchers.push(watcher);
    return watcher;
  }

  #answer(url: URL): Response {
    if (this.away.has(url.origin)) throw new TypeError("connection refused");
    if (!url.pathname.endsWith("/watch")) {
      if (this.topology !== undefined) return Response.json(this.topology);
      return errorResponse(new GitStratumError("unavailable", "Have no store"));
    }
    let sink: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (sink = controller),
    });
    this.streams.push({
      url: url.origin,
      after: Number(url.searchParams.get("after")),
      tell: (line) => sink.enqueue(encodeJsonLine(line)),
      end: () => sink.close(),
    });
    return new Response(body);
  }

  /** The newest stream, once the watcher opened as many. */
  async stream(count: number): Promise<OpenStream> {
    for (let turn = 0; this.streams.length < count && turn < 100; turn++) {
      await this.clock.advance(100);
    }
    assert.equal(this.streams.length, count);
    return this.streams.at(-1)!;
  }

  async close(): Promise<void> {
    for (const watcher of this.watchers) await watcher.close();
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

const NEVER = new AbortController().signal;
const [ONE, TWO, THREE] = [1, 2, 3].map((version) =>
  sampleTopology(version, ["a", "b", "c"].slice(0, version))
) as [Topology, Topology, Topology];
const whole = (topology: Topology) => ({ kind: "whole", topology });
const change = (before: Topology, after: Topology) => ({
  kind: "change",
  ...topologyChange(before, after),
});

Deno.test("TopologyWatcher takes the whole map, then changes", () =>
  staged(async (stage) => {
    const watcher = stage.watch();
    const stream = await stage.stream(1);
    assert.equal(stream.after, 0);
    stream.tell(whole(ONE));
    assert.deepEqual(await watcher.changed(0, NEVER), ONE);
    stream.tell(change(ONE, TWO));
    stream.tell({ kind: "alive", version: 2 });
    stream.tell(change(TWO, THREE));
    assert.deepEqual(await watcher.changed(2, NEVER), THREE);
    assert.equal(stage.streams.length, 1);
  }));

Deno.test("TopologyWatcher begins anew at another node after a gap", () =>
  staged(async (stage) => {
    const gaps = [change(TWO, THREE), { kind: "alive", version: 9 }, { kind: "what" }, "\u0000"];
    const watcher = stage.watch();
    for (const [index, gap] of gaps.entries()) {
      const stream = await stage.stream(index + 1);
      stream.tell(whole(ONE));
      await watcher.changed(0, NEVER);
      stream.tell(gap);
    }
    const last = await stage.stream(gaps.length + 1);
    assert.equal(last.after, 1);
    last.tell(whole(THREE));
    assert.deepEqual(await watcher.changed(1, NEVER), THREE);
    assert.deepEqual(new Set(stage.streams.map(({ url }) => url)), new Set(URLS));
  }));

Deno.test("TopologyWatcher leaves a node that falls silent, not one that only has no news", () =>
  staged(async (stage) => {
    const watcher = stage.watch();
    const stream = await stage.stream(1);
    stream.tell(whole(ONE));
    await watcher.changed(0, NEVER);
    for (let beat = 0; beat < 10; beat++) {
      await stage.clock.advance(TOPOLOGY_WATCH_SILENCE_MS / 2);
      stream.tell({ kind: "alive", version: 1 });
    }
    assert.equal(stage.streams.length, 1);
    await stage.clock.advance(2 * TOPOLOGY_WATCH_SILENCE_MS);
    assert.notEqual((await stage.stream(2)).url, stream.url);
  }));

Deno.test("TopologyWatcher keeps the last map while all control nodes are away", () =>
  staged(async (stage) => {
    const watcher = stage.watch();
    const stream = await stage.stream(1);
    stream.tell(whole(TWO));
    await watcher.changed(0, NEVER);
    for (const url of URLS) stage.away.add(url);
    stream.end();
    await stage.clock.advance(60_000);
    assert.deepEqual(watcher.current(), TWO);
    assert.ok(watcher.silenceMs! >= 60_000);
    await watcher.refresh();
    const restarted = stage.watch();
    assert.deepEqual(restarted.current(), TWO, "kept on disk");
    stage.away.clear();
    const [again] = [await stage.stream(3)];
    assert.equal(again.after, 2);
    for (const open of stage.streams.slice(1)) open.tell({ kind: "alive", version: 2 });
    await stage.clock.advance(1000);
    assert.deepEqual(watcher.current(), TWO);
  }));

Deno.test("TopologyWatcher never goes back to an older map", () =>
  staged(async (stage) => {
    const watcher = stage.watch();
    const stream = await stage.stream(1);
    stream.tell(whole(ONE));
    await watcher.changed(0, NEVER);
    stage.topology = THREE;
    await Promise.all([watcher.refresh(), watcher.refresh()]);
    assert.deepEqual(watcher.current(), THREE);
    stream.tell(change(ONE, TWO));
    await stage.clock.advance(10);
    assert.deepEqual(watcher.current(), THREE);
    stream.tell(change(TWO, THREE));
    stream.tell(change(THREE, sampleTopology(4, [])));
    assert.deepEqual((await watcher.changed(3, NEVER)).version, 4);
    assert.equal(stage.streams.length, 1);
  }));

Deno.test("TopologyWatcher refuses the map of another cluster", () =>
  staged(async (stage) => {
    const own = { ...ONE, cluster: "0".repeat(32) };
    const watcher = stage.watch();
    const stream = await stage.stream(1);
    stream.tell(whole(own));
    await watcher.changed(0, NEVER);
    stream.tell(whole({ ...THREE, cluster: "1".repeat(32) }));
    stage.topology = THREE;
    await watcher.refresh();
    await stage.stream(2);
    assert.deepEqual(watcher.current(), own);
  }));

Deno.test("TopologyWatcher.changed() ends when the watcher is closed", async () => {
  const stage = new Stage();
  const waiting = stage.watch().changed(0, NEVER);
  const isAborted = assert.rejects(waiting, (error) => hasCode(error, "aborted"));
  await stage.close();
  await isAborted;
});
