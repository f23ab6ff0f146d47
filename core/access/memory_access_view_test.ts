import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../error.ts";
import type { RepositoryId } from "../rpc/ids.ts";
import {
  type AccessChange,
  type AccessRecord,
  type GrantRecord,
  parseRecordId,
  parseUserId,
  type RecordId,
  recordKey,
  type UserId,
  type UserRecord,
} from "./access_record.ts";
import type { AccessTokenHash } from "./access_token.ts";
import { MemoryAccessView } from "./memory_access_view.ts";
import type { AccountName } from "./principal.ts";

const NEVER = new AbortController().signal;
const id = (number: number) => number.toString(16).padStart(32, "0");
const hash = (number: number) => number.toString(16).padStart(64, "0") as AccessTokenHash;
const name = (text: string) => text as AccountName;
const repository = (number: number) => id(number) as RepositoryId;

function userOf(number: number, spelled: string): UserRecord {
  return {
    kind: "user",
    id: id(number) as UserId,
    name: name(spelled),
    administrator: false,
    disabled: false,
    createdAtMs: 1,
  };
}

const ALICE = userOf(1, "Alice");
const BOB = userOf(2, "bob");

function tokenOf(number: number, user: UserRecord): AccessRecord {
  return {
    kind: "token",
    id: id(number) as RecordId,
    user: user.id,
    hash: hash(number),
    label: "",
    scopes: ["repository:read"],
    createdAtMs: 1,
  };
}

function grantOf(user: UserRecord, target: GrantRecord["target"], role: GrantRecord["role"]) {
  return { kind: "grant", user: user.id, target, role, createdAtMs: 1 } as const;
}

const put = (record: AccessRecord): AccessChange => ({ kind: "put", record });
const remove = (record: AccessRecord): AccessChange => ({
  kind: "remove",
  key: recordKey(record),
});

Deno.test("MemoryAccessView finds users and owners by name in whatever case", () => {
  const view = new MemoryAccessView([ALICE, {
    kind: "owner",
    name: name("Team"),
    createdAtMs: 1,
  }]);
  assert.equal(view.userByName("aLICE"), ALICE);
  assert.equal(view.userById(ALICE.id), ALICE);
  assert.equal(view.ownerByName("TEAM")?.name, "Team");
  assert.equal(view.userByName("team"), undefined);
  assert.equal(view.ownerByName("alice"), undefined);
  for (const odd of ["", "__proto__", "../alice", "constructor"]) {
    assert.equal(view.userByName(odd), undefined);
  }
});

Deno.test("MemoryAccessView.tokenByHash() tells a token only while its user is recorded", () => {
  const token = tokenOf(9, ALICE);
  const view = new MemoryAccessView([token]);
  assert.equal(view.tokenByHash(hash(9)), undefined);
  view.apply([put(ALICE)], 2);
  assert.equal(view.tokenByHash(hash(9)), token);
  view.apply([remove(ALICE)], 3);
  assert.equal(view.tokenByHash(hash(9)), undefined);
  view.apply([put(userOf(3, "Alice"))], 4);
  assert.equal(view.tokenByHash(hash(9)), undefined, "a later user of the name has no such token");
});

Deno.test("MemoryAccessView.tokenByHash() tells a job's token while its trust and issuer are", () => {
  const issuer = { kind: "issuer", id: id(5) as RecordId, url: "u", audience: "a" } as const;
  const job = { repository: repository(7), role: "write", label: "", createdAtMs: 1 } as const;
  const trust = { ...job, kind: "trust", id: id(6) as RecordId, issuer: issuer.id } as const;
  const token = {
    ...job,
    kind: "job-token",
    id: id(8) as RecordId,
    hash: hash(8),
    trust: trust.id,
    subject: "s",
    expiresAtMs: 10,
  } as const;
  const records: AccessRecord[] = [{ ...issuer, createdAtMs: 1 }, { ...trust, claims: [] }, token];
  const view = new MemoryAccessView(records);
  assert.equal(view.tokenByHash(hash(8)), token);
  assert.equal(view.issuerByUrl("u")?.id, issuer.id);
  assert.deepEqual(view.trustsIn(issuer.id), [records[1]]);
  view.apply([remove(records[0]!)], 2);
  assert.equal(view.tokenByHash(hash(8)), undefined);
  view.apply([put(records[0]!), remove(records[1]!)], 3);
  assert.equal(view.tokenByHash(hash(8)), undefined);
});

