import assert from "node:assert/strict";
import {
  type ErrorCode,
  GitStratumError,
  hasCode,
  ManualClock,
  systemRandom,
  USER_GRANT_COUNT_MAX,
  USER_KEY_COUNT_MAX,
  USER_TOKEN_COUNT_MAX,
} from "@gitstratum/core";
import { hashAccessToken, newUserId, type UserId } from "@gitstratum/core/access";
import { type Consensus, MemoryConsensus, prefixRange } from "@gitstratum/core/consensus";
import { AccountAudit } from "../audit/account_audit.ts";
import {
  accessNodeOver,
  AccessStage,
  publicKeyLine,
  repositoryOf,
  STAGE_NOW_MS,
} from "./testing/access_stage.ts";

const TOKEN = { label: "laptop", scopes: ["repository:write"] } as const;
const failing = (code: ErrorCode) => (error: unknown) => hasCode(error, code);

Deno.test("createUser() takes each name once among users and owners, in whatever case", () =>
  AccessStage.run(async ({ client: { calls }, ...stage }) => {
    const alice = await stage.user("Alice", true);
    assert.deepEqual(await calls.findUser({ name: "aLICE" }), alice);
    assert.equal(alice.createdAtMs, STAGE_NOW_MS);
    await assert.rejects(stage.user("alice"), failing("already-exists"));
    await assert.rejects(calls.createOwner({ name: "ALICE" }), failing("already-exists"));
    await calls.createOwner({ name: "team" });
    await assert.rejects(stage.user("Team"), failing("already-exists"));
    await assert.rejects(calls.findUser({ name: "team" }), failing("not-found"));
    assert.equal((await calls.findOwner({ name: "TEAM" })).name, "team");
  }));

Deno.test("createUser() refuses names that are none", () =>
  AccessStage.run(async ({ client, ...stage }) => {
    const hostile = ["", "a/b", "../x", "a\nb", "a\0", "api", "é", "-x", "x".repeat(101), "a.git"];
    for (const name of hostile) {
      await assert.rejects(stage.user(name), failing("invalid"), JSON.stringify(name));
    }
    assert.deepEqual((await client.calls.listUsers({})).records, []);
  }));

Deno.test("createUser() said twice makes one user", () =>
  AccessStage.run(async ({ client: { calls } }) => {
    const request = { id: newUserId(systemRandom), name: "alice", administrator: false };
    assert.deepEqual(await calls.createUser(request), await calls.createUser(request));
    await assert.rejects(calls.createUser({ ...request, name: "bob" }), failing("already-exists"));
  }));

Deno.test("makeToken() stores the hash and never the token", () =>
  AccessStage.run(async ({ client, consensus, node, ...stage }) => {
    const alice = await stage.user("alice");
    const expiresAtMs = STAGE_NOW_MS + 5;
    const { token, record } = await client.makeToken({ ...TOKEN, user: alice.id, expiresAtMs });
    assert.deepEqual(node.view.tokenByHash(hashAccessToken(token)), record);
    assert.deepEqual((await client.calls.listTokens({ user: alice.id })).records, [record]);
    const stored = await consensus.range(prefixRange("access/"));
    assert.equal(stored.entries.length, 3, "the head, a user, a token");
    const { entries } = await consensus.range(prefixRange(""));
    assert.ok(entries.length > stored.entries.length, "and the audit trail");
    for (const { key, value } of entries) {
      assert.ok(!(key + new TextDecoder().decode(value)).includes(token));
    }
  }));

