/** Access records over a real etcd of three members, with two control nodes and frontends behind. */

import assert from "node:assert/strict";
import { hasCode, silentLogger, systemClock, systemRandom } from "@gitstratum/core";
import {
  type AccessView,
  hashAccessToken,
  MemoryAccessView,
  newUserId,
  recordKey,
} from "@gitstratum/core/access";
import { prefixRange } from "@gitstratum/core/consensus";
import { openEtcd, withEtcd } from "@gitstratum/core/consensus/etcd-harness";
import { type Fetcher, JsonClient } from "@gitstratum/core/rpc";
import { AccessClient, AccessWatcher } from "@gitstratum/core/rpc/access";
import type { AccessNode } from "./access_node.ts";
import { accessNodeOver, publicKeyLine, repositoryOf } from "./testing/access_stage.ts";

const cluster = withEtcd({ memberCount: 3 });

const PATIENCE_MS = 60_000;
/** The promise of the product: a revocation is known everywhere within 2 s. */
const REVOCATION_MS_MAX = 2000;
const TOKEN = { label: "", scopes: ["repository:write"] } as const;

/** Two control nodes at two members, and two frontends, each of which begins at another node. */
class Stage {
  readonly stores = [openEtcd(cluster()), openEtcd(cluster())];
  readonly nodes: AccessNode[] = [];
  readonly watchers: AccessWatcher[] = [];
  readonly away = new Set<number>();

  async open(): Promise<void> {
    const world = { clock: systemClock, logger: silentLogger };
    for (const consensus of this.stores) {
      this.nodes.push(await accessNodeOver(consensus, systemClock));
    }
    for (const start of [0, 1]) {
      const urls = [0, 1].map((index) => `http://c-${(index + start) % 2}.test`);
      const random = { bytes: (count: number) => new Uint8Array(count) };
      const watcher = new AccessWatcher({ ...world, urls, fetcher: this.fetcher, random });
      watcher.open();
      this.watchers.push(watcher);
    }
    await this.know();
  }

  readonly fetcher: Fetcher = async (request) => {
    const index = Number(new URL(request.url).hostname.slice(2, 3));
    // As a stopped process: it keeps connections, takes requests, and tells nothing any more.
    if (this.away.has(index)) return await new Promise(() => {});
    const response = await this.nodes[index]!.service.fetch(request);
    if (!request.url.includes("/watch")) return response;
    const lines = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        if (!this.away.has(index)) controller.enqueue(chunk);
      },
    });
    return new Response(response.body!.pipeThrough(lines), response);
  };

  clientAt(index: number): AccessClient {
    const client = new JsonClient(this.fetcher, { baseUrl: `http://c-${index}.test` });
    return new AccessClient({
      route: (call) => call(client),
      random: systemRandom,
      clock: systemClock,
    });
  }

  /** Waits until every frontend knows what is newest now. */
  async know(): Promise<void> {
    await this.nodes[0]!.access.listUsers({});
    const { revision } = this.nodes[0]!.view;
    await Promise.all(
      this.watchers.map(({ view }) => until(view, () => view.revision >= revision)),
    );
  }

  async close(): Promise<void> {
    for (const watcher of this.watchers) await watcher.close();
    for (const node of this.nodes) await node.close();
    for (const store of this.stores) await store.close();
  }
}

async function until(view: AccessView, holds: () => boolean): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  while (!holds()) await view.changed(view.revision, signal);
}

function keysOf(view: AccessView): string[] {
  assert.ok(view instanceof MemoryAccessView);
  return [...view.records()].map(recordKey).sort();
}

Deno.test("records over etcd: changes of two nodes are serial, and every frontend has them", async () => {
  const stage = new Stage();
  try {
    await stage.open();
    const clients = [stage.clientAt(0), stage.clientAt(1)];
    const claims = await Promise.all(
      [0, 1, 0, 1].map((index) => clients[index]!.claimFirstAdministrator("root")),
    );
    const tokens = claims.filter((token) => token !== undefined);
    assert.equal(tokens.length, 1, "one first administrator");
    const names = Array.from({ length: 10 }, (_, number) => `user${number % 5}`);
    const outcomes = await Promise.allSettled(
      names.map((name, index) =>
        clients[index % 2]!.calls.createUser({
          id: newUserId(systemRandom),
          name,
          administrator: false,
        })
      ),
    );
    const made = outcomes.filter(({ status }) => status === "fulfilled");
    assert.equal(made.length, 5, "each name once");
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") assert.ok(hasCode(outcome.reason, "already-exists"));
    }
    const { id: user } = await clients[0]!.calls.findUser({ name: "user0" });
    const key = publicKeyLine(1);
    const adding = [0, 1].map((index) =>
      clients[index]!.calls.addUserKey({ id: clients[index]!.newRecordId(), user, key })
    );
    const added = await Promise.allSettled(adding);
    assert.equal(added.filter(({ status }) => status === "fulfilled").length, 1, "a key once");
    await stage.know();
    const [one, other] = stage.watchers;
    assert.deepEqual(keysOf(one!.view), keysOf(other!.view));
    assert.deepEqual(keysOf(one!.view), keysOf(stage.nodes[1]!.view));
    assert.equal(one!.view.tokenByHash(hashAccessToken(tokens[0]!))?.kind, "token");
  } finally {
    await stage.close();
  }
});

