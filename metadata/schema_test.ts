import { deepEqual, equal, throws } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { hasCode } from "@gitstratum/core";
import { ensureSchema, SCHEMA_VERSION } from "./schema.ts";

const version = (database: DatabaseSync) => database.prepare("PRAGMA user_version").get();
const columns = (database: DatabaseSync) =>
  database.prepare("SELECT name, type FROM pragma_table_info('repositories')").all();

Deno.test("ensureSchema() brings the tables of version 1 up to date and keeps their rows", () => {
  using fresh = new DatabaseSync(":memory:");
  ensureSchema(fresh);
  using old = new DatabaseSync(":memory:");
  ensureSchema(old);
  old.exec("ALTER TABLE repositories DROP COLUMN settings; PRAGMA user_version = 1");
  old.exec(
    "INSERT INTO repositories (repository, network, name, object_format, head, created_at_ms," +
      " refs_version) VALUES ('r', 'n', 'o/n', 'sha1', 'refs/heads/main', 1, 0)",
  );
  ensureSchema(old);
  deepEqual(version(old), version(fresh));
  deepEqual(columns(old), columns(fresh));
  equal(old.prepare("SELECT settings FROM repositories").get()?.["settings"], null);
});

Deno.test("ensureSchema() refuses tables of a newer version", () => {
  using database = new DatabaseSync(":memory:");
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  throws(() => ensureSchema(database), (error: unknown) => hasCode(error, "unsupported"));
});
