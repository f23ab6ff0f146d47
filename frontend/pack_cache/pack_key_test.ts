import assert from "node:assert/strict";
import type { Oid } from "@gitstratum/core/git";
import type { FetchRequest } from "@gitstratum/core/protocol";
import type { NetworkId, RepositoryId, RepositoryInfo, RepositoryName } from "@gitstratum/core/rpc";
import { isShareable, type PackCircumstances, packKey } from "./pack_key.ts";

const [A, B, C] = ["a", "b", "c"].map((digit) => digit.repeat(40) as Oid) as [Oid, Oid, Oid];

const REQUEST: FetchRequest = {
  wants: [A, B],
  wantRefs: [],
  haves: [C],
  done: true,
  clientShallow: [],
  thinPack: true,
  ofsDelta: true,
  includeTag: true,
  noProgress: false,
  waitForDone: false,
  sidebandAll: false,
};

const repository = {
  repositoryId: "1".repeat(32) as RepositoryId,
  networkId: "2".repeat(32) as NetworkId,
  name: "me/thing" as RepositoryName,
  objectFormat: "sha1",
  head: "refs/heads/main",
  createdAtMs: 5,
} as RepositoryInfo;

const CIRCUMSTANCES: PackCircumstances = {
  repository,
  boundary: { shallow: [], unshallow: [] },
  tags: "t",
  mode: "side-band-64k",
};

const plain = packKey(REQUEST, CIRCUMSTANCES);

const requests: Readonly<Record<string, Partial<FetchRequest>>> = {
  "wants": { wants: [A] },
  "haves": { haves: [] },
  "wants and haves changing places": { wants: [C], haves: [A, B] },
  "commits that are shallow at the client": { clientShallow: [C] },
  "a depth": { depth: { kind: "commits", depth: 1, relative: false } },
  "a filter": { filter: { kind: "blob:none" } },
  "another filter": { filter: { kind: "blob:limit", bytes: 7 } },
  "thin packs": { thinPack: false },
  "offset deltas": { ofsDelta: false },
  "following tags": { includeTag: false },
};

const circumstances: Readonly<Record<string, Partial<PackCircumstances>>> = {
  "the repository's incarnation": {
    repository: { ...repository, repositoryId: "3".repeat(32) as RepositoryId },
  },
  "the object format": { repository: { ...repository, objectFormat: "sha256" } },
  "what else is known of the repository": {
    repository: { ...repository, hidden: ["refs/secret"] } as RepositoryInfo,
  },
  "where history ends": { boundary: { shallow: [C], unshallow: [] } },
  "where history goes on": { boundary: { shallow: [], unshallow: [C] } },
  "the tags": { tags: "u" },
  "the side band": { mode: "side-band" },
};

Deno.test("packKey() differs by everything that decides the bytes", () => {
  const keys = new Map([["nothing", plain as string]]);
  for (const [what, change] of Object.entries(requests)) {
    keys.set(what, packKey({ ...REQUEST, ...change }, CIRCUMSTANCES));
  }
  for (const [what, change] of Object.entries(circumstances)) {
    keys.set(what, packKey(REQUEST, { ...CIRCUMSTANCES, ...change }));
  }
  const byKey = Map.groupBy(keys, ([, key]) => key);
  for (const same of byKey.values()) assert.equal(same.length, 1, String(same));
});

Deno.test("packKey() is the same for what does not decide the bytes", () => {
  const same: [string, Partial<FetchRequest>, Partial<PackCircumstances>][] = [
    ["order", { wants: [B, A] }, {}],
    ["progress", { noProgress: true }, {}],
    ["the way the client negotiated", { done: false, waitForDone: true, sidebandAll: true }, {}],
    ["names behind the wants", { wantRefs: ["refs/heads/main"] }, {}],
    ["the repository's name", {}, {
      repository: { ...repository, name: "you/other" as RepositoryName, head: "refs/heads/x" },
    }],
  ];
  for (const [what, request, facts] of same) {
    const key = packKey({ ...REQUEST, ...request }, { ...CIRCUMSTANCES, ...facts });
    assert.equal(key, plain, what);
  }
  assert.match(plain, /^[0-9a-f]{64}$/);
});

Deno.test("isShareable() leaves out what a request does not decide alone", () => {
  const sparse = { kind: "sparse:oid", oid: A } as const;
  assert.ok(isShareable({}));
  assert.ok(isShareable({ depth: { kind: "commits", depth: 1, relative: true } }));
  assert.ok(isShareable({ filter: { kind: "combine", filters: [{ kind: "blob:none" }] } }));
  assert.ok(!isShareable({ depth: { kind: "exclude", not: ["refs/heads/main"] } }));
  assert.ok(!isShareable({ filter: sparse }));
  const nested = { kind: "combine", filters: [{ kind: "combine", filters: [sparse] }] } as const;
  assert.ok(!isShareable({ filter: nested }));
});
