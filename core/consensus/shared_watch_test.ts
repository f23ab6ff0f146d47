import { deepEqual, equal, rejects } from "node:assert/strict";
import { GitStratumError, hasCode } from "../error.ts";
import { SHARED_WATCH_BYTES_MAX } from "../limits.ts";
import { type Consensus, prefixRange, type WatchEvent } from "./consensus.ts";
import { SharedWatch } from "./shared_watch.ts";
import { memoryHarness } from "./test_consensus.ts";

const missed = (error: unknown) => hasCode(error, "not-found");

async function put(consensus: Consensus, key: string, text = "v"): Promise<number> {
  const value = new TextEncoder().encode(text);
  const { revision } = await consensus.transact({
    compares: [],
    then: [{ kind: "put", key, value }],
  });
  return revision;
}

/** A store, the watches that are opened on it, and what shares them. */
async function open() {
  const { consensus } = await memoryHarness();
  const opened: { readonly after: number; readonly signal: AbortSignal }[] = [];
  const spy: Pick<Consensus, "watch"> = {
    watch(range, options) {
      opened.push(options);
      return consensus.watch(range, options);
    },
  };
  return { consensus, opened, shared: new SharedWatch(spy, prefixRange("log/")) };
}

function keysOf(result: IteratorResult<readonly WatchEvent[]>): string[] {
  return result.done ? [] : result.value.map(({ key }) => key);
}

Deno.test("watch() gives each watcher its part, over one watch of the store", async () => {
  const { consensus, opened, shared } = await open();
  const stop = new AbortController();
  const { signal } = stop;
  const [one, two] = ["log/1/", "log/2/"].map((prefix) =>
    shared.watch(prefixRange(prefix), { after: 0, signal })
  );
  const firsts = [one!.next(), two!.next()];
  await put(consensus, "log/1/a");
  await put(consensus, "log/2/b");
  const last = await put(consensus, "log/1/c");
  deepEqual((await Promise.all(firsts)).map(keysOf), [["log/1/a"], ["log/2/b"]]);
  deepEqual(keysOf(await one!.next()), ["log/1/c"]);
  // One that comes later is given what it does not know yet.
  const late = shared.watch(prefixRange("log/1/"), { after: last - 1, signal });
  deepEqual(keysOf(await late.next()), ["log/1/c"]);
  equal(opened.length, 1);
  const ends = [one!, two!, late].map((watch) => watch.next());
  stop.abort();
  deepEqual((await Promise.all(ends)).map(({ done }) => done), [true, true, true]);
  equal(opened[0]!.signal.aborted, true, "nobody listens any more");
  await consensus.close();
});

Deno.test("watch() gives what came meanwhile at once, in order and within its bound", async () => {
  const { consensus, shared } = await open();
  const stop = new AbortController();
  const watch = shared.watch(prefixRange("log/1/"), { after: 0, signal: stop.signal });
  const first = watch.next();
  await put(consensus, "log/1/a");
  deepEqual(keysOf(await first), ["log/1/a"]);
  const other = shared.watch(prefixRange("log/2/"), { after: 0, signal: stop.signal });
  const heard = other.next();
  for (const key of ["log/1/b", "log/1/c", "log/1/b", "log/2/a"]) await put(consensus, key);
  await heard;
  const { value } = await watch.next();
  deepEqual((value as WatchEvent[]).map(({ key }) => key), ["log/1/b", "log/1/c", "log/1/b"]);
  const revisions = (value as WatchEvent[]).map(({ revision }) => revision);
  deepEqual(revisions, revisions.toSorted((a, b) => a - b));
  stop.abort();
  await consensus.close();
});

Deno.test("watch() refuses a revision from before the shared watch began", async () => {
  const { consensus, shared } = await open();
  const { signal } = new AbortController();
  const old = await put(consensus, "log/1/a");
  const young = await put(consensus, "log/1/b");
  const first = shared.watch(prefixRange("log/1/"), { after: young, signal });
  const next = first.next();
  await rejects(shared.watch(prefixRange("log/1/"), { after: old, signal }).next(), missed);
  await put(consensus, "log/1/c");
  deepEqual(keysOf(await next), ["log/1/c"]);
  await consensus.close();
});

Deno.test("watch() lets go of a watcher that takes nothing, and of nobody else", async () => {
  const { consensus, shared } = await open();
  const { signal } = new AbortController();
  const slow = shared.watch(prefixRange("log/1/"), { after: 0, signal });
  const quick = shared.watch(prefixRange("log/"), { after: 0, signal });
  const text = "x".repeat(1_000_000);
  const count = Math.ceil(SHARED_WATCH_BYTES_MAX / text.length) + 2;
  const first = [slow.next(), quick.next()];
  await put(consensus, "log/1/0", text);
  await Promise.all(first);
  for (let number = 1; number < count; number++) {
    const next = quick.next();
    await put(consensus, `log/1/${number}`, text);
    deepEqual(keysOf(await next), [`log/1/${number}`]);
  }
  await rejects(async () => {
    for await (const batch of slow) equal(batch.length, 1);
  }, missed);
  await consensus.close();
});

Deno.test("watch() tells everybody why the shared watch ended, and begins another", async () => {
  let failing = true;
  const events: WatchEvent[] = [{ kind: "put", key: "log/1/a", revision: 9 }];
  const shared = new SharedWatch({
    async *watch() {
      if (failing) throw new GitStratumError("not-found", "Watch what is compacted");
      yield events;
    },
  }, prefixRange("log/"));
  const { signal } = new AbortController();
  const watches = [1, 2].map(() => shared.watch(prefixRange("log/1/"), { after: 3, signal }));
  for (const next of watches.map((watch) => watch.next())) await rejects(next, missed);
  failing = false;
  const again = shared.watch(prefixRange("log/1/"), { after: 3, signal });
  deepEqual(keysOf(await again.next()), ["log/1/a"]);
  equal((await again.next()).done, true);
});
