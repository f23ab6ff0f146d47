import { deepEqual, equal, throws } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { hasCode } from "@gitstratum/core";
import { partitionOf } from "@gitstratum/core/ring";
import { ensureSchema, SCHEMA_VERSION } from "./schema.ts";

const version = (database: DatabaseSync) => database.prepare("PRAGMA user_version").get();
const columns = (database: DatabaseSync, table: string) =>
  database.prepare("SELECT name, type FROM pragma_table_info(?) ORDER BY name").all(table);
const indexes = (database: DatabaseSync) =>
  database.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY name").all();

Deno.test("ensureSchema() brings the tables of version 1 up to date and keeps their rows", () => {
  using fresh = new DatabaseSync(":memory:");
  ensureSchema(fresh);
  using old = new DatabaseSync(":memory:");
  ensureSchema(old);
  const later = ["snapshots", "audit_acts", "audit_changes", "name_debts"];
  for (const table of [...later, "webhook_cursors", "webhook_deliveries"]) {
    old.exec(`DROP TABLE ${table}`);
  }
  old.exec("DROP INDEX names_moved");
  old.exec("DROP INDEX repositories_name; DROP INDEX repositories_removed");
  for (const table of ["names", "repositories", "networks"]) {
    old.exec(`DROP INDEX ${table}_partition; ALTER TABLE ${table} DROP COLUMN partition`);
  }
  old.exec("ALTER TABLE names DROP COLUMN version");
  for (const column of ["settings", "name_version", "removed_at_ms", "parent"]) {
    old.exec(`ALTER TABLE repositories DROP COLUMN ${column}`);
  }
  old.exec("PRAGMA user_version = 1; INSERT INTO networks VALUES ('n', 0, 0)");
  old.exec("INSERT INTO names VALUES ('o/n', 'r', 'n', 1, 1)");
  old.exec(
    "INSERT INTO repositories (repository, network, name, object_format, head, created_at_ms," +
      " refs_version) VALUES ('r', 'n', 'o/n', 'sha1', 'refs/heads/main', 1, 0)",
  );
  ensureSchema(old);
  deepEqual(version(old), version(fresh));
  for (const table of ["repositories", "names", "name_debts"]) {
    deepEqual(columns(old, table), columns(fresh, table), table);
  }
  deepEqual(indexes(old), indexes(fresh));
  equal(old.prepare("SELECT settings FROM repositories").get()?.["settings"], null);
  const partitionIn = (table: string) =>
    old.prepare(`SELECT partition FROM ${table}`).get()?.["partition"];
  equal(partitionIn("names"), partitionOf("o/n"));
  equal(partitionIn("repositories"), partitionOf("n"));
  equal(partitionIn("networks"), partitionOf("n"));
});

Deno.test("ensureSchema() refuses tables of a newer version", () => {
  using database = new DatabaseSync(":memory:");
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  throws(() => ensureSchema(database), (error: unknown) => hasCode(error, "unsupported"));
});
