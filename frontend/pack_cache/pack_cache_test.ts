import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { GitStratumError, ManualClock, MIB, SeededRandom } from "@gitstratum/core";
import { type DiskFaults, MemoryDisk } from "@gitstratum/core/disk";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { encodePackHeader } from "@gitstratum/core/pack";
import type { ExecutePack, OpenedPack } from "./opened_pack.ts";
import { packBlocks } from "./pack_blocks.ts";
import { PackCache, type PackCacheSettings } from "./pack_cache.ts";
import type { PackKey } from "./pack_key.ts";

const MODE = "side-band-64k" as const;
const KEY = "a".repeat(64) as PackKey;
const OTHER = "b".repeat(64) as PackKey;
const never = new AbortController().signal;

/** A pack of content that no block repeats. */
function packOf(bytes: number, seed = 1): Uint8Array {
  const content = Buffer.alloc(bytes, new SeededRandom(seed).bytes(65_521));
  const body = Buffer.concat([encodePackHeader(3), content]);
  return Buffer.concat([body, createHash("sha1").update(body).digest()]);
}

/** An execution whose blocks come one by one as `gate` lets them, and that counts its runs. */
class Source {
  runs = 0;
  closed = 0;
  signal: AbortSignal | undefined;
  readonly #pack: Uint8Array;
  readonly #gate: (at: number) => Promise<void> | void;

  constructor(pack: Uint8Array, gate: (at: number) => Promise<void> | void = () => {}) {
    this.#pack = pack;
    this.#gate = gate;
  }

  readonly execute: ExecutePack = (signal) => {
    this.runs++;
    this.signal = signal;
    return Promise.resolve({
      objectCount: 3,
      chunks: packBlocks(this.#cuts(), MODE),
      close: () => void this.closed++,
    });
  };

  async *#cuts(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.#pack.length; at += 300_000) {
      await this.#gate(at);
      yield this.#pack.subarray(at, at + 300_000);
    }
  }

  async framed(): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(packBlocks(this.#cuts(), MODE)));
  }
}

function setUp(settings: Partial<PackCacheSettings> = {}, faults: DiskFaults = {}) {
  const disk = new MemoryDisk(faults);
  const clock = new ManualClock();
  const metrics = new PrometheusMetrics();
  const troubles: unknown[] = [];
  const state = { free: 10_000 * MIB };
  let lookCount = 0;
  const cache = new PackCache({
    bytesMax: 100 * MIB,
    storeFrom: 2,
    ttlMs: 60_000,
    ...settings,
    disk,
    clock,
    metrics,
    freeBytes() {
      lookCount++;
      return state.free;
    },
    onTrouble: (error) => void troubles.push(error),
  });
  const request = { mode: MODE, objectFormat: "sha1" as const, isClone: true };
  const open = (source: Source, key = KEY, signal = never) =>
    cache.open(key, { ...request, execute: source.execute, signal });
  const read = async (source: Source, key = KEY) => await bytesOf(await open(source, key));
  return { disk, clock, metrics, troubles, state, cache, open, read, looks: () => lookCount };
}

async function bytesOf(opened: OpenedPack): Promise<Buffer> {
  try {
    return Buffer.concat(await Array.fromAsync(opened.chunks));
  } finally {
    opened.close();
  }
}

/** Lets everything run that can. */
async function settle(): Promise<void> {
  for (let round = 0; round < 50; round++) await new Promise((resolve) => setTimeout(resolve, 0));
}

async function metric(metrics: PrometheusMetrics, name: string): Promise<number> {
  const line = (await metrics.render()).body.split("\n").find((text) => text.startsWith(name));
  return Number(line?.slice(line.lastIndexOf(" ")) ?? 0);
}

