/**
 * A node that goes back to an earlier release finds tables that it does not know, and makes its own.
 */

import { deepEqual, equal } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { SCHEMA_VERSION } from "./state/schema.ts";
import { command, TestNode } from "./testing/test_node.ts";

const MAIN = "refs/heads/main";

Deno.test("openMetadataNode() makes tables of a later release anew, from the log", async () => {
  await using node = await TestNode.start();
  const created = await node.create();
  const oid = node.objects.commitOf("first");
  const group = await node.store(created, [oid]);
  await node.push(created, [command(MAIN, undefined, oid)], { group });
  const before = await node.references(created);
  const path = `${node.directory}/metadata.sqlite`;
  const later = new DatabaseSync(path);
  later.exec(`CREATE TABLE later (x TEXT); PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  later.close();
  await node.restart();
  deepEqual(await node.metadata.findRepository(created.name), created);
  deepEqual(await node.references(created), before);
  equal(before.length, 1);
  using anew = new DatabaseSync(path, { readOnly: true });
  equal(anew.prepare("PRAGMA user_version").get()?.["user_version"], SCHEMA_VERSION);
  equal(anew.prepare("SELECT name FROM sqlite_schema WHERE name = 'later'").get(), undefined);
});
