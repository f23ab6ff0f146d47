import { deepEqual, equal, ok } from "node:assert/strict";
import { ManualClock, systemRandom } from "@gitstratum/core";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import type { AuditEvent, AuditQuery, Provenance, RepositoryId } from "@gitstratum/core/rpc";
import { AccountAudit } from "./account_audit.ts";

const by = (user: string): Provenance => ({ user, transport: "api", atMs: 1 });

function open(keepMs = 100_000) {
  const clock = new ManualClock(1_000_000);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const audit = new AccountAudit({ consensus, clock, random: systemRandom, keepMs });
  const note = async (owner: string, user: string, kinds: readonly string[] = ["user-changed"]) => {
    const acts = kinds.map((kind) => ({ kind, owner, provenance: by(user), details: { owner } }));
    await consensus.transact({ compares: [], then: audit.changes(acts) });
  };
  return { clock, consensus, audit, note, [Symbol.asyncDispose]: () => consensus.close() };
}

async function all(audit: AccountAudit, query: Partial<AuditQuery>, limit: number) {
  const found: AuditEvent[] = [];
  for (;;) {
    const before = found.at(-1)?.id;
    const page = await audit.query({ ...query, limit, ...(before ? { before } : {}) });
    found.push(...page);
    if (page.length < limit) return found;
  }
}

Deno.test("AccountAudit answers the newest first, by owner, user and time, in pages", async () => {
  await using world = open();
  const { audit, clock, note } = world;
  for (let number = 0; number < 20; number++) {
    await note(`owner${number % 2}`, `user${number % 3}`, ["a", "b"]);
    await clock.advance(10);
  }
  const whole = await all(audit, {}, 1000);
  equal(whole.length, 40);
  deepEqual(whole.map(({ id }) => id), whole.map(({ id }) => id).sort().reverse());
  for (const limit of [1, 7, 39, 40, 41]) deepEqual(await all(audit, {}, limit), whole);
  const check = async (query: Partial<AuditQuery>, wanted: (event: AuditEvent) => boolean) => {
    const events = whole.filter(wanted);
    equal(events.length > 0 && events.length < 40, true);
    for (const limit of [1, 3, 100]) deepEqual(await all(audit, query, limit), events);
  };
  await check({ owner: "owner1" }, ({ owner }) => owner === "owner1");
  await check({ user: "user2" }, ({ provenance }) => provenance?.user === "user2");
  await check({ sinceMs: 1_000_050 }, ({ atMs }) => atMs >= 1_000_050);
  await check({ untilMs: 1_000_050 }, ({ atMs }) => atMs < 1_000_050);
  deepEqual(await audit.query({ limit: 5, partitions: [] }), []);
});

Deno.test("AccountAudit finds what was done about a repository", async () => {
  await using world = open();
  const { audit, consensus } = world;
  const [one, other] = ["1", "2"].map((digit) => digit.repeat(32) as RepositoryId);
  const kinds = ["deploy-key-created", "grant-created", "webhook-created"];
  for (const id of [one, other]) {
    const facts = [{ repository: id }, { target: { on: "repository", repository: id } }, {
      target: { kind: "repository", repositoryId: id },
    }];
    const acts = kinds.map((kind, index) => ({ kind, details: facts[index]! }));
    await consensus.transact({ compares: [], then: audit.changes(acts) });
  }
  await world.note("somebody", "alice");
  const found = await audit.query({ limit: 10, repositoryId: one! });
  deepEqual(found.map(({ kind }) => kind).sort(), kinds);
  ok(found.every(({ details }) => JSON.stringify(details).includes(one!)));
});

Deno.test("AccountAudit.changes() forgets what has had its time, with the next act", async () => {
  await using world = open(1000);
  await world.note("old", "alice");
  await world.clock.advance(900);
  await world.note("middle", "alice");
  equal((await world.audit.query({ limit: 10 })).length, 2);
  await world.clock.advance(200);
  await world.note("new", "alice");
  deepEqual((await world.audit.query({ limit: 10 })).map(({ owner }) => owner), ["new", "middle"]);
  deepEqual(world.audit.changes([]), []);
});
