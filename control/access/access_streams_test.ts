import assert from "node:assert/strict";
import {
  ACCESS_WATCH_BEAT_MS,
  type Clock,
  GitStratumError,
  hasCode,
  type LogData,
  type Logger,
  ManualClock,
  SeededRandom,
  silentLogger,
  systemClock,
  systemRandom,
} from "@gitstratum/core";
import {
  type AccessRecord,
  type AccessView,
  hashAccessToken,
  MemoryAccessView,
  recordKey,
} from "@gitstratum/core/access";
import { type Consensus, MemoryConsensus } from "@gitstratum/core/consensus";
import { CutConsensus } from "@gitstratum/core/consensus/cut-consensus";
import { type Fetcher, readJsonLines } from "@gitstratum/core/rpc";
import { type AccessLine, AccessWatcher } from "@gitstratum/core/rpc/access";
import { AccessFeed, storedKey } from "./access_feed.ts";
import { AccessStreams } from "./access_streams.ts";
import {
  accessNodeOver,
  AccessStage,
  publicKeyLine,
  repositoryOf,
  STAGE_NOW_MS,
} from "./testing/access_stage.ts";

const PATIENCE_MS = 60_000;
const TOKEN = { label: "", scopes: ["repository:write"] } as const;

/** A watcher over nodes that a fetcher reaches. */
function watcherOf(fetcher: Fetcher, clock: Clock, urls = ["http://c-0.test"]): AccessWatcher {
  const watcher = new AccessWatcher({
    urls,
    fetcher,
    clock,
    random: new SeededRandom(3),
    logger: silentLogger,
  });
  watcher.open();
  return watcher;
}

async function reached(view: AccessView, revision: number): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  while (view.revision < revision) await view.changed(view.revision, signal);
}

function sorted(view: AccessView): readonly AccessRecord[] {
  assert.ok(view instanceof MemoryAccessView);
  return [...view.records()].sort((a, b) => recordKey(a) < recordKey(b) ? -1 : 1);
}

async function nextLine(lines: AsyncGenerator<unknown>): Promise<AccessLine> {
  const { value, done } = await lines.next();
  assert.ok(!done);
  return value as AccessLine;
}

Deno.test("AccessWatcher has all records, then every change", () =>
  AccessStage.run(async ({ client, node, clock, fetcher, ...stage }) => {
    const users = [];
    for (let number = 0; number < 600; number++) users.push(await stage.user(`u${number}`));
    const watcher = watcherOf(fetcher, clock);
    try {
      await reached(watcher.view, node.view.revision);
      assert.deepEqual(sorted(watcher.view), sorted(node.view));
      const user = users[3]!.id;
      const { token, record } = await client.makeToken({ ...TOKEN, user });
      await client.calls.addUserKey({ id: stage.id(), user, key: publicKeyLine(1) });
      await client.calls.removeUser({ user: users[4]!.id });
      await reached(watcher.view, node.view.revision);
      assert.deepEqual(watcher.view.tokenByHash(hashAccessToken(token)), record);
      await client.calls.removeToken({ user, id: record.id });
      await reached(watcher.view, node.view.revision);
      assert.equal(watcher.view.tokenByHash(hashAccessToken(token)), undefined);
      assert.deepEqual(sorted(watcher.view), sorted(node.view));
    } finally {
      await watcher.close();
    }
  }));

Deno.test("AccessStreams tell a reader only what it does not know", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  await AccessStage.run(async ({ consensus, ...stage }) => {
    const feed = new AccessFeed({ consensus, clock, logger: silentLogger });
    await feed.open();
    const streams = new AccessStreams(feed, clock);
    const read = (after: number) =>
      readJsonLines(streams.open(after), { lineLengthMax: 1_000_000 });
    const heard = async () => await reached(feed.view, await feed.catchUp());
    try {
      const alice = await stage.user("alice");
      await heard();
      const known = feed.view.revision;
      const whole = read(0);
      assert.deepEqual(await nextLine(whole), { kind: "begin", revision: known });
      assert.deepEqual(await nextLine(whole), { kind: "records", records: [alice] });
      assert.deepEqual(await nextLine(whole), { kind: "end", count: 1 });
      const lines = read(known);
      assert.deepEqual(await nextLine(lines), { kind: "alive", revision: known });
      const waiting = nextLine(lines);
      await clock.advance(ACCESS_WATCH_BEAT_MS);
      assert.deepEqual(await waiting, { kind: "alive", revision: known });
      const bob = await stage.user("bob");
      await heard();
      const change = await nextLine(lines);
      const { revision } = feed.view;
      const changes = [{ key: recordKey(bob), record: bob }];
      assert.deepEqual(change, { kind: "changes", from: known, revision, changes });
      const resumed = read(known);
      assert.deepEqual(await nextLine(resumed), change, "the same for one who comes back");
      assert.equal(streams.count, 3);
      for (const each of [whole, lines, resumed]) await each.return(undefined);
      assert.equal(streams.count, 0);
      streams.close();
      assert.throws(() => streams.open(0), (error) => hasCode(error, "unavailable"));
    } finally {
      await feed.close();
    }
  }, { clock });
});