Deno.test("PackCache.open() gives the same bytes by a miss, a join and a hit", async () => {
  const { read, open, disk, metrics, troubles } = setUp();
  const source = new Source(packOf(5 * MIB));
  const expected = await source.framed();
  assert.deepEqual(await read(source), expected);
  await settle();
  assert.deepEqual(disk.list(""), [], "a first request stores nothing");

  const [leader, follower] = await Promise.all([open(source), open(source)]);
  assert.deepEqual(await Promise.all([bytesOf(leader), bytesOf(follower)]), [expected, expected]);
  await settle();
  assert.deepEqual(disk.list(""), [`${KEY}.pack`]);
  assert.deepEqual(await read(source), expected);
  assert.equal(source.runs, 2);
  assert.deepEqual(troubles, []);
  const requests = (outcome: string) =>
    metric(metrics, `gitstratum_pack_cache_requests_total{outcome="${outcome}"}`);
  assert.deepEqual(await Promise.all(["miss", "joined", "hit"].map(requests)), [2, 1, 1]);
  const bytes = 'gitstratum_pack_cache_sent_bytes_total{outcome="hit"}';
  assert.equal(await metric(metrics, bytes), expected.length);
  assert.equal(await metric(metrics, "gitstratum_pack_cache_bytes"), expected.length);
});

Deno.test("PackCache.open() stores from the request that it is told to", async () => {
  for (const storeFrom of [1, 2, 3]) {
    const { read, disk } = setUp({ storeFrom });
    const source = new Source(packOf(1000));
    for (let request = 1; request <= 4; request++) {
      await read(source);
      await settle();
      assert.equal(disk.list("").length, request >= storeFrom ? 1 : 0);
    }
    assert.equal(source.runs, storeFrom);
  }
});

Deno.test("PackCache.open() stores what continues an earlier fetch from the second request on", async () => {
  const { cache, disk } = setUp({ storeFrom: 1 });
  const source = new Source(packOf(1000));
  for (const expected of [0, 1]) {
    const { execute } = source;
    const request = { execute, mode: MODE, objectFormat: "sha1" as const, isClone: false };
    await bytesOf(await cache.open(KEY, { ...request, signal: never }));
    await settle();
    assert.equal(disk.list("").length, expected);
  }
});

Deno.test("PackCache.open() lets a request join that comes while the file is checked", async () => {
  const { open, read } = setUp({ storeFrom: 1 });
  const source = new Source(packOf(20 * MIB));
  const first = await read(source);
  // No turn of the event loop lies between the end of the first and this.
  assert.deepEqual(await bytesOf(await open(source)), first);
  await settle();
  assert.deepEqual(await read(source), first);
  assert.equal(source.runs, 1);
});

Deno.test("PackCache.open() gives readers of a long pack the same, however far apart they are", async () => {
  const { open } = setUp({ storeFrom: 1 });
  const source = new Source(packOf(40 * MIB));
  const expected = await source.framed();
  const slow = await open(source);
  const blocks = slow.chunks[Symbol.asyncIterator]();
  const begin = (await blocks.next()).value!;
  assert.deepEqual(await bytesOf(await open(source)), expected);
  const late = bytesOf(await open(source));
  const rest = await bytesOf({ ...slow, chunks: { [Symbol.asyncIterator]: () => blocks } });
  assert.deepEqual(Buffer.concat([begin, rest]), expected);
  assert.deepEqual(await late, expected);
  assert.equal(source.runs, 1);
});

Deno.test("PackCache.open() lets requests join late, replayed from the start", async () => {
  const gate = Promise.withResolvers<void>();
  const source = new Source(packOf(6 * MIB), (at) => at > 4 * MIB ? gate.promise : undefined);
  const { open } = setUp();
  const leader = (await open(source)).chunks[Symbol.asyncIterator]();
  for (let block = 0; block < 3; block++) await leader.next();
  const others = [await open(source), await open(source)].map(bytesOf);
  gate.resolve();
  const expected = await source.framed();
  for (const other of others) assert.deepEqual(await other, expected);
  assert.equal(source.runs, 1);
  await leader.return?.();
});

