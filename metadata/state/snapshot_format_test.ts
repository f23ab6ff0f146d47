import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { hasCode, SeededRandom } from "@gitstratum/core";
import type { Lsn, Partition } from "@gitstratum/core/consensus";
import type { Oid } from "@gitstratum/core/git";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type GroupId,
  type NetworkId,
  type PushId,
  type RepositoryId,
  type RepositoryName,
  type WebhookDeliveryId,
  type WebhookId,
} from "@gitstratum/core/rpc";
import type { LogRecord } from "../log/log_record.ts";
import { Materialiser } from "./materialiser.ts";
import { ensureSchema } from "./schema.ts";
import { runWhole } from "./sliced.ts";
import { restoreLines, snapshotLines } from "./snapshot_format.ts";

const PARTITION = 7 as Partition;
const OTHER = 8 as Partition;
const corrupt = (error: unknown) => hasCode(error, "corrupt");
const id = (digit: number) => digit.toString(16).repeat(32);
const oid = (digit: number) => digit.toString(16).repeat(40) as Oid;

function open(): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  ensureSchema(database);
  return database;
}

/** Fills a partition: two repositories in one network, a deleted one, and all that can belong to them. */
function fill(database: DatabaseSync, partition: Partition, salt = 0): void {
  const names = (digit: number) => `o${salt}/n${digit}` as RepositoryName;
  const [one, two, gone] = [1, 2, 3].map((digit) => id(digit + salt) as RepositoryId);
  const network = id(4 + salt) as NetworkId;
  const lone = id(5 + salt) as NetworkId;
  const created = (repositoryId: RepositoryId, networkId: NetworkId, digit: number): LogRecord => ({
    kind: "repository-created",
    repositoryId,
    networkId,
    name: names(digit),
    objectFormat: "sha1",
    head: "refs/heads/main",
    atMs: 5,
  });
  const push = (digit: number, repositoryId: RepositoryId, networkId: NetworkId): LogRecord => ({
    kind: "push",
    repositoryId,
    networkId,
    pushId: id(digit) as PushId,
    atMs: 9,
    commandCount: 3,
    updates: [
      { name: "refs/heads/main", old: oid(digit), new: oid(digit + 1) },
      { name: "refs/tags/\u00e4", new: oid(3), peeled: oid(digit) },
    ],
    rejections: [{ index: 2, reason: "no \u{1f600}\n" }],
    group: {
      groupId: id(digit + salt) as GroupId,
      historyBytes: 1,
      contentBytes: 2,
      indexBytes: 3,
      historyCount: 4,
      contentCount: 5,
      extentBytes: 6,
    },
    pushOptions: [],
    provenance: { transport: "ssh", atMs: 1 },
  });
  const records: LogRecord[] = [
    { kind: "name-claimed", name: names(1), repositoryId: one!, networkId: network, atMs: 1 },
    { kind: "name-confirmed", name: names(1), repositoryId: one! },
    { kind: "name-claimed", name: names(2), repositoryId: two!, networkId: network, atMs: 2 },
    created(one!, network, 1),
    created(two!, network, 2),
    created(gone!, lone, 3),
    push(6, one!, network),
    push(7, two!, network),
    push(8, gone!, lone),
    {
      kind: "settings-changed",
      repositoryId: one!,
      settings: { ...DEFAULT_REPOSITORY_SETTINGS, denyDeletes: true },
      atMs: 4,
    },
    {
      kind: "snapshot-taken",
      snapshotId: id(9) as GroupId,
      lsn: 3,
      bytes: 10,
      extentBytes: 10,
      digest: "d".repeat(64),
    },
    { kind: "repository-deleted", repositoryId: gone!, networkId: lone, name: names(3), atMs: 6 },
    { kind: "repository-renamed", repositoryId: one!, name: names(4), version: 1, atMs: 7 },
    { kind: "repository-removed", repositoryId: two!, version: 1, atMs: 8 },
    {
      kind: "name-claimed",
      name: names(4),
      repositoryId: one!,
      networkId: network,
      version: 1,
      atMs: 7,
    },
    {
      kind: "webhooks-told",
      cursor: 5 as Lsn,
      deliveries: [{
        id: `0007${"d".repeat(26)}0${salt}` as WebhookDeliveryId,
        webhookId: id(1) as WebhookId,
        event: "push",
        lsn: 5,
        eventAtMs: 6,
        state: "waiting",
        attempts: 1,
        nextAtMs: 7,
      }],
    },
  ];
  const placed = records.map((record, index) => ({ lsn: index + 1 as Lsn, record }));
  runWhole(new Materialiser(database).apply(partition, placed));
}

const linesOf = (database: DatabaseSync, partition: Partition) => [
  ...snapshotLines(database, partition),
];