Deno.test("AccessFeed reads again after its watch broke, over a compaction too", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const line = new CutConsensus(consensus);
  const feed = new AccessFeed({ consensus: line, clock, logger: silentLogger });
  try {
    await AccessStage.run(async ({ client, node, ...stage }) => {
      const gone = await stage.user("gone");
      await feed.open();
      line.isCut = true;
      await stage.user("alice");
      await client.calls.removeUser({ user: gone.id });
      await consensus.compact((await consensus.range({ from: "a", to: "b" })).revision);
      line.mend();
      while (feed.view.revision < node.view.revision) await clock.advance(100);
      assert.deepEqual(sorted(feed.view), sorted(node.view));
    }, { consensus, clock });
  } finally {
    await feed.close();
    await consensus.close();
  }
});

Deno.test("AccessFeed leaves a watch that hangs", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  let watchCount = 0;
  const hanging: Consensus = new Proxy(consensus, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== "function") return member;
      if (name !== "watch" || watchCount++ > 0) return member.bind(target);
      return async function* (_range: unknown, { signal }: { readonly signal: AbortSignal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        yield* [];
      };
    },
  });
  const feed = new AccessFeed({ consensus: hanging, clock, logger: silentLogger });
  try {
    await feed.open();
    await AccessStage.run(async (stage) => {
      const alice = await stage.user("alice");
      let isOver = false;
      const late = assert.rejects(feed.catchUp(), (error) => hasCode(error, "unavailable"))
        .finally(() => isOver = true);
      while (!isOver) await clock.advance(100);
      await late;
      await feed.catchUp();
      assert.deepEqual(sorted(feed.view), [alice]);
      const bob = await stage.user("bob");
      await feed.catchUp();
      assert.deepEqual(sorted(feed.view).length, 2);
      assert.equal(feed.view.userByName("bob")?.id, bob.id);
    }, { consensus, clock });
  } finally {
    await feed.close();
    await consensus.close();
  }
});

Deno.test("AccessFeed and its readers follow a store that was put back", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const stores = [1, 2].map(() => new MemoryConsensus({ clock, random: systemRandom }));
  let current: Consensus = stores[0]!;
  const changing = new Proxy({} as Consensus, {
    get: (_, name) => {
      const member = Reflect.get(current, name) as (...values: unknown[]) => unknown;
      return member.bind(current);
    },
  });
  const readers: AccessWatcher[] = [];
  try {
    await AccessStage.run(async ({ node, client, fetcher, ...stage }) => {
      for (let number = 0; number < 10; number++) await stage.user(`u${number}`);
      const watcher = watcherOf(fetcher, clock);
      readers.push(watcher);
      await reached(watcher.view, node.view.revision);
      await AccessStage.run(async (other) => {
        const kept = await other.user("kept");
        current = stores[1]!;
        await client.calls.listUsers({});
        assert.deepEqual(sorted(node.view), [kept]);
        const signal = AbortSignal.timeout(PATIENCE_MS);
        while (watcher.view.userByName("kept") === undefined) {
          await Promise.race([
            watcher.view.changed(watcher.view.revision, signal),
            clock.advance(50),
          ]);
        }
        assert.deepEqual(sorted(watcher.view), [kept]);
      }, { consensus: stores[1]!, clock });
    }, { consensus: changing, clock });
  } finally {
    for (const reader of readers) await reader.close();
    for (const store of stores) await store.close();
  }
});

Deno.test("a node that is cut off from the store gives no sign of life, and its readers leave it", async () => {
  const clock = systemClock;
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const lines = [new CutConsensus(consensus), new CutConsensus(consensus)];
  const nodes = await Promise.all(
    lines.map((line) => accessNodeOver(line, clock)),
  );
  const asked = new Set<number>();
  const fetcher: Fetcher = (request) => {
    const index = Number(new URL(request.url).hostname.slice(2, 3));
    asked.add(index);
    return nodes[index]!.service.fetch(request);
  };
  const watcher = watcherOf(fetcher, clock, ["http://c-0.test", "http://c-1.test"]);
  try {
    await reached(watcher.view, nodes[0]!.view.revision);
    const [first] = [...asked];
    const other = nodes[1 - first!]!;
    lines[first!]!.isCut = true;
    const startMs = clock.monotonicMs();
    const claim = { user: repositoryOf(1), name: "root", token: repositoryOf(2) } as never;
    await other.access.claimFirstAdministrator(Object.assign(claim, { hash: "0".repeat(64) }));
    await reached(watcher.view, other.view.revision);
    const tookMs = clock.monotonicMs() - startMs;
    assert.ok(watcher.view.userByName("root") !== undefined);
    assert.ok(tookMs < 2000, `${tookMs} ms`);
  } finally {
    for (const line of lines) line.mend();
    await watcher.close();
    for (const node of nodes) await node.close();
    await consensus.close();
  }
});