Deno.test("createToken() refuses strangers, what ends before it begins, and too many", () =>
  AccessStage.run(async ({ client, ...stage }) => {
    const nobody = newUserId(systemRandom);
    await assert.rejects(client.makeToken({ ...TOKEN, user: nobody }), failing("not-found"));
    const { id: user } = await stage.user("alice");
    const bad = [
      { scopes: ["everything"] },
      { scopes: [] },
      { scopes: ["account", "account"] },
      { label: "two\nlines" },
      { label: "\u202eturned" },
      { label: "x".repeat(101) },
      { expiresAtMs: STAGE_NOW_MS },
      { expiresAtMs: -1 },
      { notBeforeMs: STAGE_NOW_MS + 10, expiresAtMs: STAGE_NOW_MS + 10 },
      { repositories: ["../x"] },
      { repositories: Array(101).fill(repositoryOf(1)) },
    ];
    for (const part of bad) {
      const request = { ...TOKEN, user, ...part } as never;
      await assert.rejects(client.makeToken(request), failing("invalid"), JSON.stringify(part));
    }
    for (let count = 0; count < USER_TOKEN_COUNT_MAX; count++) {
      await client.makeToken({ ...TOKEN, user });
    }
    await assert.rejects(client.makeToken({ ...TOKEN, user }), failing("exhausted"));
    const { records: [first] } = await client.calls.listTokens({ user });
    await client.calls.removeToken({ user, id: first!.id });
    await client.makeToken({ ...TOKEN, user });
  }));

Deno.test("removeToken() takes one token of its user alone", () =>
  AccessStage.run(async ({ client, node, ...stage }) => {
    const alice = await stage.user("alice");
    const bob = await stage.user("bob");
    const { token, record } = await client.makeToken({ ...TOKEN, user: alice.id });
    const kept = await client.makeToken({ ...TOKEN, user: alice.id });
    const { removeToken, listTokens } = client.calls;
    await assert.rejects(removeToken({ user: bob.id, id: record.id }), failing("not-found"));
    await removeToken({ user: alice.id, id: record.id });
    await assert.rejects(removeToken({ user: alice.id, id: record.id }), failing("not-found"));
    assert.equal(node.view.tokenByHash(hashAccessToken(token)), undefined);
    assert.deepEqual((await listTokens({ user: alice.id })).records, [kept.record]);
  }));

Deno.test("addUserKey() and addDeployKey() let each key stand for one holder", () =>
  AccessStage.run(async ({ client: { calls }, node, ...stage }) => {
    const { id: user } = await stage.user("alice");
    const key = publicKeyLine(1, "alice@laptop");
    const record = await calls.addUserKey({ id: stage.id(), user, key });
    assert.equal(record.label, "alice@laptop");
    assert.deepEqual(node.view.keyByFingerprint(record.fingerprint), record);
    const other = await stage.user("bob");
    const again = calls.addUserKey({ id: stage.id(), user: other.id, key });
    await assert.rejects(again, failing("already-exists"));
    const deploy = { id: stage.id(), repository: repositoryOf(1), role: "write", key } as const;
    await assert.rejects(calls.addDeployKey(deploy), failing("already-exists"));
    const elsewhere = { ...deploy, key: publicKeyLine(2) };
    const added = await calls.addDeployKey(elsewhere);
    assert.deepEqual(await calls.addDeployKey(elsewhere), added, "said twice");
    const { repository } = deploy;
    assert.deepEqual((await calls.listDeployKeys({ repository })).records, [added]);
    const stranger = { repository: repositoryOf(2), id: added.id };
    await assert.rejects(calls.removeDeployKey(stranger), failing("not-found"));
    await calls.removeDeployKey({ repository, id: added.id });
    await calls.removeUserKey({ user, id: record.id });
    assert.equal(node.view.keyByFingerprint(record.fingerprint), undefined);
    await calls.addUserKey({ id: stage.id(), user: other.id, key });
  }));

