import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import type { Partition } from "../../consensus/log.ts";
import { GitStratumError, hasCode } from "../../error.ts";
import { PARTITION_ATTEMPT_MS_MAX, PARTITION_CALL_MS_MAX } from "../../limits.ts";
import { ManualClock } from "../../manual_clock.ts";
import { SeededRandom } from "../../seeded_random.ts";
import type { Fetcher } from "../fetcher.ts";
import { JsonClient } from "../json_client.ts";
import { LinkedNodes } from "../testing/linked_nodes.ts";
import { ManualTopology } from "../topology/manual_topology.ts";
import { PartitionRouter } from "./partition_router.ts";
import { emptyTopology, type NodeId, type Topology } from "../topology/topology.ts";

const PARTITION = 7 as Partition;
const is = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code);

/** A topology in which one node is primary of all partitions, at an address that ends in `suffix`. */
function ledBy(primary: string | null, suffix = ""): Omit<Topology, "version"> {
  const partitions = emptyTopology().partitions.map(() => ({
    primary: primary as NodeId | null,
    followers: [],
  }));
  const nodes = ["a", "b"].map((id) => ({
    id: id as NodeId,
    role: "metadata" as const,
    address: `http://${id}${suffix}`,
    zone: "z",
    weight: 1,
    state: "active" as const,
    incarnation: 1,
  }));
  return { ...emptyTopology(), nodes, partitions };
}

function open(
  fetcher: Fetcher = () => Promise.resolve(new Response("answer")),
  pings: Fetcher = () => Promise.resolve(new Response(null, { status: 204 })),
) {
  const clock = new ManualClock();
  const topology = new ManualTopology();
  topology.set(ledBy("a"));
  const asked: string[] = [];
  const router = new PartitionRouter({
    topology,
    clock,
    random: new SeededRandom(1),
    fetcherFor: (address) => (request) => {
      // Whoever is asked whether it is there says so, unless a test says otherwise.
      if (request.url.includes("/link/v1/")) return pings(request);
      asked.push(address);
      return fetcher(request);
    },
  });
  const call = () =>
    router.call(PARTITION, async ({ baseUrl, fetcher, signal }) => {
      return await (await fetcher(new Request(baseUrl, { signal }))).text();
    });
  return { clock, topology, router, asked, call };
}

/** Lets time pass until something is done. */
async function during<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let done = false;
  // Whoever awaits the result below gets the failure.
  work.catch(() => undefined).finally(() => done = true);
  while (!done) await clock.advance(100);
  return await work;
}

const refused = () => new GitStratumError("unavailable", "Refuse a connection");
/** Never answers, but ends when its request is aborted. */
const hanging: Fetcher = (request) =>
  new Promise((_resolve, reject) => {
    request.signal.addEventListener("abort", () => reject(request.signal.reason));
  });

Deno.test("call() asks the primary, and leaves no timer behind", async () => {
  const { clock, asked, call } = open();
  equal(await call(), "answer");
  deepEqual(asked, ["http://a"]);
  await clock.advance(0);
  equal(clock.sleeping, 0);
});

Deno.test("call() tries again until it is answered, at the primary of the moment", async () => {
  let failures = 5;
  const { clock, asked, topology, call } = open(() =>
    failures-- > 0 ? Promise.reject(refused()) : Promise.resolve(new Response("answer"))
  );
  const answer = call();
  await clock.advance(30);
  topology.set(ledBy("b"));
  equal(await during(clock, answer), "answer");
  equal(asked[0], "http://a");
  equal(asked.at(-1), "http://b");
  equal(asked.length, 6);
});

Deno.test("call() waits for a primary where there is none", async () => {
  const { clock, asked, topology, call } = open();
  topology.set(ledBy(null));
  const answer = call();
  await clock.advance(5000);
  deepEqual(asked, []);
  topology.set(ledBy("b"));
  equal(await during(clock, answer), "answer");
});

Deno.test("call() gives up at its deadline, and at once for any other error", async () => {
  const { clock, call, asked } = open(() => Promise.reject(refused()));
  await rejects(during(clock, call()), is("unavailable"));
  ok(clock.monotonicMs() >= PARTITION_CALL_MS_MAX);
  ok(asked.length > 10 && asked.length < 100, `${asked.length}`);
  const denied = open(() => Promise.reject(new GitStratumError("denied", "Refuse for good")));
  await rejects(denied.call(), is("denied"));
  equal(denied.asked.length, 1);
});

Deno.test("call() leaves a node that hangs when the partition moves, and after a long time", async () => {
  for (const [primary, suffix] of [["b", ""], ["a", "-moved"]] as const) {
    const fetched: Request[] = [];
    const { clock, topology, asked, call } = open((request) => {
      fetched.push(request);
      return fetched.length === 1 ? hanging(request) : Promise.resolve(new Response("answer"));
    });
    const answer = call();
    await clock.advance(1000);
    // Other news are no reason to leave.
    topology.set(ledBy("a"));
    await clock.advance(1000);
    equal(asked.length, 1);
    topology.set(ledBy(primary, suffix));
    equal(await during(clock, answer), "answer");
    equal(asked.at(-1), `http://${primary}${suffix}`);
    equal(fetched[0]!.signal.aborted, true);
  }
  const { clock, call } = open(hanging);
  const given = rejects(call(), is("unavailable"));
  await clock.advance(PARTITION_ATTEMPT_MS_MAX - 1);
  // The end of the attempt, and the next look whether the node is there.
  equal(clock.sleeping, 2);
  await clock.advance(1);
  await given;
  equal(clock.sleeping, 0);
});

Deno.test("call() reaches a node by another one when the way to it is cut, however it is cut", async () => {
  for (const kind of ["refuses", "swallows"] as const) {
    const nodes = new LinkedNodes(["a", "b", "c"]);
    nodes.cut("us", "a", kind);
    const router = nodes.router("us");
    const call = () => nodes.passing(askWith(router));
    equal(await call(), "a answers POST /question?x=1: body");
    const beganMs = nodes.clock.monotonicMs();
    ok(beganMs < 6000, `${kind}: ${beganMs}`);
    // The way is known from now on.
    nodes.sent.length = 0;
    equal(await call(), "a answers POST /question?x=1: body");
    ok(nodes.sent.every(([from, to]) => from !== "us" || to !== "a"), `${nodes.sent}`);
  }
});

Deno.test("call() leaves a node that is slow for everybody to itself", async () => {
  const nodes = new LinkedNodes(["a", "b", "c"]);
  for (const from of ["us", "b", "c"]) nodes.cut(from, "a", "swallows");
  const answer = askWith(nodes.router("us"));
  await nodes.clock.advance(100);
  for (let ms = 0; ms < 30_000; ms += 100) await nodes.clock.advance(100);
  equal(nodes.calls("us", "a").length, 1);
  nodes.mend();
  equal(await nodes.passing(answer), "a answers POST /question?x=1: body");
  equal(nodes.calls("us", "a").length, 1);
});

/** Puts a question to the primary. */
function askWith(router: PartitionRouter): Promise<string> {
  return router.call(PARTITION, async ({ baseUrl, fetcher, signal }) => {
    const client = new JsonClient(fetcher, { baseUrl, signal });
    return await (await client.send("/question?x=1", { method: "POST", body: "body" })).text();
  });
}
