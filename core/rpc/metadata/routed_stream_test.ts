import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { Partition } from "../../consensus/log.ts";
import { hasCode } from "../../error.ts";
import { ManualClock } from "../../manual_clock.ts";
import { SeededRandom } from "../../seeded_random.ts";
import { ManualTopology } from "../topology/manual_topology.ts";
import { PartitionRouter } from "./partition_router.ts";
import { routedStream } from "./routed_stream.ts";
import { emptyTopology, type NodeId, type Topology } from "../topology/topology.ts";

const PARTITION = 7 as Partition;
const CHUNK_BYTES = 64 * 1024;
const is = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code);

/** A topology in which one of the nodes a and b is primary of all partitions. */
function ledBy(primary: string): Omit<Topology, "version"> {
  const partitions = emptyTopology().partitions.map(() => ({
    primary: primary as NodeId,
    followers: [],
  }));
  const nodes = ["a", "b"].map((id) => ({
    id: id as NodeId,
    role: "metadata" as const,
    address: `http://${id}`,
    zone: "z",
    weight: 1,
    state: "active" as const,
    incarnation: 1,
  }));
  return { ...emptyTopology(), nodes, partitions };
}

/** How one attempt at the answer ends. */
interface Sender {
  readonly bytes: Uint8Array;
  /** Bytes after which the sender dies, or stands still when it `hangs`. */
  readonly diesAfter?: number;
  readonly hangs?: boolean;
}

function answerOf({ bytes, diesAfter = Infinity, hangs }: Sender): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent >= diesAfter) {
        if (!hangs) controller.error(new TypeError("connection reset"));
        return hangs ? new Promise(() => {}) : undefined;
      }
      const end = Math.min(sent + CHUNK_BYTES, bytes.length, diesAfter);
      if (sent === end) return controller.close();
      controller.enqueue(bytes.slice(sent, end));
      sent = end;
    },
  }, { highWaterMark: 0 });
}

/** Asks senders one after the other. */
function open(...senders: readonly Sender[]) {
  const clock = new ManualClock();
  const topology = new ManualTopology();
  topology.set(ledBy("a"));
  const asked: string[] = [];
  const links = { isCut: false };
  const router = new PartitionRouter({
    topology,
    clock,
    random: new SeededRandom(1),
    fetcherFor: () => ({ url }) => {
      if (!links.isCut) return Promise.reject(new Error("Nothing is fetched"));
      const isRelayed = url.startsWith("http://b/link/v1/to/a/");
      const headers = { "x-gitstratum-relay": "passed" };
      return isRelayed
        ? Promise.resolve(new Response(null, { status: 204, headers }))
        : Promise.reject(new TypeError("Refuse a connection"));
    },
  });
  const start = () =>
    routedStream(router, PARTITION, ({ baseUrl }) => {
      asked.push(baseUrl);
      return Promise.resolve(answerOf(senders[asked.length - 1]!));
    });
  return { clock, topology, asked, links, start };
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).bytes();
}

/** Lets time pass until something is done. */
async function during<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let done = false;
  // Whoever awaits the result below gets the failure.
  work.catch(() => undefined).finally(() => done = true);
  while (!done) await clock.advance(100);
  return await work;
}

const LONG = new SeededRandom(3).bytes(3_000_000);

Deno.test("routedStream() passes answers of any length on, and leaves no timer behind", async () => {
  for (const length of [0, 1, 524_287, 524_288, 524_289, LONG.length]) {
    const bytes = LONG.subarray(0, length);
    const { clock, start } = open({ bytes });
    deepEqual(await bytesOf(await start()), bytes);
    await clock.advance(0);
    equal(clock.sleeping, 0);
  }
});

Deno.test("routedStream() resumes an answer whose sender dies, wherever it does", async () => {
  for (const diesAfter of [0, 1, 524_287, 524_288, 600_001, 1_048_576, LONG.length]) {
    const { clock, asked, start } = open({ bytes: LONG, diesAfter }, { bytes: LONG });
    deepEqual(await during(clock, start().then(bytesOf)), LONG, `${diesAfter}`);
    equal(asked.length, 2);
  }
  const dying = [700_000, 650_000, 2_000_001].map((diesAfter) => ({ bytes: LONG, diesAfter }));
  const { clock, asked, start } = open(...dying, { bytes: LONG });
  deepEqual(await during(clock, start().then(bytesOf)), LONG);
  equal(asked.length, 4);
});

Deno.test("routedStream() takes a later answer only when it begins as the first one did", async () => {
  const dead = { bytes: LONG, diesAfter: 1_000_000 };
  const laterEnd = LONG.slice(0, 2_500_000);
  const changed = LONG.slice();
  changed[999_999]! ^= 1;
  const shorter = LONG.slice(0, 999_999);
  for (const bytes of [changed, shorter]) {
    const { clock, start } = open(dead, { bytes });
    await rejects(during(clock, start().then(bytesOf)), is("unavailable"));
  }
  const { clock, start } = open(dead, { bytes: laterEnd });
  deepEqual(
    await during(clock, start().then(bytesOf)),
    laterEnd,
    "an answer of one primary, whole",
  );
});

Deno.test("routedStream() leaves a sender that stands still once its partition has moved", async () => {
  const { clock, topology, asked, start } = open(
    { bytes: LONG, diesAfter: 1_000_000, hangs: true },
    { bytes: LONG },
  );
  const read = start().then(bytesOf);
  await clock.advance(60_000);
  equal(asked.length, 1, "who is slow may be slow");
  topology.set(ledBy("b"));
  deepEqual(await during(clock, read), LONG);
  deepEqual(asked, ["http://a", "http://b"]);
});

Deno.test("routedStream() goes on by another node when the way to its sender is cut", async () => {
  const { clock, asked, links, start } = open(
    { bytes: LONG, diesAfter: 1_000_000, hangs: true },
    { bytes: LONG },
  );
  const read = start().then(bytesOf);
  await clock.advance(0);
  links.isCut = true;
  deepEqual(await during(clock, read), LONG);
  deepEqual(asked, ["http://a", "http://b/link/v1/to/a"]);
});

Deno.test("routedStream() lets a former primary finish what it streams", async () => {
  const { clock, topology, asked, start } = open({ bytes: LONG });
  const stream = await start();
  topology.set(ledBy("b"));
  deepEqual(await during(clock, bytesOf(stream)), LONG);
  equal(asked.length, 1);
});

Deno.test("routedStream() gives up an answer that breaks again and again, or is not wanted", async () => {
  const dead = { bytes: LONG, diesAfter: 1_000_000 };
  const hopeless = open(dead, dead, dead, dead, dead, dead, dead);
  await rejects(during(hopeless.clock, hopeless.start().then(bytesOf)));
  ok(hopeless.asked.length < 7);
  const { asked, start } = open(dead, { bytes: LONG });
  const reader = (await start()).getReader();
  await reader.read();
  await reader.cancel();
  equal(asked.length, 1);
});