Deno.test("addUserKey() refuses weak keys, what is no key, and thousands", () =>
  AccessStage.run(async ({ client: { calls }, ...stage }) => {
    const { id: user } = await stage.user("alice");
    const dsa = `ssh-dss ${btoa("\0\0\0\x07ssh-dss")}`;
    for (const key of ["", "x", dsa, publicKeyLine(1).slice(0, 40), "a".repeat(9000)]) {
      await assert.rejects(
        calls.addUserKey({ id: stage.id(), user, key }),
        failing("invalid"),
        key,
      );
    }
    const add = (number: number) =>
      calls.addUserKey({ id: stage.id(), user, key: publicKeyLine(number) });
    for (let number = 0; number < USER_KEY_COUNT_MAX; number++) await add(number);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, (_, at) => add(5000 + at)),
    );
    for (const outcome of outcomes) {
      assert.ok(outcome.status === "rejected" && hasCode(outcome.reason, "exhausted"));
    }
  }));

Deno.test("setGrant() gives one role at a place, spelled as the owner is", () =>
  AccessStage.run(async ({ client: { calls }, node, ...stage }) => {
    const { id: user } = await stage.user("alice");
    await calls.createOwner({ name: "Team" });
    const target = { on: "owner", owner: stage.name("team") } as const;
    await calls.setGrant({ user, target, role: "write" });
    await calls.setGrant({ user, target, role: "admin" });
    assert.deepEqual([...node.view.ownerFacts(stage.name("Team")).roles], [["alice", "admin"]]);
    assert.equal((await calls.listGrants({ target })).records[0]?.role, "admin");
    assert.equal((await calls.listGrants({ user })).records.length, 1);
    const nowhere = { on: "owner", owner: stage.name("nobody") } as const;
    const lost = calls.setGrant({ user, target: nowhere, role: "read" });
    await assert.rejects(lost, failing("not-found"));
    await calls.removeGrant({ user, target });
    await assert.rejects(calls.removeGrant({ user, target }), failing("not-found"));
    assert.equal(node.view.ownerFacts(stage.name("Team")).roles.size, 0);
  }));

Deno.test("removeUser() leaves nothing, however much there was, and nothing to a later user", () =>
  AccessStage.run(async ({ client, consensus, node, ...stage }) => {
    const { calls } = client;
    const alice = await stage.user("alice");
    const bob = await stage.user("bob");
    const { token } = await client.makeToken({ ...TOKEN, user: alice.id });
    const key = publicKeyLine(1);
    await calls.addUserKey({ id: stage.id(), user: alice.id, key });
    for (let number = 0; number < 300; number++) {
      const target = { on: "repository", repository: repositoryOf(number) } as const;
      await calls.setGrant({ user: alice.id, target, role: "write" });
    }
    const ofAlice = { on: "owner", owner: alice.name } as const;
    await calls.setGrant({ user: bob.id, target: ofAlice, role: "read" });
    await calls.removeUser({ user: alice.id });
    await assert.rejects(calls.removeUser({ user: alice.id }), failing("not-found"));
    const { entries } = await consensus.range(prefixRange("access/records/"));
    assert.deepEqual(entries.map((entry) => entry.key), [`access/records/user/${bob.id}`]);
    const again = await stage.user("alice");
    assert.equal(node.view.tokenByHash(hashAccessToken(token)), undefined);
    assert.deepEqual(node.view.grantsFor(again.id), []);
    assert.equal(node.view.ownerFacts(again.name).roles.size, 0);
  }));

Deno.test("removeUser() that stops half-way lets nobody in, and goes on when it is called again", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  let transactionsLeft = Infinity;
  const breaking: Consensus = new Proxy(consensus, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== "function") return member;
      if (name !== "transact") return member.bind(target);
      return (transaction: Parameters<Consensus["transact"]>[0]) => {
        if (transactionsLeft-- > 0) return target.transact(transaction);
        return Promise.reject(new GitStratumError("unavailable", "Break off"));
      };
    },
  });
  try {
    await AccessStage.run(async ({ client: { calls }, node, ...stage }) => {
      const { id: user } = await stage.user("alice");
      for (let number = 0; number < 250; number++) {
        const target = { on: "repository", repository: repositoryOf(number) } as const;
        await calls.setGrant({ user, target, role: "write" });
      }
      transactionsLeft = 1;
      await assert.rejects(calls.removeUser({ user }), failing("unavailable"));
      assert.equal(node.view.userById(user)?.disabled, true);
      transactionsLeft = Infinity;
      await calls.removeUser({ user });
      assert.equal((await calls.listUsers({})).records.length, 0);
    }, { consensus: breaking, clock });
  } finally {
    await consensus.close();
  }
});

