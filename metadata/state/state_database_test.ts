import { deepEqual, equal, rejects } from "node:assert/strict";
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

/** A database with one table of numbers, which another connection reads. */
async function openNumbers(): Promise<{
  readonly database: StateDatabase;
  readonly numbers: () => unknown[];
  readonly add: (number: number, end?: () => void) => () => Sliced<number>;
  readonly close: () => Promise<void>;
}> {
  const directory = await Deno.makeTempDir();
  const database = new StateDatabase(`${directory}/state.sqlite`, new ManualClock());
  database.writer.exec("CREATE TABLE numbers (number INTEGER PRIMARY KEY)");
  const select = database.reader.prepare("SELECT number FROM numbers ORDER BY number");
  return {
    database,
    numbers: () => select.all().map((row) => row["number"]),
    add: (number, end) =>
      function* () {
        database.writer.prepare("INSERT INTO numbers VALUES (?)").run(number);
        yield;
        end?.();
        return number;
      },
    close: async () => {
      await database.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

Deno.test("write() shows works that ran together at once, without those that failed", async () => {
  const { database, numbers, add, close } = await openNumbers();
  const seen: unknown[] = [];
  const look = () => {
    seen.push(...numbers());
  };
  const outcomes = await Promise.allSettled([
    database.write(add(1, look)),
    database.write(add(2, () => {
      throw new TypeError("The work is wrong");
    })),
    database.write(() => {
      throw new RangeError("The work does not begin");
    }),
    database.write(add(1)),
    database.write(add(3, look)),
  ]);
  deepEqual(outcomes.map((outcome) => outcome.status === "fulfilled" && outcome.value), [
    1,
    false,
    false,
    false,
    3,
  ]);
  equal((outcomes[1] as PromiseRejectedResult).reason instanceof TypeError, true);
  equal((outcomes[2] as PromiseRejectedResult).reason instanceof RangeError, true);
  deepEqual(seen, []);
  deepEqual(numbers(), [1, 3]);
  equal(await database.write(add(4)), 4);
  deepEqual(numbers(), [1, 3, 4]);
  await close();
});

Deno.test("write() runs many works, in the order of the calls", async () => {
  const { database, numbers, add, close } = await openNumbers();
  const order: number[] = [];
  const all = Array.from({ length: 200 }, (_, number) => number);
  const results = await Promise.all(
    all.map((number) => database.write(add(number, () => void order.push(number)))),
  );
  deepEqual(results, all);
  deepEqual(order, all);
  deepEqual(numbers(), all);
  await close();
});

Deno.test("write() fails all works of a transaction that the disk refuses", async () => {
  const { database, numbers, add, close } = await openNumbers();
  await database.write(add(1));
  database.writer.exec("PRAGMA max_page_count = 100");
  const full = { code: "disk-full" };
  await Promise.all([
    rejects(database.write(add(2)), full),
    rejects(database.write(() => fill(database, 10_000_000)), full),
    rejects(database.write(add(3)), full),
  ]);
  deepEqual(numbers(), [1]);
  database.writer.exec("PRAGMA max_page_count = 1000000");
  equal(await database.write(add(2)), 2);
  deepEqual(numbers(), [1, 2]);
  await close();
});

Deno.test("write() waits for its disk, and undoes what that refuses", async () => {
  const directory = await Deno.makeTempDir();
  const told: unknown[] = [];
  let isFull = false;
  const held = Promise.withResolvers<void>();
  const database: StateDatabase = new StateDatabase(
    `${directory}/state.sqlite`,
    new ManualClock(),
    {
      onUnwritable: (error) => told.push(error),
      disk: {
        async committing(writer): Promise<void> {
          equal(writer, database.writer);
          await held.promise;
          if (isFull) throw Object.assign(new Error("database or disk is full"), { errcode: 13 });
        },
      },
    },
  );
  const count = () => {
    const row = database.reader.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = ?");
    return row.get("filler")!["n"];
  };
  const writing = database.write(() => fill(database, 10));
  const turn = new Promise((resolve) => setTimeout(resolve, 0));
  equal(await Promise.race([writing.then(() => "written"), turn]), undefined);
  equal(count(), 0);
  isFull = true;
  held.resolve();
  await rejects(writing, { code: "disk-full" });
  equal(count(), 0);
  equal(told.length, 1);
  await rejects(database.checkpoint(), { errcode: 13 });
  isFull = false;
  await database.write(() => fill(database, 10));
  equal(count(), 1);
  equal(await database.checkpoint(), true);
  await database.close();
  await Deno.remove(directory, { recursive: true });
});
