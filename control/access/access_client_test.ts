import assert from "node:assert/strict";
import { hasCode, ManualClock, silentLogger, systemRandom } from "@gitstratum/core";
import { hashAccessToken } from "@gitstratum/core/access";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import { ControlFailover, type Fetcher, JsonClient } from "@gitstratum/core/rpc";
import { AccessClient, AccessWatcher } from "@gitstratum/core/rpc/access";
import {
  accessNodeOver,
  publicKeyLine,
  repositoryOf,
  STAGE_NOW_MS,
} from "./testing/access_stage.ts";

/** Two control nodes, of which the first does what it is told and never gets to say so. */
async function withDeafNode(
  test: (client: AccessClient, counts: { asked: number }) => Promise<void>,
): Promise<void> {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const nodes = [await accessNodeOver(consensus, clock), await accessNodeOver(consensus, clock)];
  const counts = { asked: 0 };
  const fetcher: Fetcher = async (request) => {
    if (request.method === "POST") counts.asked++;
    const isFirst = new URL(request.url).hostname === "c-0.test";
    const response = await nodes[isFirst ? 0 : 1]!.service.fetch(request);
    if (!isFirst) return response;
    await response.body?.cancel();
    throw new TypeError("connection reset");
  };
  const urls = ["http://c-0.test", "http://c-1.test"];
  const route: ConstructorParameters<typeof AccessClient>[0]["route"] = (call) =>
    // A fresh one each time, so that each call begins at the first node.
    new ControlFailover({
      urls,
      fetcher,
      clock,
      random: { bytes: (count) => new Uint8Array(count) },
    }).ask((at) => call(new JsonClient(at.fetcher, { baseUrl: at.baseUrl })));
  try {
    await test(new AccessClient({ route, random: systemRandom, clock }), counts);
  } finally {
    for (const node of nodes) await node.close();
    await consensus.close();
  }
}

Deno.test("AccessClient repeats a call whose answer is lost, and it counts once", () =>
  withDeafNode(async (client, counts) => {
    const { calls } = client;
    const id = client.newUserId();
    const user = await calls.createUser({ id, name: "alice", administrator: false });
    assert.equal(counts.asked, 2);
    assert.deepEqual((await calls.listUsers({})).records, [user]);
    const { token, record } = await client.makeToken({
      user: id,
      label: "",
      scopes: ["account"],
    });
    assert.equal(record.hash, hashAccessToken(token));
    const key = { id: client.newRecordId(), user: id, key: publicKeyLine(1) };
    await calls.addUserKey(key);
    const target = { on: "repository", repository: repositoryOf(1) } as const;
    await calls.setGrant({ user: id, target, role: "read" });
    assert.equal((await calls.listTokens({ user: id })).records.length, 1);
    await calls.removeToken({ user: id, id: record.id });
    await calls.removeUserKey({ user: id, id: key.id });
    await calls.removeGrant({ user: id, target });
    await calls.removeUser({ user: id });
    assert.deepEqual((await calls.listUsers({})).records, []);
  }));

Deno.test("AccessClient claims the first administrator once though the answer is lost", () =>
  withDeafNode(async (client) => {
    const token = await client.claimFirstAdministrator("root");
    assert.ok(token !== undefined);
    assert.equal(await client.claimFirstAdministrator("root"), undefined);
  }));

Deno.test("AccessClient resolves when the view at hand knows, or does not hear of it in time", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const node = await accessNodeOver(consensus, clock);
  const fetcher: Fetcher = (request) => node.service.fetch(request);
  const base = { fetcher, clock, random: systemRandom };
  const watcher = new AccessWatcher({ ...base, urls: ["http://c.test"], logger: silentLogger });
  const caller = new JsonClient(fetcher);
  const options = { ...base, route: <T>(call: (client: JsonClient) => Promise<T>) => call(caller) };
  const client = new AccessClient({ ...options, view: watcher.view });
  try {
    watcher.open();
    const request = { id: client.newUserId(), name: "alice", administrator: false };
    const making = client.calls.createUser(request);
    const user = await making;
    assert.deepEqual(watcher.view.userByName("alice"), user, "known here at once");
    await watcher.close();
    let isOver = false;
    const changing = client.calls.changeUser({ user: user.id, administrator: true })
      .finally(() => isOver = true);
    while (!isOver) await clock.advance(100);
    assert.equal((await changing).administrator, true);
    assert.equal(watcher.view.userByName("alice")?.administrator, false, "not known here");
    const missing = client.calls.removeToken({ user: user.id, id: client.newRecordId() });
    await assert.rejects(missing, (error) => hasCode(error, "not-found"));
  } finally {
    await watcher.close();
    await node.close();
    await consensus.close();
  }
});
