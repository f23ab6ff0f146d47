import { deepEqual, equal, notEqual } from "node:assert/strict";
import { ManualClock, STATE_ROW_COUNT_MAX } from "@gitstratum/core";
import { parseRepositoryName, type RepositoryName } from "@gitstratum/core/rpc";
import { StateDatabase } from "./state_database.ts";
import { StateReader } from "./state_reader.ts";

const name = parseRepositoryName("owner/name");

async function withReader(
  work: (database: StateDatabase, reader: StateReader) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-test-" });
  const database = new StateDatabase(`${directory}/state.sqlite`, new ManualClock());
  try {
    await work(database, new StateReader(database));
  } finally {
    await database.close();
    await Deno.remove(directory, { recursive: true });
  }
}

const INSERT =
  "INSERT INTO names (name, partition, repository, network, version, state, at_ms) VALUES (?, 0, ?, ?, ?, 0, 0)" +
  " ON CONFLICT DO UPDATE SET version = excluded.version";

/** Writes a version of the name, waiting in the middle for `gate`. */
function write(database: StateDatabase, version: number, fail = false): Promise<void> {
  return database.write(function* () {
    database.writer.prepare(INSERT).run(name, "0".repeat(32), "0".repeat(32), version);
    yield;
    if (fail) throw new Error("no");
  });
}

Deno.test("StateReader.name() reads a row once until something is committed", async () => {
  await withReader(async (database, reader) => {
    equal(reader.name(name), undefined);
    const writing = write(database, 1);
    equal(reader.name(name), undefined);
    await writing;
    const first = reader.name(name);
    equal(first?.version, 1);
    equal(reader.name(name), first);
    await write(database, 2);
    equal(reader.name(name)?.version, 2);
    await write(database, 3, true).catch(() => {});
    equal(reader.name(name)?.version, 2);
  });
});

Deno.test("StateReader.name() keeps a bounded number of rows", async () => {
  await withReader(async (database, reader) => {
    await write(database, 1);
    const first = reader.name(name);
    for (let count = 0; count < STATE_ROW_COUNT_MAX; count++) {
      reader.name(`owner/${count}` as RepositoryName);
    }
    notEqual(reader.name(name), first);
    deepEqual(reader.name(name), first);
  });
});
