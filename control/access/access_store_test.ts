import assert from "node:assert/strict";
import { hasCode, ManualClock, systemRandom } from "@gitstratum/core";
import { hashAccessToken } from "@gitstratum/core/access";
import { type Consensus, MemoryConsensus, prefixRange } from "@gitstratum/core/consensus";
import { AccessStore, type TokenRequest, USER_TOKEN_COUNT_MAX } from "./access_store.ts";

const REQUEST: TokenRequest = { label: "laptop", scopes: ["repository:write"] };

async function withStore(
  run: (store: AccessStore, consensus: Consensus) => Promise<void>,
): Promise<void> {
  const clock = new ManualClock();
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  try {
    await run(new AccessStore(consensus, { clock, random: systemRandom }), consensus);
  } finally {
    await consensus.close();
  }
}

const failing = (code: Parameters<typeof hasCode>[1]) => (error: unknown) => hasCode(error, code);

Deno.test("AccessStore.createUser() takes each name once, in whatever case", () =>
  withStore(async (store) => {
    const alice = await store.createUser("Alice", { administrator: true });
    assert.deepEqual(await store.findUser("alice"), alice);
    assert.deepEqual(alice, { name: "Alice", administrator: true, tokenCount: 0 });
    const again = store.createUser("aLICE", { administrator: false });
    await assert.rejects(again, failing("already-exists"));
    await assert.rejects(
      store.createUser("../tokens", { administrator: false }),
      failing("invalid"),
    );
    assert.equal(await store.findUser("bob"), undefined);
  }));

Deno.test("AccessStore.createToken() stores the hash and never the token", () =>
  withStore(async (store, consensus) => {
    await store.createUser("alice", { administrator: false });
    const { token, record } = await store.createToken("ALICE", { ...REQUEST, expiresAtMs: 5 });
    assert.equal(record.hash, hashAccessToken(token));
    assert.deepEqual(await store.listTokens("alice"), [record]);
    assert.equal((await store.findUser("alice"))?.tokenCount, 1);
    const { entries } = await consensus.range(prefixRange(""));
    assert.equal(entries.length, 2);
    for (const { key, value } of entries) {
      assert.ok(!(key + new TextDecoder().decode(value)).includes(token));
    }
  }));

Deno.test("AccessStore.createToken() refuses strangers, bad requests and too many", () =>
  withStore(async (store) => {
    await assert.rejects(store.createToken("alice", REQUEST), failing("not-found"));
    await store.createUser("alice", { administrator: false });
    const bad = { ...REQUEST, scopes: ["everything"] } as unknown as TokenRequest;
    await assert.rejects(store.createToken("alice", bad), failing("invalid"));
    for (let count = 0; count < USER_TOKEN_COUNT_MAX; count++) {
      await store.createToken("alice", REQUEST);
    }
    await assert.rejects(store.createToken("alice", REQUEST), failing("exhausted"));
    const [first] = await store.listTokens("alice");
    await store.revokeToken("alice", first!.id);
    await store.createToken("alice", REQUEST);
    assert.equal((await store.listTokens("alice")).length, USER_TOKEN_COUNT_MAX);
  }));

Deno.test("AccessStore.revokeToken() takes one token of its user alone", () =>
  withStore(async (store) => {
    await store.createUser("alice", { administrator: false });
    await store.createUser("al", { administrator: false });
    const { record } = await store.createToken("alice", REQUEST);
    const kept = await store.createToken("alice", REQUEST);
    await assert.rejects(store.revokeToken("al", record.id), failing("not-found"));
    await assert.rejects(store.revokeToken("alice", "../x"), failing("not-found"));
    await store.revokeToken("alice", record.id);
    await assert.rejects(store.revokeToken("alice", record.id), failing("not-found"));
    assert.deepEqual(await store.listTokens("alice"), [kept.record]);
    assert.equal((await store.findUser("alice"))?.tokenCount, 1);
  }));

Deno.test("AccessStore.removeUser() leaves no token, and a later user of that name has none", () =>
  withStore(async (store) => {
    await store.createUser("al", { administrator: false });
    await store.createUser("alice", { administrator: false });
    const kept = await store.createToken("alice", REQUEST);
    await store.createToken("al", REQUEST);
    await store.removeUser("al");
    await assert.rejects(store.removeUser("al"), failing("not-found"));
    await store.createUser("al", { administrator: false });
    assert.deepEqual(await store.listTokens("al"), []);
    assert.deepEqual(await store.listTokens("alice"), [kept.record]);
  }));

Deno.test("AccessStore keeps its count when calls for one user race", () =>
  withStore(async (store) => {
    await store.createUser("alice", { administrator: false });
    await Promise.all(Array.from({ length: 8 }, () => store.createToken("alice", REQUEST)));
    assert.equal((await store.listTokens("alice")).length, 8);
    assert.equal((await store.findUser("alice"))?.tokenCount, 8);
    const outcomes = await Promise.allSettled([
      store.removeUser("alice"),
      ...Array.from({ length: 4 }, () => store.createToken("alice", REQUEST)),
    ]);
    assert.equal(outcomes[0]!.status, "fulfilled");
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") assert.ok(hasCode(outcome.reason, "not-found"));
    }
    assert.deepEqual(await store.listTokens("alice"), []);
  }));
