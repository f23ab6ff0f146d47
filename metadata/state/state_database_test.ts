import { equal, rejects } from "node:assert/strict";
import { ManualClock } from "@gitstratum/core";
import type { Sliced } from "./sliced.ts";
import { StateDatabase } from "./state_database.ts";

/** Writes so many bytes into a table of the test's own. */
// deno-lint-ignore require-yield -- the work is one slice
function* fill(database: StateDatabase, bytes: number): Sliced<void> {
  database.writer.exec("CREATE TABLE IF NOT EXISTS filler (content BLOB)");
  database.writer.prepare("INSERT INTO filler VALUES (?)").run(new Uint8Array(bytes));
}

Deno.test("write() tells of a full disk, leaves the tables as they were, and goes on later", async () => {
  const directory = await Deno.makeTempDir();
  const told: unknown[] = [];
  const database = new StateDatabase(`${directory}/state.sqlite`, new ManualClock(), {
    onUnwritable: (error) => told.push(error),
  });
  const count = () => database.reader.prepare("SELECT count(*) AS n FROM filler").get()!["n"];
  await database.write(() => fill(database, 10));
  database.writer.exec("PRAGMA max_page_count = 100");
  await rejects(database.write(() => fill(database, 10_000_000)), { code: "disk-full" });
  equal(told.length, 1);
  equal(count(), 1);
  database.writer.exec("PRAGMA max_page_count = 1000000");
  await database.write(() => fill(database, 10_000_000));
  equal(count(), 2);
  equal(told.length, 1);
  await database.close();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("write() tells of no disk when the work itself fails", async () => {
  const directory = await Deno.makeTempDir();
  const told: unknown[] = [];
  const database = new StateDatabase(`${directory}/state.sqlite`, new ManualClock(), {
    onUnwritable: (error) => told.push(error),
  });
  await rejects(
    database.write(() => {
      throw new TypeError("The work is wrong");
    }),
    TypeError,
  );
  equal(told.length, 0);
  await database.close();
  await Deno.remove(directory, { recursive: true });
});
