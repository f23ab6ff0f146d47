/**
 * A partition's state as lines of text, the same on every node (docs/formats/partition-snapshot.md).
 *
 * Rows are written table by table, repositories with what belongs to them behind each, so that nothing
 * mentions a number that only one node knows.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { GitStratumError } from "@gitstratum/core";
import type { Lsn, Partition } from "@gitstratum/core/consensus";
import type { Sliced } from "./sliced.ts";
import { type SqlRow, type SqlValue, Statements } from "./statements.ts";

/**
 * The versions of the format that are read; the last one is written. 2 has the audit trail, 3 the names
 * that repositories have one after the other, 4 what webhooks were told.
 */
const SNAPSHOT_VERSIONS = [1, 2, 3, 4] as const;
type SnapshotVersion = typeof SNAPSHOT_VERSIONS[number];

/** Rows of one table that belong to a partition. */
interface TableShape {
  /** The name of a line of this table. */
  readonly tag: string;
  readonly table: string;
  /** Columns in the order of a line. */
  readonly columns: readonly string[];
  /** How many of the columns there were before version 3; absent = all. */
  readonly columnCountBefore?: number;
  /** Columns of bytes, which travel in hexadecimal digits. */
  readonly blobs?: readonly string[];
  /** Which rows, given the partition or the repository's number. */
  readonly where: string;
}

const OF_NETWORKS = "network IN (SELECT network FROM networks WHERE partition = ?1)";

const PARTITION_TABLES: readonly TableShape[] = [
  {
    tag: "name",
    table: "names",
    columns: ["name", "repository", "network", "state", "at_ms", "version"],
    columnCountBefore: 5,
    where: "partition = ?1",
  },
  {
    tag: "network",
    table: "networks",
    columns: ["network", "sequence", "generation"],
    where: "partition = ?1",
  },
  {
    tag: "group",
    table: "pack_groups",
    columns: [
      "network",
      "sequence",
      "group_id",
      "repository",
      "history_bytes",
      "content_bytes",
      "index_bytes",
      "history_count",
      "content_count",
      "extent_bytes",
    ],
    where: OF_NETWORKS,
  },
  {
    tag: "freed",
    table: "freed_groups",
    columns: [
      "group_id",
      "network",
      "at_ms",
      "history_bytes",
      "content_bytes",
      "index_bytes",
      "extent_bytes",
    ],
    where: OF_NETWORKS,
  },
  {
    tag: "spilled",
    table: "spilled",
    columns: ["payload", "lsn", "bytes", "extent_bytes"],
    where: "partition = ?1",
  },
  {
    tag: "snapshot",
    table: "snapshots",
    columns: ["lsn", "snapshot", "bytes", "extent_bytes", "digest"],
    where: "partition = ?1",
  },
  {
    tag: "act",
    table: "audit_acts",
    columns: [
      "lsn",
      "at_ms",
      "kind",
      "repository",
      "name",
      "owner",
      "user",
      "provenance",
      "details",
    ],
    where: "partition = ?1",
  },
  {
    tag: "change",
    table: "audit_changes",
    columns: ["lsn", "position", "reference", "old_oid", "new_oid"],
    blobs: ["old_oid", "new_oid"],
    where: "partition = ?1",
  },
  { tag: "told", table: "webhook_cursors", columns: ["lsn"], where: "partition = ?1" },
  {
    tag: "delivery",
    table: "webhook_deliveries",
    columns: [
      ...["delivery", "webhook", "event", "lsn", "event_at_ms", "state", "attempts"],
      ...["next_at_ms", "last_at_ms", "status", "reason"],
    ],
    where: "partition = ?1",
  },
];

const REPOSITORIES: TableShape = {
  tag: "repository",
  table: "repositories",
  columns: [
    "repository",
    "network",
    "name",
    "object_format",
    "head",
    "created_at_ms",
    "refs_version",
    "deleted_at_ms",
    "finished",
    "settings",
    "name_version",
    "removed_at_ms",
    "parent",
  ],
  columnCountBefore: 10,
  where: "partition = ?1",
};

const REPOSITORY_TABLES: readonly TableShape[] = [
  {
    tag: "debt",
    table: "name_debts",
    columns: ["version", "name", "moves"],
    where: "repository = ?1",
  },
  {
    tag: "ref",
    table: "refs",
    columns: ["name", "oid", "peeled"],
    blobs: ["oid", "peeled"],
    where: "repository = ?1",
  },
  {
    tag: "former",
    table: "former_refs",
    columns: ["lsn", "position", "name", "oid", "at_ms"],
    blobs: ["oid"],
    where: "repository = ?1",
  },
  {
    tag: "push",
    table: "pushes",
    columns: ["push", "lsn", "at_ms", "command_count", "rejections", "provenance"],
    where: "repository = ?1",
  },
];

