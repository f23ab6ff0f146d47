/**
 * What a node makes of what a later release left: of tables that it does not know its own, of an entry of
 * the log nothing.
 */

import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { hasCode } from "@gitstratum/core";
import { partitionOf } from "@gitstratum/core/ring";
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

Deno.test("a log entry of a later release stops its partition at this node, and nothing else", async () => {
  await using node = await TestNode.start();
  const first = await node.create("owner/first");
  const partition = partitionOf(first.networkId);
  let second = first;
  for (let count = 0; partitionOf(second.networkId) === partition; count++) {
    second = await node.create(`owner/other-${count}`);
  }
  const { epoch, lsn } = await node.log.head(partition);
  const record = { v: 1000, record: { kind: "repository-split" } };
  const payloads = [new TextEncoder().encode(JSON.stringify(record))];
  await node.log.append(partition, { epoch, expectedLsn: lsn, payloads });
  await node.restart();
  await rejects(node.references(first), (error) => {
    ok(hasCode(error, "unavailable"), "a node of a later release can answer");
    equal(error.data["code"], "unsupported");
    equal(error.data["reason"], "Meet a log entry of a later release");
    return true;
  });
  deepEqual(await node.references(second), []);
  equal((await node.log.head(partition)).lsn, lsn + 1, "nothing was written behind it");
});