Deno.test("MemoryAccessView.ownerFacts() tells roles of those who exist, as spelled", () => {
  const onAlice = grantOf(BOB, { on: "owner", owner: name("alice") }, "write");
  const view = new MemoryAccessView([ALICE, BOB, onAlice]);
  assert.deepEqual(view.ownerFacts(name("Alice")), {
    name: "Alice",
    roles: new Map([["bob", "write"]]),
  });
  assert.equal(view.ownerFacts(name("alice")).roles.size, 0);
  assert.equal(view.ownerFacts(name("nobody")).roles.size, 0);
  view.apply([put({ ...onAlice, role: "admin" })], 2);
  assert.deepEqual([...view.ownerFacts(ALICE.name).roles], [["bob", "admin"]]);
  view.apply([remove(BOB)], 3);
  assert.equal(view.ownerFacts(ALICE.name).roles.size, 0);
});

Deno.test("MemoryAccessView.repositoryRoles() follows grants", () => {
  const grant = grantOf(BOB, { on: "repository", repository: repository(4) }, "read");
  const view = new MemoryAccessView([ALICE, BOB, grant]);
  assert.deepEqual([...view.repositoryRoles(repository(4))], [["bob", "read"]]);
  assert.equal(view.repositoryRoles(repository(5)).size, 0);
  assert.deepEqual(view.grantsFor(BOB.id), [grant]);
  view.apply([remove(grant)], 2);
  assert.equal(view.repositoryRoles(repository(4)).size, 0);
  assert.deepEqual(view.grantsFor(BOB.id), []);
});

Deno.test("MemoryAccessView.changed() wakes those who wait, once there is more", async () => {
  const view = new MemoryAccessView();
  assert.equal(view.revision, 0);
  const waiting = view.changed(0, NEVER);
  view.replace([ALICE], 7);
  assert.equal(await waiting, 7);
  assert.equal(await view.changed(6, NEVER), 7);
  const ended = new AbortController();
  const left = view.changed(7, ended.signal);
  ended.abort();
  await assert.rejects(left, (error) => hasCode(error, "aborted"));
});

Deno.test("parseUserId() and parseRecordId() take 32 hexadecimal digits alone", () => {
  assert.equal(parseUserId(id(3)), id(3));
  assert.equal(parseRecordId(id(3)), id(3));
  for (const wrong of ["", id(3).slice(1), `${id(3)}\n`, "A".repeat(32), `../${id(3)}`]) {
    assert.throws(() => parseUserId(wrong), (error) => hasCode(error, "invalid"));
    assert.throws(() => parseRecordId(wrong), (error) => hasCode(error, "invalid"));
  }
});

/** Any few records, which often name each other and often replace each other. */
function arbitraryRecord(): fc.Arbitrary<AccessRecord> {
  const users = fc.constantFrom(ALICE, BOB, userOf(3, "carol"));
  const target = fc.constantFrom<GrantRecord["target"]>(
    { on: "owner", owner: name("alice") },
    { on: "owner", owner: name("team") },
    { on: "repository", repository: repository(4) },
  );
  return fc.oneof(
    users,
    fc.constant<AccessRecord>({ kind: "owner", name: name("team"), createdAtMs: 1 }),
    fc.tuple(fc.integer({ min: 10, max: 12 }), users).map(([number, user]) =>
      tokenOf(number, user)
    ),
    fc.tuple(users, target, fc.constantFrom("read" as const, "write" as const))
      .map(([user, on, role]) => grantOf(user, on, role)),
  );
}

Deno.test("MemoryAccessView after changes knows what one made anew of the same records knows", () => {
  const step = fc.record({ record: arbitraryRecord(), isPut: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const view = new MemoryAccessView();
    const model = new Map<string, AccessRecord>();
    let revision = 0;
    for (const { record, isPut } of steps) {
      if (isPut) model.set(recordKey(record), record);
      else model.delete(recordKey(record));
      view.apply([isPut ? put(record) : remove(record)], ++revision);
      const fresh = new MemoryAccessView(model.values());
      assert.equal(view.recordCount, model.size);
      for (const spelled of ["Alice", "bob", "team"] as AccountName[]) {
        assert.deepEqual(view.ownerFacts(spelled), fresh.ownerFacts(spelled));
        assert.deepEqual(view.userByName(spelled), fresh.userByName(spelled));
      }
      assert.deepEqual(
        view.repositoryRoles(repository(4)),
        fresh.repositoryRoles(repository(4)),
      );
      for (const number of [10, 11, 12]) {
        assert.deepEqual(view.tokenByHash(hash(number)), fresh.tokenByHash(hash(number)));
      }
      for (const user of [ALICE, BOB]) {
        const sorted = (of: MemoryAccessView) => of.recordsOfUser(user.id).map(recordKey).sort();
        assert.deepEqual(sorted(view), sorted(fresh));
      }
    }
  }));
});