/** Tables whose rows name their partition in a column that lines leave out. */
const WITH_PARTITION: ReadonlySet<string> = new Set([
  "names",
  "networks",
  "spilled",
  "snapshots",
  "audit_acts",
  "audit_changes",
  "webhook_cursors",
  "webhook_deliveries",
  "repositories",
]);

/** The state of a partition, line by line, as one connection sees it. */
export function* snapshotLines(database: DatabaseSync, partition: Partition): Generator<string> {
  const sql = new Statements(database);
  const applied = sql.get("SELECT lsn FROM applied WHERE partition = ?", partition);
  const lsn = Number(applied?.["lsn"] ?? 0);
  yield JSON.stringify({ snapshot: SNAPSHOT_VERSIONS.at(-1), partition, lsn });
  let count = 0;
  for (const shape of PARTITION_TABLES) {
    for (const row of rowsOf(sql, shape, partition)) {
      yield lineOf(shape, row);
      count++;
    }
  }
  for (const row of rowsOf(sql, REPOSITORIES, partition)) {
    yield lineOf(REPOSITORIES, row);
    count++;
    for (const shape of REPOSITORY_TABLES) {
      for (const part of rowsOf(sql, shape, Number(row["number"]))) {
        yield lineOf(shape, part);
        count++;
      }
    }
  }
  yield JSON.stringify({ rows: count });
}

/** Rows in the order of their keys. */
function rowsOf(sql: Statements, shape: TableShape, owner: number): Iterable<SqlRow> {
  const number = shape === REPOSITORIES ? ", number" : "";
  return sql.prepare(
    `SELECT ${shape.columns.join(", ")}${number} FROM ${shape.table} WHERE ${shape.where}` +
      ` ORDER BY ${shape.columns.slice(0, 2).join(", ")}`,
  ).iterate(owner);
}

function lineOf(shape: TableShape, row: SqlRow): string {
  const values = shape.columns.map((column) => {
    const value = row[column];
    return value instanceof Uint8Array ? value.toHex() : value;
  });
  return JSON.stringify([shape.tag, ...values]);
}

/** Schema of the first line. */
export const snapshotHeadSchema: z.ZodType<
  { readonly snapshot: SnapshotVersion; readonly partition: number; readonly lsn: number }
> = z.object({
  snapshot: z.literal(SNAPSHOT_VERSIONS),
  partition: z.number().int().nonnegative(),
  lsn: z.number().int().positive(),
});
/** Schema of the last line. */
export const snapshotEndSchema: z.ZodType<{ readonly rows: number }> = z.object({
  rows: z.number().int().nonnegative(),
});
const rowSchema = z.array(z.union([z.string(), z.number(), z.null()])).min(2);

/**
 * Puts a partition's state in the place of whatever the tables have of it. To be run as one
 * transaction, which must not be committed when this throws.
 *
 * @returns the lsn after which the state is the partition's
 * @throws `corrupt` when the lines are no snapshot of the partition, or end early
 */
export function* restoreLines(
  database: DatabaseSync,
  partition: Partition,
  lines: Iterable<string>,
): Sliced<Lsn> {
  const iterator = lines[Symbol.iterator]();
  const head = parsed(snapshotHeadSchema, iterator.next().value);
  const writer = new SnapshotWriter(new Statements(database), partition, head.snapshot);
  if (head.partition !== partition) throw damaged(`it is of partition ${head.partition}`);
  yield* writer.clear();
  for (let count = 0;; count++) {
    const { value, done } = iterator.next();
    if (done) throw damaged("it has no end");
    if (value.startsWith("{")) {
      if (parsed(snapshotEndSchema, value).rows !== count) throw damaged("rows are missing");
      break;
    }
    writer.add(parsed(rowSchema, value));
    if (count % SLICE_ROWS === 0) yield;
  }
  if (iterator.next().done !== true) throw damaged("it goes on after its end");
  writer.finish(head.lsn);
  return head.lsn as Lsn;
}

/** Rows changed between two places where the work may pause. */
const SLICE_ROWS = 500;