Deno.test("PackCache.open() outlives a leader that leaves", async () => {
  const gate = Promise.withResolvers<void>();
  const source = new Source(packOf(6 * MIB), (at) => at > 2 * MIB ? gate.promise : undefined);
  const { open } = setUp();
  const gone = new AbortController();
  const leader = await open(source, KEY, gone.signal);
  const leading = bytesOf(leader);
  const following = bytesOf(await open(source));
  gone.abort(new GitStratumError("aborted", "Lose the client"));
  await assert.rejects(leading, { code: "aborted" });
  gate.resolve();
  assert.deepEqual(await following, await source.framed());
  assert.equal(source.runs, 1);
});

Deno.test("PackCache.open() ends an execution that everybody left, and keeps nothing of it", async () => {
  const { open, disk, cache } = setUp({ storeFrom: 1 });
  const source = new Source(
    packOf(6 * MIB),
    (at) => at > 2 * MIB ? new Promise(() => {}) : undefined,
  );
  const readers = [await open(source), await open(source)];
  for (const { chunks } of readers) await chunks[Symbol.asyncIterator]().next();
  for (const reader of readers) reader.close();
  await settle();
  assert.equal(source.signal?.aborted, true);
  assert.equal(source.closed, 1);
  assert.deepEqual(disk.list(""), []);
  assert.ok(cache);
});

Deno.test("PackCache.open() fails every reader when the execution fails half-way", async () => {
  const failure = new GitStratumError("unavailable", "Lose a node");
  const source = new Source(packOf(6 * MIB), (at) => {
    if (at > 3 * MIB) throw failure;
  });
  const { open, disk, read } = setUp();
  const readers = await Promise.all([open(source), open(source), open(source)]);
  const outcomes = await Promise.allSettled(readers.map(bytesOf));
  for (const outcome of outcomes) {
    assert.equal(outcome.status === "rejected" && outcome.reason, failure);
  }
  await settle();
  assert.deepEqual(disk.list(""), []);
  const healthy = new Source(packOf(1000));
  assert.deepEqual(await read(healthy), await healthy.framed());
});

