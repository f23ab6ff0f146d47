import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "@gitstratum/core";
import type { Lsn } from "@gitstratum/core/consensus";
import type { Oid } from "@gitstratum/core/git";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type GroupId,
  type NetworkId,
  type PushId,
  RELEASE_LEVEL,
  type RepositoryId,
  type RepositoryName,
  type RequestId,
  type WebhookDeliveryId,
  type WebhookId,
} from "@gitstratum/core/rpc";
import { decodeLogRecord, encodeLogRecord, type LogRecord } from "./log_record.ts";

const repositoryId = "1".repeat(32) as RepositoryId;
const networkId = "2".repeat(32) as NetworkId;
const name = "owner/name" as RepositoryName;
const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;

const RECORDS: readonly LogRecord[] = [
  { kind: "name-claimed", name, repositoryId, networkId, atMs: 1_700_000_000_000 },
  { kind: "name-confirmed", name, repositoryId },
  { kind: "name-released", name, repositoryId },
  {
    kind: "repository-created",
    repositoryId,
    networkId,
    name,
    objectFormat: "sha256",
    head: "refs/heads/main",
    atMs: 1_700_000_000_000,
    provenance: {
      user: "alice",
      userId: "8".repeat(32),
      credential: { kind: "token", id: "9".repeat(32) },
      remoteAddress: "192.0.2.1",
      transport: "api",
      atMs: 1_700_000_000_000,
    },
  },
  { kind: "repository-deleted", repositoryId, networkId, name, atMs: 1_700_000_000_000 },
  { kind: "deletion-finished", repositoryId },
  { kind: "head-changed", repositoryId, head: "refs/heads/trunk", atMs: 1_700_000_000_000 },
  {
    kind: "push",
    repositoryId,
    networkId,
    pushId: "3".repeat(32) as PushId,
    atMs: 1_700_000_000_000,
    commandCount: 4,
    updates: [
      { name: "refs/heads/gone", old: A },
      { name: "refs/heads/main", old: A, new: B },
      { name: "refs/tags/v1", new: A, peeled: B },
    ],
    rejections: [{ index: 3, reason: "funny refname" }],
    group: {
      groupId: "4".repeat(32) as GroupId,
      historyBytes: 100,
      contentBytes: 200,
      indexBytes: 300,
      historyCount: 1,
      contentCount: 2,
      extentBytes: 8_388_608,
    },
    pushOptions: ["ci.skip"],
    provenance: {
      user: "alice",
      credential: { kind: "ssh-key", id: "SHA256:x" },
      agent: "git/2.45.0",
      transport: "ssh",
      atMs: 1_700_000_000_000,
    },
  },
  {
    kind: "spilled",
    payloadId: "5".repeat(32) as GroupId,
    bytes: 9_000_000,
    extentBytes: 8_388_608,
  },
  {
    kind: "settings-changed",
    repositoryId,
    settings: {
      denyNonFastForwards: true,
      denyDeletes: false,
      denyDeleteCurrent: true,
      hiddenReferences: ["refs/pull", "!refs/pull/1"],
      allowHiddenWants: false,
      fsck: { badDate: "ignore" },
      bundleUris: [],
      offerBundle: true,
      packfileUris: [],
      pushBytesMax: 1_000_000,
    },
    atMs: 1_700_000_000_000,
  },
  {
    kind: "snapshot-taken",
    snapshotId: "6".repeat(32) as GroupId,
    lsn: 2048,
    bytes: 9_000_000,
    extentBytes: 8_388_608,
    digest: "7".repeat(64),
  },
];