Deno.test("removeOwner() and removeRepository() take their grants and keys along", () =>
  AccessStage.run(async ({ client: { calls }, consensus, ...stage }) => {
    const { id: user } = await stage.user("alice");
    await calls.createOwner({ name: "team" });
    const repository = repositoryOf(7);
    await calls.setGrant({ user, target: { on: "repository", repository }, role: "read" });
    const target = { on: "owner", owner: stage.name("team") } as const;
    await calls.setGrant({ user, target, role: "read" });
    const key = publicKeyLine(3);
    await calls.addDeployKey({ id: stage.id(), repository, role: "read", key });
    await calls.removeRepository({ repository });
    await calls.removeRepository({ repository });
    assert.deepEqual((await calls.listGrants({ user })).records.map((one) => one.target.on), [
      "owner",
    ]);
    await calls.removeOwner({ name: "TEAM" });
    await assert.rejects(calls.removeOwner({ name: "team" }), failing("not-found"));
    const { entries } = await consensus.range(prefixRange("access/records/"));
    assert.equal(entries.length, 1);
  }));

Deno.test("changeUser() and removeUser() leave an administrator", () =>
  AccessStage.run(async ({ client: { calls }, ...stage }) => {
    const { id: user } = await stage.user("root", true);
    await assert.rejects(calls.changeUser({ user, administrator: false }), failing("denied"));
    await assert.rejects(calls.changeUser({ user, disabled: true }), failing("denied"));
    await assert.rejects(calls.removeUser({ user }), failing("denied"));
    const second = await stage.user("second", true);
    assert.equal((await calls.changeUser({ user, disabled: true })).disabled, true);
    await assert.rejects(calls.removeUser({ user: second.id }), failing("denied"));
    await calls.changeUser({ user, disabled: false });
    await calls.removeUser({ user: second.id });
  }));

Deno.test("two administrators who remove each other at two nodes do not both succeed", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const open = () => accessNodeOver(consensus, clock);
  const nodes = [await open(), await open()] as const;
  const admin = (name: string) =>
    nodes[0].access.createUser({ id: newUserId(systemRandom), name, administrator: true });
  try {
    const one = await admin("one");
    const two = await admin("two");
    const outcomes = await Promise.allSettled([
      nodes[0].access.removeUser({ user: one.id }),
      nodes[1].access.removeUser({ user: two.id }),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    assert.equal((await nodes[0].access.listUsers({})).records.length, 1);
  } finally {
    for (const node of nodes) await node.close();
    await consensus.close();
  }
});

Deno.test("claimFirstAdministrator() succeeds once over all nodes, and says so again", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const open = () => accessNodeOver(consensus, clock);
  const nodes = [await open(), await open()];
  const claimOf = (number: number) => ({
    user: repositoryOf(100 + number) as string as UserId,
    name: "admin",
    token: repositoryOf(number) as never,
    hash: number.toString(16).padStart(64, "0") as never,
  });
  try {
    const claims = Array.from({ length: 8 }, (_, number) => claimOf(number));
    const outcomes = await Promise.all(
      claims.map((claim, number) => nodes[number % 2]!.access.claimFirstAdministrator(claim)),
    );
    assert.equal(outcomes.filter(({ claimed }) => claimed).length, 1);
    const winner = claims[outcomes.findIndex(({ claimed }) => claimed)]!;
    assert.deepEqual(await nodes[1]!.access.claimFirstAdministrator(winner), { claimed: true });
    const later = claimOf(20);
    assert.deepEqual(await nodes[0]!.access.claimFirstAdministrator(later), { claimed: false });
    const { records: [user] } = await nodes[0]!.access.listUsers({});
    assert.ok(user?.administrator);
    assert.equal(nodes[0]!.view.tokenByHash(winner.hash)?.kind, "token");
  } finally {
    for (const node of nodes) await node.close();
    await consensus.close();
  }
});

