import assert from "node:assert/strict";
import fc from "fast-check";
import { MemoryAccessView, recordKey } from "@gitstratum/core/access";
import { prefixRange } from "@gitstratum/core/consensus";
import { ACCESS_CALLS, bodyDigest, readChange, readRecord } from "@gitstratum/core/rpc/access";
import { AccessStage, publicKeyLine, repositoryOf } from "./testing/access_stage.ts";

/** Statuses of errors that are the caller's, and of successes. */
const STATUSES = [200, 400, 403, 404, 409, 429];

/** Values that fit somewhere, and values that fit nowhere. */
function arbitraryValue(ids: readonly string[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { arbitrary: fc.constantFrom(...ids, "alice", "team", "ALICE", "read", "write"), weight: 6 },
    fc.constantFrom(true, false, 0, 1, -1, 1.5, 1e300, null, "", "__proto__", "a/b", "\0"),
    fc.constantFrom<unknown>([], {}, ["account"], ["repository:read", "server"]),
    fc.constantFrom<unknown>(
      { on: "owner", owner: "alice" },
      { on: "repository", repository: repositoryOf(1) },
      { on: "everything" },
    ),
    fc.constantFrom(publicKeyLine(1), "0".repeat(64), "https://ci.test", "http://ci.test"),
    fc.constantFrom<unknown>([{ claim: "ref", pattern: "refs/**" }], [{ claim: "x" }]),
    fc.string(),
    fc.jsonValue({ maxDepth: 2 }),
  );
}

const NAMES = [
  "user",
  "id",
  "name",
  "token",
  "hash",
  "administrator",
  "disabled",
  "label",
  "scopes",
  "repositories",
  "notBeforeMs",
  "expiresAtMs",
  "key",
  "repository",
  "role",
  "target",
  "url",
  "audience",
  "keysUrl",
  "issuer",
  "claims",
  "trust",
  "subject",
  "after",
  "limit",
];

Deno.test("AccessService answers whatever it is sent, and the records stay whole", () =>
  AccessStage.run(async ({ client, consensus, node, fetcher, ...stage }) => {
    const { id: user } = await stage.user("alice", true);
    await client.calls.createOwner({ name: "team" });
    const { record } = await client.makeToken({ user, label: "", scopes: ["account"] });
    const value = arbitraryValue([user, record.id, repositoryOf(1), stage.id()]);
    const request = fc.oneof(
      fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 9 }),
      fc.jsonValue(),
    );
    const call = fc.constantFrom(...Object.keys(ACCESS_CALLS));
    await fc.assert(
      fc.asyncProperty(call, request, async (name, sent) => {
        const body = JSON.stringify({ request: sent });
        const path = `/control/v1/access/${name}?body=${bodyDigest(body)}`;
        const response = await fetcher(
          new Request(`http://c.test${path}`, { method: "POST", body }),
        );
        const text = await response.text();
        assert.ok(STATUSES.includes(response.status), `${response.status} ${text} for ${body}`);
      }),
      { numRuns: 1500 },
    );
    // What was stored meanwhile is what the node knows, and can be read again.
    const { entries } = await consensus.range(prefixRange("access/records/"));
    const fresh = new MemoryAccessView(
      entries.map((entry) => readRecord(JSON.parse(new TextDecoder().decode(entry.value)))!),
    );
    assert.ok(node.view instanceof MemoryAccessView);
    const keys = (view: MemoryAccessView) => [...view.records()].map(recordKey).sort();
    assert.deepEqual(keys(fresh), keys(node.view));
    assert.ok(node.view.ofKind("user").some(({ administrator }) => administrator));
  }));

Deno.test("readRecord() and readChange() take or pass over whatever they are given", () => {
  const key = fc.oneof(fc.constant(`user/${repositoryOf(1)}`), fc.string());
  const record = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.constantFrom("kind", ...NAMES), arbitraryValue(["user", repositoryOf(1)])),
  );
  fc.assert(
    fc.property(key, record, (name, value) => {
      const read = readRecord(value);
      const change = readChange({ key: name, record: value });
      assert.equal(change.kind === "put", read !== undefined && recordKey(read) === name);
    }),
    { numRuns: 2000 },
  );
});