const LIFE_RECORDS: readonly LogRecord[] = [
  { kind: "name-claimed", name, repositoryId, networkId, version: 2, atMs: 1_700_000_000_000 },
  { kind: "name-moved", name, repositoryId, atMs: 1_700_000_000_000 },
  {
    kind: "repository-created",
    repositoryId,
    networkId,
    name,
    objectFormat: "sha1",
    head: "refs/heads/main",
    settings: { ...DEFAULT_REPOSITORY_SETTINGS, visibility: "internal" },
    fork: { parentId: "a".repeat(32) as RepositoryId, hiddenReferences: ["refs/pull"] },
    atMs: 1_700_000_000_000,
  },
  { kind: "repository-renamed", repositoryId, name, version: 1, atMs: 1_700_000_000_000 },
  { kind: "repository-removed", repositoryId, version: 1, atMs: 1_700_000_000_000 },
  {
    kind: "repository-restored",
    repositoryId,
    name,
    version: 2,
    atMs: 1_700_000_000_000,
    provenance: { user: "alice", transport: "api", atMs: 1_700_000_000_000 },
  },
  { kind: "name-version-raised", repositoryId, version: 3 },
  { kind: "name-settled", repositoryId, version: 0 },
  {
    kind: "groups-freed",
    networkId,
    groupIds: ["4".repeat(32) as GroupId],
    atMs: 1_700_000_000_000,
  },
  {
    kind: "webhooks-told",
    cursor: 7 as Lsn,
    deliveries: [
      {
        id: `0007${"a".repeat(28)}` as WebhookDeliveryId,
        webhookId: "b".repeat(32) as WebhookId,
        event: "push",
        lsn: 6,
        eventAtMs: 1_700_000_000_000,
        state: "waiting",
        attempts: 1,
        nextAtMs: 1_700_000_005_000,
        lastAtMs: 1_700_000_000_100,
        status: 503,
        reason: "why",
      },
    ],
  },
];

/** What no node of the release before reads. */
const YOUNGER_RECORDS: readonly LogRecord[] = [
  {
    kind: "request-noted",
    repositoryId,
    requestId: "5".repeat(32) as RequestId,
    atMs: 1_700_000_000_000,
  },
];

/** What earlier releases wrote and this one does not. */
const OLD_PAYLOADS: readonly (readonly [payload: string, means: LogRecord])[] = [[
  `{"v":1,"record":{"kind":"name-claimed","name":"owner/name","repositoryId":"${repositoryId}",` +
  `"networkId":"${networkId}","atMs":1700000000000}}`,
  { kind: "name-claimed", name, repositoryId, networkId, atMs: 1_700_000_000_000 },
], [
  `{"v":1,"record":{"kind":"repository-deleted","repositoryId":"${repositoryId}","networkId":` +
  `"${networkId}","name":"owner/name","atMs":1700000000000}}`,
  { kind: "repository-deleted", repositoryId, networkId, name, atMs: 1_700_000_000_000 },
], [
  `{"v":2,"record":{"kind":"settings-changed","repositoryId":"${repositoryId}","settings":` +
  `{"denyNonFastForwards":true,"denyDeletes":false,"denyDeleteCurrent":true,"hiddenReferences":[],` +
  `"allowHiddenWants":false,"fsck":{},"pushBytesMax":1000000},"atMs":1700000000000}}`,
  {
    kind: "settings-changed",
    repositoryId,
    settings: {
      denyNonFastForwards: true,
      denyDeletes: false,
      denyDeleteCurrent: true,
      hiddenReferences: [],
      allowHiddenWants: false,
      fsck: {},
      bundleUris: [],
      offerBundle: false,
      packfileUris: [],
      pushBytesMax: 1_000_000,
    },
    atMs: 1_700_000_000_000,
  },
]];

const corrupt = (error: unknown) => hasCode(error, "corrupt");
const golden = new URL("testdata/log_records.jsonl", import.meta.url);

Deno.test("encodeLogRecord() writes the golden payloads, and they read back", async () => {
  const lines = (await Deno.readTextFile(golden)).trimEnd().split("\n");
  const records = [...RECORDS, ...LIFE_RECORDS, ...YOUNGER_RECORDS];
  equal(lines.length, records.length);
  for (const [index, record] of records.entries()) {
    equal(new TextDecoder().decode(encodeLogRecord(record, RELEASE_LEVEL)), lines[index]);
    deepEqual(decodeLogRecord(new TextEncoder().encode(lines[index])), record);
  }
});