Deno.test("listUsers() pages through everybody once, whatever comes in between", () =>
  AccessStage.run(async ({ client: { calls }, ...stage }) => {
    for (let number = 0; number < 25; number++) await stage.user(`u${number}`);
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await calls.listUsers({ limit: 7, ...(after === undefined ? {} : { after }) });
      seen.push(...page.records.map(({ name }) => name));
      after = page.next;
      await stage.user(`new${seen.length}`);
    } while (after !== undefined);
    const ours = seen.filter((name) => /^u[0-9]/.test(name));
    assert.equal(ours.length, 25);
    assert.equal(new Set(seen).size, seen.length);
    assert.deepEqual(seen, [...seen].sort());
    await assert.rejects(calls.listUsers({ limit: 0 }), failing("invalid"));
    await assert.rejects(calls.listUsers({ limit: 101 }), failing("invalid"));
  }));

Deno.test("every change is in the audit trail with who asked for it, and no secret", () =>
  AccessStage.run(async ({ client, consensus, clock, ...stage }) => {
    const by = { user: "root", transport: "api", atMs: 7 } as const;
    const { calls } = client.as(by);
    const audit = new AccountAudit({ consensus, clock, random: systemRandom });
    const request = { id: newUserId(systemRandom), name: "alice", administrator: false };
    const { id: user } = await calls.createUser(request);
    const { token, record } = await client.as(by).makeToken({ ...TOKEN, user });
    const key = await calls.addUserKey({ id: stage.id(), user, key: publicKeyLine(1) });
    const target = { on: "repository", repository: repositoryOf(5) } as const;
    await calls.setGrant({ user, target, role: "read" });
    await calls.setGrant({ user, target, role: "write" });
    await calls.setGrant({ user, target, role: "write" });
    await calls.changeUser({ user, disabled: true });
    await calls.removeToken({ user, id: record.id });
    await calls.removeUser({ user });
    await assert.rejects(calls.removeUser({ user }), failing("not-found"));
    const events = await audit.query({ limit: 100 });
    const kinds = [
      "user-created",
      "token-created",
      "user-key-created",
      "grant-created",
      "grant-changed",
      "user-changed",
      "token-removed",
      "user-removed",
    ];
    assert.deepEqual(events.map(({ kind }) => kind).sort(), kinds.sort());
    for (const { provenance } of events) assert.deepEqual(provenance, by);
    const text = JSON.stringify(events);
    assert.ok(!text.includes(token) && !text.includes(record.hash) && !text.includes(key.blob));
    const made = events.find(({ kind }) => kind === "token-created");
    assert.equal(made?.owner, "alice");
    assert.deepEqual(made?.details, { ...TOKEN, id: record.id, user: "alice", userId: user });
  }));

Deno.test("setGrant() holds its limit", () =>
  AccessStage.run(async ({ node: { access }, ...stage }) => {
    const { id: user } = await stage.user("alice");
    const grant = (number: number) =>
      access.setGrant({
        user,
        target: { on: "repository", repository: repositoryOf(number) },
        role: "read",
      });
    for (let number = 0; number < USER_GRANT_COUNT_MAX; number++) await grant(number);
    await assert.rejects(grant(USER_GRANT_COUNT_MAX), failing("exhausted"));
    await access.setGrant({
      user,
      target: { on: "repository", repository: repositoryOf(0) },
      role: "admin",
    });
  }));