Deno.test("records over etcd: what was revoked stays so, whichever node hears its request again", async () => {
  const stage = new Stage();
  try {
    await stage.open();
    const sent: Request[] = [];
    const client = new JsonClient((request) => {
      if (request.method === "POST") sent.push(request.clone());
      return stage.fetcher(request);
    }, { baseUrl: "http://c-0.test" });
    const world = { random: systemRandom, clock: systemClock };
    const maker = new AccessClient({ ...world, route: (call) => call(client) });
    const id = newUserId(systemRandom);
    const { id: user } = await maker.calls.createUser({ id, name: "late", administrator: false });
    const { token, record } = await maker.makeToken({ ...TOKEN, user });
    await stage.clientAt(1).calls.removeToken({ user, id: record.id });
    const [store] = stage.stores;
    const { revision } = await store!.range(prefixRange("access/"), { limit: 1 });
    // Marks are values, not history.
    await store!.compact(revision);
    for (const request of sent) {
      for (const node of stage.nodes) {
        const response = await node.service.fetch(request.clone());
        const isToken = request.url.includes("createToken");
        assert.equal(response.status, isToken ? 409 : 200, await response.text());
      }
    }
    assert.deepEqual((await maker.calls.listTokens({ user })).records, []);
    await stage.know();
    for (const { view } of stage.watchers) {
      assert.equal(view.tokenByHash(hashAccessToken(token)), undefined);
    }
  } finally {
    await stage.close();
  }
});

Deno.test("records over etcd: a revocation is known to every frontend within 2 s, a stopped node or not", async () => {
  const stage = new Stage();
  try {
    await stage.open();
    const client = stage.clientAt(1);
    const name = `worker-${repositoryOf(Math.floor(systemClock.nowMs()))}`;
    const request = { id: newUserId(systemRandom), name, administrator: false };
    const { id: user } = await client.calls.createUser(request);
    const revocationMs = async () => {
      const { token, record } = await client.makeToken({ ...TOKEN, user });
      const hash = hashAccessToken(token);
      const known = stage.watchers.map(({ view }) => view)
        .map((view) => until(view, () => view.tokenByHash(hash) !== undefined));
      await Promise.all(known);
      const startMs = systemClock.monotonicMs();
      await client.calls.removeToken({ user, id: record.id });
      await Promise.all(
        stage.watchers.map(({ view }) => until(view, () => view.tokenByHash(hash) === undefined)),
      );
      return systemClock.monotonicMs() - startMs;
    };
    const tookMs: number[] = [];
    for (let round = 0; round < 20; round++) tookMs.push(await revocationMs());
    assert.ok(Math.max(...tookMs) < REVOCATION_MS_MAX, `${tookMs} ms`);
    const { token, record } = await client.makeToken({ ...TOKEN, user });
    const hash = hashAccessToken(token);
    await stage.know();
    // One frontend follows a control node whose process is stopped from here on.
    stage.away.add(0);
    const startMs = systemClock.monotonicMs();
    await client.calls.removeToken({ user, id: record.id });
    await Promise.all(
      stage.watchers.map(({ view }) => until(view, () => view.tokenByHash(hash) === undefined)),
    );
    const stoppedMs = systemClock.monotonicMs() - startMs;
    assert.ok(stoppedMs < REVOCATION_MS_MAX, `${stoppedMs} ms`);
    if (Deno.env.get("GITSTRATUM_TEST_FIGURES") !== undefined) {
      console.log({ tookMs: tookMs.map(Math.round), stoppedMs });
    }
  } finally {
    await stage.close();
  }
});

Deno.test("records over etcd: a member that dies costs a moment, and nothing is lost or done twice", async () => {
  const stage = new Stage();
  try {
    await stage.open();
    const client = stage.clientAt(0);
    const leader = await cluster().leader();
    await leader.kill();
    const prefix = `after-${repositoryOf(Math.floor(systemClock.nowMs())).slice(16)}`;
    for (let number = 0; number < 5; number++) {
      const request = {
        id: newUserId(systemRandom),
        name: `${prefix}-${number}`,
        administrator: false,
      };
      // As clients do: the same call again, with the same id.
      for (let isDone = false; !isDone;) {
        isDone = await client.calls.createUser(request).then(() => true, (error) => {
          if (!hasCode(error, "unavailable")) throw error;
          return false;
        });
      }
    }
    await leader.start();
    await cluster().healthy();
    await stage.know();
    for (const { view } of stage.watchers) {
      for (let number = 0; number < 5; number++) {
        assert.ok(view.userByName(`${prefix}-${number}`) !== undefined);
      }
    }
  } finally {
    await stage.close();
    for (const member of cluster().members) await member.revive();
  }
});