Deno.test("decodeLogRecord() reads what earlier releases wrote", () => {
  for (const [payload, means] of OLD_PAYLOADS) {
    deepEqual(decodeLogRecord(new TextEncoder().encode(payload)), means);
  }
});

Deno.test("decodeLogRecord() gives back any names, reasons and options", () => {
  const push = RECORDS.find((record) => record.kind === "push")!;
  const text = fc.string({ unit: "grapheme", minLength: 1 });
  fc.assert(fc.property(text, text, text, (name, reason, option) => {
    const record: LogRecord = {
      ...push,
      updates: [{ name, new: A }],
      rejections: [{ index: 0, reason }],
      pushOptions: [option],
    };
    deepEqual(decodeLogRecord(encodeLogRecord(record, RELEASE_LEVEL)), record);
  }));
});

Deno.test("decodeLogRecord() refuses other versions and kinds, and members of other shapes", () => {
  const refuse = (value: unknown) =>
    throws(() => decodeLogRecord(new TextEncoder().encode(JSON.stringify(value))), corrupt);
  const record = RECORDS[1]!;
  refuse({ v: 2, record });
  refuse({ record });
  refuse({ v: 1, record: RECORDS.at(-1) });
  refuse({ v: 1, record: { ...record, kind: "renamed" } });
  refuse({ v: 1, record: { ...record, repositoryId: "x" } });
  refuse({ v: 1, record: { ...RECORDS[7], updates: [["refs/x", "", "short"]] } });
  refuse(null);
  refuse([]);
});

Deno.test("decodeLogRecord() takes any bytes for a record or for corrupt", () => {
  const attempt = (bytes: Uint8Array) => {
    try {
      decodeLogRecord(bytes);
    } catch (error) {
      if (!corrupt(error)) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt));
  const whole = encodeLogRecord(RECORDS[7]!, RELEASE_LEVEL);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const flipped = whole.slice();
      flipped[at] = byte;
      attempt(flipped);
      attempt(whole.subarray(0, at));
    }),
  );
});

const decodeJson = (value: unknown) =>
  decodeLogRecord(new TextEncoder().encode(JSON.stringify(value)));

Deno.test("decodeLogRecord() passes over members that a later release added to a version", () => {
  const record = RECORDS[1]!;
  deepEqual(decodeJson({ v: 1, record: { ...record, more: 1 }, more: 2 }), record);
});

Deno.test("decodeLogRecord() says of a later version that a later release wrote it", () => {
  const later = { code: "unsupported", data: { version: 9, versionNewest: 8 } };
  throws(() => decodeJson({ v: 9, record: RECORDS[1] }), later);
  throws(() => decodeJson({ v: 9, record: { kind: "repository-moved" } }), later);
});

Deno.test("encodeLogRecord() writes settings of a later release once all nodes keep them", () => {
  const settings = { ...DEFAULT_REPOSITORY_SETTINGS, mergeQueue: { size: 3 } };
  const record: LogRecord = { kind: "settings-changed", repositoryId, settings, atMs: 5 };
  throws(() => encodeLogRecord(record, 1), {
    code: "unsupported",
    data: {
      kind: "settings-changed",
      version: 8,
      level: 2,
      releaseLevel: 1,
    },
  });
  const payload = encodeLogRecord(record, 2);
  equal(JSON.parse(new TextDecoder().decode(payload)).v, 8);
  deepEqual(decodeLogRecord(payload), record);
});

Deno.test("encodeLogRecord() writes every other record at any level, the same", () => {
  for (const record of [...RECORDS, ...LIFE_RECORDS]) {
    deepEqual(encodeLogRecord(record, 1), encodeLogRecord(record, RELEASE_LEVEL));
  }
  for (const record of YOUNGER_RECORDS) {
    throws(() => encodeLogRecord(record, 1), (error) => hasCode(error, "unsupported"));
  }
});