Deno.test("AccessFeed passes over records of other shapes, and says so", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const said: LogData[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (_, data) => void said.push(data ?? {}),
  };
  const feed = new AccessFeed({ consensus, clock, logger });
  try {
    await AccessStage.run(async (stage) => {
      const alice = await stage.user("alice");
      const write = (key: string, text: string) =>
        consensus.transact({
          compares: [],
          then: [{ kind: "put", key, value: new TextEncoder().encode(text) }],
        });
      const odd = ["", "{", "[]", '{"kind":"user"}', `{"kind":"later","id":"x"}`];
      for (const [index, text] of odd.entries()) await write(`access/records/odd/${index}`, text);
      // Under the key of another: it could not be taken away again.
      await write(storedKey(`user/${repositoryOf(1)}` as never), JSON.stringify(alice));
      await feed.open();
      assert.deepEqual(sorted(feed.view), [alice]);
      assert.equal(said.length, odd.length + 1);
      const changed = feed.view.changed(feed.view.revision, AbortSignal.timeout(PATIENCE_MS));
      await write(storedKey(recordKey(alice)), '{"kind":"user","name":"damaged"}');
      await changed;
      assert.deepEqual(sorted(feed.view), [], "what can not be read permits nothing");
    }, { consensus, clock });
  } finally {
    await feed.close();
    await consensus.close();
  }
});

Deno.test("AccessService refuses what it can not read, and bodies that the request line does not name", () =>
  AccessStage.run(async ({ fetcher }) => {
    const url = "http://c.test/control/v1/access";
    const statusOf = async (path: string, init: RequestInit = {}) => {
      const response = await fetcher(new Request(url + path, init));
      await response.body?.cancel();
      return response.status;
    };
    const post = (body: BodyInit) => ({ method: "POST", body });
    assert.equal(await statusOf("/createUser", post("{}")), 403);
    assert.equal(await statusOf(`/createUser?body=${"0".repeat(64)}`, post("{}")), 403);
    const large = "x".repeat(2 * 1024 * 1024);
    assert.equal(await statusOf("/createUser?body=0", post(large)), 429);
    assert.equal(await statusOf("/nothing", post("{}")), 404);
    assert.equal(await statusOf("/toString", post("{}")), 404);
    assert.equal(await statusOf("/watch?after=-1"), 400);
    assert.equal(await statusOf(`/watch?after=${"9".repeat(16)}`), 400);
  }));

Deno.test("AccessWatcher drops a copy that did not end, and refuses what does not fit", async () => {
  const alice = {
    kind: "user",
    id: repositoryOf(1),
    name: "alice",
    administrator: false,
    disabled: false,
    createdAtMs: 1,
  };
  const whole = [
    { kind: "begin", revision: 9 },
    { kind: "records", records: [alice] },
    { kind: "end", count: 1 },
  ];
  const bad: readonly (readonly unknown[])[] = [
    [whole[0], whole[1]],
    [whole[0], whole[1], { kind: "end", count: 2 }],
    [whole[1]],
    [{ kind: "changes", from: 8, revision: 9, changes: [] }],
    [whole[0], { kind: "alive", revision: 9 }],
    [{ kind: "alive", revision: 9 }],
    [{ kind: "unheard" }, ...whole],
    [null],
  ];
  for (const lines of [...bad, whole]) {
    const clock = new ManualClock();
    let askedCount = 0;
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    const fetcher: Fetcher = () => {
      if (askedCount++ === 0) return Promise.resolve(new Response(text));
      return Promise.reject(new GitStratumError("unavailable", "Be away"));
    };
    const watcher = watcherOf(fetcher, clock);
    // The first stream has ended when another is asked for.
    while (askedCount < 2) await clock.advance(10);
    assert.equal(watcher.view.revision, lines === whole ? 9 : 0, text);
    assert.equal(watcher.view.userByName("alice") !== undefined, lines === whole);
    await watcher.close();
  }
});