Deno.test("restoreLines() makes the same state on a node that numbers repositories otherwise", () => {
  using source = open();
  fill(source, PARTITION);
  const lines = linesOf(source, PARTITION);
  for (
    const tag of [
      "name",
      "network",
      "group",
      "freed",
      "snapshot",
      "repository",
      "debt",
      "ref",
      "former",
      "act",
      "change",
    ]
  ) {
    ok(lines.some((line) => line.startsWith(`["${tag}",`)), tag);
  }
  using target = open();
  fill(target, OTHER, 7);
  const other = linesOf(target, OTHER);
  equal(runWhole(restoreLines(target, PARTITION, lines)), 16);
  deepEqual(linesOf(target, PARTITION), lines);
  deepEqual(linesOf(target, OTHER), other, "other partitions stay");
  // What follows in the log can be applied.
  const record = { kind: "deletion-finished", repositoryId: id(3) as RepositoryId } as const;
  runWhole(new Materialiser(target).apply(PARTITION, [{ lsn: 17 as Lsn, record }]));
});

/** A row as versions before 3 wrote it. */
function rowBefore(line: string): string {
  const row = JSON.parse(line);
  if (row[0] === "name") return JSON.stringify(row.slice(0, 6));
  return row[0] === "repository" ? JSON.stringify(row.slice(0, 11)) : line;
}

Deno.test("restoreLines() reads older versions, without audit trail and later names", () => {
  using source = open();
  fill(source, PARTITION);
  const lines = linesOf(source, PARTITION);
  const versions = [
    [1, /^\["(act|change|debt|told|delivery)",/],
    [2, /^\["(debt|told|delivery)",/],
  ] as const;
  for (const [version, lacks] of versions) {
    const rows = lines.slice(1, -1).filter((line) => !lacks.test(line)).map(rowBefore);
    const head = lines[0]!.replace('"snapshot":4', `"snapshot":${version}`);
    using target = open();
    equal(
      runWhole(restoreLines(target, PARTITION, [head, ...rows, `{"rows":${rows.length}}`])),
      16,
    );
    deepEqual(linesOf(target, PARTITION).slice(1, -1).map(rowBefore), rows);
    const names = target.prepare("SELECT DISTINCT version FROM names").all();
    deepEqual(names.map((row) => ({ ...row })), [{ version: 0 }]);
    const repositories = target.prepare(
      "SELECT DISTINCT name_version, removed_at_ms, parent FROM repositories",
    ).all();
    deepEqual(repositories.map((row) => ({ ...row })), [
      { name_version: 0, removed_at_ms: null, parent: null },
    ]);
  }
});

Deno.test("restoreLines() takes the place of an older state", () => {
  using source = open();
  fill(source, PARTITION);
  const lines = linesOf(source, PARTITION);
  using target = open();
  fill(target, PARTITION);
  target.exec("DELETE FROM refs; UPDATE applied SET lsn = 2; UPDATE names SET state = 0");
  runWhole(restoreLines(target, PARTITION, lines));
  deepEqual(linesOf(target, PARTITION), lines);
});

Deno.test("restoreLines() refuses what is no whole snapshot of the partition", () => {
  using source = open();
  fill(source, PARTITION);
  const lines = linesOf(source, PARTITION);
  const refuse = (changed: readonly string[], partition = PARTITION) => {
    using target = open();
    throws(() => runWhole(restoreLines(target, partition, changed)), corrupt);
  };
  refuse([]);
  refuse(lines, OTHER);
  refuse(lines.slice(0, -1));
  refuse(lines.toSpliced(3, 1));
  refuse([...lines, lines[1]!]);
  refuse(lines.with(0, lines[0]!.replace('"snapshot":4', '"snapshot":5')));
  refuse(lines.with(0, lines[0]!.replace('"snapshot":4', '"snapshot":2')));
  refuse(lines.with(1, lines[2]!));
  refuse(lines.map((line) => line.replace('["ref",', '["unknown",')));
  refuse(lines.map((line) => line.replace('"refs/heads/main","7777', '"refs/heads/main","77x7')));
});

Deno.test("restoreLines() takes any change of a byte for another snapshot or for corrupt", () => {
  using source = open();
  fill(source, PARTITION);
  const text = linesOf(source, PARTITION).join("\n");
  const random = new SeededRandom(5);
  for (let round = 0; round < 400; round++) {
    const at = random.below(text.length);
    const character = String.fromCharCode(random.below(128));
    const changed = text.slice(0, at) + character + text.slice(at + (random.chance(0.5) ? 1 : 0));
    using target = open();
    try {
      runWhole(restoreLines(target, PARTITION, changed.split("\n")));
    } catch (error) {
      ok(corrupt(error), `${error} at ${at}`);
    }
  }
});