Deno.test("PackCache.open() fails everyone whose execution does not start, and starts anew", async () => {
  const { cache, read } = setUp();
  const failure = new GitStratumError("denied", "Refuse a want");
  const request = {
    execute: () => Promise.reject(failure),
    mode: MODE,
    objectFormat: "sha1" as const,
    isClone: true,
    signal: never,
  };
  const outcomes = await Promise.allSettled([cache.open(KEY, request), cache.open(KEY, request)]);
  assert.deepEqual(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
  const healthy = new Source(packOf(1000));
  assert.deepEqual(await read(healthy), await healthy.framed());
});

Deno.test("PackCache.open() publishes nothing whose trailer does not hold", async () => {
  const pack = packOf(3 * MIB);
  pack[2 * MIB]! ^= 1;
  const { read, disk, troubles } = setUp({ storeFrom: 1 });
  await read(new Source(pack));
  await settle();
  assert.deepEqual(disk.list(""), []);
  assert.match(String(troubles[0]), /damaged pack/);
});

Deno.test("PackCache.open() publishes a pack of its own making unread, yet sends no other bytes", async () => {
  const pack = packOf(5 * MIB);
  // Another byte on disk than the one that was appended, in the second block.
  for (const damaged of [false, true]) {
    const { open, read, disk } = setUp({ storeFrom: 1 });
    const source = new Source(pack, (at) => {
      if (!damaged || at < 4 * MIB || source.runs > 1) return;
      const file = disk.open("0.part", { write: true });
      file.writeAt(Uint8Array.of(0xff, 0x00, 0xff), MIB + 1000);
      file.close();
    });
    const { execute } = source;
    const hashed: ExecutePack = async (signal) => ({
      ...await execute(signal),
      isOwnTrailer: true,
    });
    const expected = await bytesOf(await open(Object.assign(source, { execute: hashed })));
    await settle();
    assert.deepEqual(disk.list(""), [`${KEY}.pack`]);
    if (damaged) await assert.rejects(read(source), { code: "corrupt" });
    assert.deepEqual(await read(source), expected);
    assert.equal(source.runs, damaged ? 2 : 1);
  }
});

Deno.test("PackCache.open() makes a pack anew whose file was cut or is gone", async () => {
  const { read, disk } = setUp({ storeFrom: 1 });
  const source = new Source(packOf(3 * MIB));
  const expected = await read(source);
  await settle();
  const file = disk.open(`${KEY}.pack`, { write: true });
  file.truncate(2 * MIB);
  file.close();
  assert.deepEqual(await read(source), expected);
  await settle();
  disk.remove(`${KEY}.pack`);
  assert.deepEqual(await read(source), expected);
  assert.equal(source.runs, 3);
});

Deno.test("PackCache.open() breaks a stream before a block that has rotted, and drops the pack", async () => {
  const { open, read, disk } = setUp({ storeFrom: 1 });
  const source = new Source(packOf(3 * MIB));
  const expected = await read(source);
  await settle();
  const file = disk.open(`${KEY}.pack`, { write: true });
  file.writeAt(Uint8Array.of(expected[2 * MIB]! ^ 1), 2 * MIB);
  file.close();
  const reading = await open(source);
  const other = await open(source);
  const sent: Uint8Array[] = [];
  const readAll = async () => {
    for await (const chunk of reading.chunks) sent.push(chunk);
  };
  await assert.rejects(readAll, { code: "corrupt" });
  reading.close();
  const sound = Buffer.concat(sent);
  assert.ok(sound.length > MIB && sound.length <= 2 * MIB, "blocks before it are sent");
  assert.deepEqual(sound, expected.subarray(0, sound.length));
  assert.deepEqual(disk.list(""), []);
  assert.deepEqual(await read(source), expected);
  assert.equal(source.runs, 2);
  await settle();
  await assert.rejects(bytesOf(other), { code: "corrupt" });
  assert.deepEqual(disk.list(""), [`${KEY}.pack`], "the pack made anew stays");
});

Deno.test("PackCache.open() breaks a stream whose file is cut under it", async () => {
  const { read, open, disk } = setUp({ storeFrom: 1 });
  const source = new Source(packOf(5 * MIB));
  const expected = await read(source);
  await settle();
  const reading = await open(source);
  const chunks = reading.chunks[Symbol.asyncIterator]();
  await chunks.next();
  const file = disk.open(`${KEY}.pack`, { write: true });
  file.truncate(2 * MIB);
  file.close();
  await chunks.next();
  await assert.rejects(async () => await chunks.next(), { code: "corrupt" });
  reading.close();
  assert.deepEqual(await read(source), expected, "the next request is made anew");
});

Deno.test("PackCache.open() evicts the least recently used, never from under a reader", async () => {
  const { read, open, disk } = setUp({ storeFrom: 1, bytesMax: 5 * MIB });
  const [one, two] = [new Source(packOf(3 * MIB, 1)), new Source(packOf(3 * MIB, 2))];
  const expected = await read(one, KEY);
  await settle();
  const reading = await open(one, KEY);
  await read(two, OTHER);
  await settle();
  assert.deepEqual(disk.list(""), [`${OTHER}.pack`]);
  assert.deepEqual(await bytesOf(reading), expected);
});

Deno.test("PackCache.open() forgets packs that nobody asks for", async () => {
  const { read, clock, disk } = setUp({ storeFrom: 1, ttlMs: 1000 });
  const source = new Source(packOf(1000));
  await read(source);
  await settle();
  await clock.advance(900);
  await read(source);
  await clock.advance(900);
  await read(source);
  assert.equal(source.runs, 1);
  await clock.advance(1001);
  await read(new Source(packOf(10)), OTHER);
  await settle();
  assert.deepEqual(disk.list(""), [`${OTHER}.pack`]);
});

for (const capacity of [0, 1, 4]) {
  Deno.test(`PackCache.open() serves all readers when the disk is full at ${capacity} MiB`, async () => {
    const { open, disk, read } = setUp({}, { capacityBytes: capacity * MIB });
    const source = new Source(packOf(30 * MIB));
    const expected = await source.framed();
    const readers = await Promise.all([open(source), open(source), open(source)]);
    for (const bytes of await Promise.all(readers.map(bytesOf))) assert.deepEqual(bytes, expected);
    await settle();
    assert.deepEqual(disk.list(""), []);
    assert.equal(source.runs, 1);
    assert.deepEqual(await read(source), expected);
  });
}

Deno.test("PackCache.open() shares without storing when it may hold nothing", async () => {
  const { open, disk } = setUp({ bytesMax: 0 });
  const source = new Source(packOf(30 * MIB));
  const readers = await Promise.all([open(source), open(source)]);
  const [left, right] = await Promise.all(readers.map(bytesOf));
  assert.deepEqual(left, right);
  assert.deepEqual(disk.list(""), []);
  assert.equal(source.runs, 1);
});

Deno.test("PackCache.open() leaves as many bytes free as it holds", async () => {
  const { read, disk, state } = setUp({ storeFrom: 1 });
  state.free = 2 * MIB;
  await read(new Source(packOf(3 * MIB)));
  await settle();
  assert.deepEqual(disk.list(""), []);
  state.free = 10 * MIB;
  await read(new Source(packOf(3 * MIB)));
  await settle();
  assert.equal(disk.list("").length, 1);
  state.free = 2 * MIB;
  await read(new Source(packOf(10)), OTHER);
  await settle();
  assert.deepEqual(disk.list(""), [`${OTHER}.pack`]);
});

Deno.test("PackCache.open() looks at what is left free every few blocks", async () => {
  const { open, state, disk, looks } = setUp({ storeFrom: 1 });
  const source = new Source(packOf(60 * MIB));
  const chunks = (await open(source)).chunks[Symbol.asyncIterator]();
  for (let block = 0; block < 30; block++) await chunks.next();
  assert.ok(looks() >= 2 && looks() <= 5, `${looks()} looks for 30 blocks`);
  state.free = 2 * MIB;
  for (let block = 0; block < 20; block++) await chunks.next();
  assert.deepEqual(disk.list(""), [], "what does not fit any more is given up");
  await chunks.return?.();
});

Deno.test("PackCache.open() cuts off a reader for which others wait too long", async () => {
  const { open, clock } = setUp({ bytesMax: 0 });
  const source = new Source(packOf(40 * MIB));
  const stalled = await open(source);
  const reading = bytesOf(await open(source));
  const chunks = stalled.chunks[Symbol.asyncIterator]();
  await chunks.next();
  await settle();
  await clock.advance(30_000);
  assert.deepEqual(await reading, await source.framed());
  await assert.rejects(async () => await chunks.next(), { code: "exhausted" });
  stalled.close();
});

Deno.test("PackCache.open() keeps the beginnings of few packs in memory", async () => {
  const { open } = setUp();
  const sources = Array.from({ length: 8 }, (_, seed) => new Source(packOf(12 * MIB, seed)));
  const keys = sources.map((_, index) => String(index).repeat(64) as PackKey);
  const leaders = await Promise.all(sources.map((source, index) => open(source, keys[index])));
  for (const leader of leaders) {
    const chunks = leader.chunks[Symbol.asyncIterator]();
    for (let block = 0; block < 11; block++) await chunks.next();
  }
  const late = await Promise.all(sources.map((source, index) => open(source, keys[index])));
  const runs = sources.map((source) => source.runs);
  assert.deepEqual(runs, [1, 1, 1, 1, 2, 2, 2, 2], "48 MiB hold four beginnings");
  for (const opened of [...leaders, ...late]) opened.close();
});
