import assert from "node:assert/strict";
import { GitStratumError } from "../../error.ts";
import { silentLogger } from "../../logger.ts";
import { ManualClock } from "../../manual_clock.ts";
import { SeededRandom } from "../../seeded_random.ts";
import { ControlFailover } from "./control_failover.ts";
import { ControlStream } from "./control_stream.ts";
import type { Fetcher } from "../fetcher.ts";
import { encodeJsonLine } from "../json_lines.ts";

const SILENCE_MS = 1000;
const URLS = ["http://c-0.test", "http://c-1.test"];

/** Control nodes whose streams the test feeds. */
class Stage {
  readonly clock = new ManualClock();
  readonly heard: unknown[] = [];
  /** Streams in the order in which they were asked for. */
  readonly streams: {
    readonly url: string;
    readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  }[] = [];
  readonly away = new Set<string>();
  refuses: unknown;
  readonly stream: ControlStream;

  constructor() {
    const fetcher: Fetcher = (request) => {
      const { origin } = new URL(request.url);
      if (this.away.has(origin)) {
        return Promise.reject(new GitStratumError("unavailable", "Be away"));
      }
      const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
      const writer = writable.getWriter();
      // The reader may leave at any time.
      writer.closed.catch(() => {});
      this.streams.push({ url: origin, writer });
      return Promise.resolve(new Response(readable));
    };
    const world = { fetcher, clock: this.clock, random: new SeededRandom(1) };
    this.stream = new ControlStream({
      ...world,
      control: new ControlFailover({ ...world, urls: URLS }),
      logger: silentLogger,
      what: "numbers",
      path: () => `/watch?after=${this.heard.length}`,
      onLine: (value) => {
        if (value === this.refuses) throw new GitStratumError("unavailable", "Refuse a line");
        this.heard.push(value);
      },
      silenceMs: SILENCE_MS,
      lineLengthMax: 100,
    });
    this.stream.open();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.clock.advance(10);
  }

  /** Sends lines over the newest stream. */
  async send(...values: readonly unknown[]): Promise<void> {
    for (const value of values) await this.streams.at(-1)!.writer.write(encodeJsonLine(value));
  }
}

Deno.test("ControlStream hands every line on, and goes to the next node when one breaks off", async () => {
  const stage = new Stage();
  try {
    await stage.until(() => stage.streams.length === 1);
    await stage.send(1, 2);
    await stage.until(() => stage.heard.length === 2);
    await stage.streams[0]!.writer.close();
    await stage.until(() => stage.streams.length === 2);
    assert.notEqual(stage.streams[0]!.url, stage.streams[1]!.url);
    await stage.send(3);
    await stage.until(() => stage.heard.length === 3);
    assert.deepEqual(stage.heard, [1, 2, 3]);
  } finally {
    await stage.stream.close();
  }
});

Deno.test("ControlStream leaves a node that falls silent, and one that tells nonsense", async () => {
  const stage = new Stage();
  try {
    await stage.until(() => stage.streams.length === 1);
    await stage.send("first");
    await stage.until(() => stage.heard.length === 1);
    const startMs = stage.clock.monotonicMs();
    await stage.until(() => stage.streams.length === 2);
    const tookMs = stage.clock.monotonicMs() - startMs;
    assert.ok(tookMs >= SILENCE_MS - 10 && tookMs <= SILENCE_MS + 300, `${tookMs} ms`);
    stage.refuses = "bad";
    await stage.send("bad");
    await stage.until(() => stage.streams.length === 3);
    assert.deepEqual(stage.heard, ["first"]);
    await stage.send("x".repeat(200)).catch(() => {
      // The reader left before the end of the line.
    });
    await stage.until(() => stage.streams.length === 4);
  } finally {
    await stage.stream.close();
  }
});

Deno.test("ControlStream asks less often while nobody answers, and knows for how long", async () => {
  const stage = new Stage();
  try {
    await stage.until(() => stage.streams.length === 1);
    assert.equal(stage.stream.silenceMs, undefined);
    await stage.send(1);
    await stage.until(() => stage.heard.length === 1);
    assert.ok(stage.stream.silenceMs! < 100);
    for (const url of URLS) stage.away.add(url);
    await stage.streams[0]!.writer.close();
    await stage.clock.advance(10_000);
    assert.ok(stage.stream.silenceMs! >= 10_000);
    stage.away.clear();
    await stage.until(() => stage.streams.length === 2);
  } finally {
    await stage.stream.close();
  }
  assert.equal(stage.clock.sleeping, 0, "nothing is left when it is closed");
});