/** Writes the rows of one partition. */
class SnapshotWriter {
  readonly #sql: Statements;
  readonly #partition: Partition;
  readonly #shapes: ReadonlyMap<string, TableShape>;
  /** Node-local number of the repository whose parts follow. */
  #number: number | undefined;

  constructor(sql: Statements, partition: Partition, version: SnapshotVersion) {
    this.#sql = sql;
    this.#partition = partition;
    const shapes = [...PARTITION_TABLES, REPOSITORIES, ...REPOSITORY_TABLES];
    const ofVersion = version < 3 ? shapes.map(shapeBefore) : shapes;
    this.#shapes = new Map(ofVersion.map((shape) => [shape.tag, shape]));
  }

  /** Removes what there is of the partition. */
  *clear(): Sliced<void> {
    for (const { table } of REPOSITORY_TABLES) {
      this.#sql.run(
        `DELETE FROM ${table} WHERE repository IN` +
          " (SELECT number FROM repositories WHERE partition = ?1)",
        this.#partition,
      );
      yield;
    }
    // Networks go last: they say whose the rows of other tables are.
    const last = PARTITION_TABLES.filter(({ table }) => table === "networks");
    const first = PARTITION_TABLES.filter((shape) => !last.includes(shape));
    for (const { table, where } of [...first, REPOSITORIES, ...last]) {
      this.#sql.run(`DELETE FROM ${table} WHERE ${where}`, this.#partition);
      yield;
    }
  }

  add([tag, ...values]: readonly (string | number | null)[]): void {
    const shape = this.#shapes.get(String(tag));
    if (shape === undefined || values.length !== shape.columns.length) {
      throw damaged("it has a row of another shape");
    }
    const row = values.map((value, index) => valueOf(shape, shape.columns[index]!, value));
    try {
      this.#addRow(shape, row);
    } catch (error) {
      if (isMisfit(error)) throw damaged("a row does not fit its table", error);
      throw error;
    }
  }

  #addRow(shape: TableShape, row: readonly SqlValue[]): void {
    if (WITH_PARTITION.has(shape.table)) this.#insert(shape, row, "partition", this.#partition);
    else if (!REPOSITORY_TABLES.some(({ tag }) => tag === shape.tag)) this.#insert(shape, row);
    else if (this.#number === undefined) throw damaged("a row belongs to no repository");
    else this.#insert(shape, row, "repository", this.#number);
    if (shape.tag !== REPOSITORIES.tag) return;
    const found = this.#sql.get("SELECT number FROM repositories WHERE repository = ?", row[0]!);
    this.#number = Number(found?.["number"]);
  }

  finish(lsn: number): void {
    this.#sql.run(
      "INSERT INTO applied VALUES (?, ?) ON CONFLICT DO UPDATE SET lsn = excluded.lsn",
      this.#partition,
      lsn,
    );
  }

  #insert(shape: TableShape, row: readonly SqlValue[], column?: string, value?: number): void {
    const columns = column === undefined ? shape.columns : [...shape.columns, column];
    const values = value === undefined ? row : [...row, value];
    const marks = values.map(() => "?").join(", ");
    this.#sql.run(
      `INSERT INTO ${shape.table} (${columns.join(", ")}) VALUES (${marks})`,
      ...values,
    );
  }
}

/** A table as it was before version 3; columns that it lacks get the values of new tables. */
function shapeBefore(shape: TableShape): TableShape {
  return { ...shape, columns: shape.columns.slice(0, shape.columnCountBefore) };
}

/** SQLITE_CONSTRAINT and SQLITE_MISMATCH: the row is at fault, not the disk. */
const MISFITS: ReadonlySet<number> = new Set([19, 20]);

function isMisfit(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && MISFITS.has(Number(error.errcode) & 0xff);
}

function valueOf(shape: TableShape, column: string, value: string | number | null): SqlValue {
  if (!shape.blobs?.includes(column) || value === null) return value;
  try {
    return Uint8Array.fromHex(String(value));
  } catch (cause) {
    throw damaged("an object id is none", cause);
  }
}

function parsed<T>(schema: z.ZodType<T>, line: string | undefined): T {
  try {
    return schema.parse(JSON.parse(line ?? ""));
  } catch (cause) {
    throw damaged("a line is no line of a snapshot", cause);
  }
}

function damaged(reason: string, cause?: unknown): GitStratumError {
  return new GitStratumError("corrupt", "Restore a partition from a snapshot", {
    data: { reason },
    ...(cause === undefined ? {} : { cause }),
  });
}
