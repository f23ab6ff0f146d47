import { deepEqual, equal, rejects } from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError, hasCode } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import {
  errorResponse,
  MetadataClient,
  parseRepositoryName,
  type RepositoryKey,
} from "@gitstratum/core/rpc";
import { command, reasons, TestNode } from "../testing/test_node.ts";

/** What the lines must be, made of the listing that does not pass through memory. */
async function expected(node: TestNode, key: RepositoryKey): Promise<string> {
  const references = await node.references(key);
  const lines = references.map(({ name, oid }) => {
    const text = `${oid} ${name}\n`;
    const bytes = new TextEncoder().encode(text).length + 4;
    return bytes.toString(16).padStart(4, "0") + text;
  });
  return `${lines.join("")}0000`;
}

async function lines(node: TestNode, key: RepositoryKey): Promise<string> {
  return await new Response(await node.metadata.openReferenceLines(key) as BodyInit).text();
}

async function setUp(node: TestNode) {
  const key = await node.create();
  const oids = ["one", "two", "three"].map((name) => node.objects.commitOf(name));
  const group = await node.store(key, oids);
  equal(
    reasons(
      await node.push(key, [
        command("refs/heads/one", undefined, oids[0]),
        command("refs/heads/two", undefined, oids[1]),
        command("refs/heads/three", undefined, oids[2]),
      ], { group }),
    ).join(""),
    "",
  );
  return { key, oids };
}

Deno.test("openReferenceLines() shows every push, kept in memory or not", async () => {
  await using node = await TestNode.start();
  const { key, oids } = await setUp(node);
  const now = new Map<string, Oid>();
  const step = fc.record({
    name: fc.nat({ max: 40 }).map((number) => `refs/heads/t/${number}`),
    oid: fc.constantFrom(...oids, undefined),
    looked: fc.boolean(),
  });
  const [steps] = fc.sample(fc.array(step, { minLength: 120, maxLength: 120 }), 1);
  for (const { name, oid, looked } of steps!) {
    const old = now.get(name);
    if (old === undefined && oid === undefined) continue;
    equal(reasons(await node.push(key, [command(name, old, oid)]))[0], undefined);
    if (oid === undefined) now.delete(name);
    else now.set(name, oid);
    if (looked) equal(await lines(node, key), await expected(node, key));
  }
  equal(await lines(node, key), await expected(node, key));
  await node.restart();
  equal(await lines(node, key), await expected(node, key));
  await node.restart({ lose: true });
  equal(await lines(node, key), await expected(node, key));
});

Deno.test("openReferenceLines() leaves out what is hidden, and what is hidden from then on", async () => {
  await using node = await TestNode.start();
  const { key, oids } = await setUp(node);
  await node.push(key, [command("refs/pull/1/head", undefined, oids[0])]);
  equal((await lines(node, key)).includes("refs/pull/1/head"), true);
  const hide = (hiddenReferences: readonly string[]) =>
    node.metadata.updateRepository(key, { settings: { hiddenReferences } });
  await hide(["refs/pull"]);
  equal((await lines(node, key)).includes("refs/pull"), false);
  await node.push(key, [
    command("refs/heads/more", undefined, oids[0]),
  ]);
  equal(await lines(node, key), await expected(node, key));
  equal((await lines(node, key)).includes("refs/pull"), false);
  await hide([]);
  equal((await lines(node, key)).includes("refs/pull/1/head"), true);
  equal(await lines(node, key), await expected(node, key));
});

Deno.test("openReferenceLines() orders names beyond ASCII by their bytes", async () => {
  await using node = await TestNode.start();
  const { key, oids } = await setUp(node);
  // Kept from here on, until names do not allow it any more.
  equal(await lines(node, key), await expected(node, key));
  // U+FFFD comes before U+1F600 in bytes, after it in UTF-16 units.
  for (const name of ["refs/heads/\u{1f600}", "refs/heads/\ufffd", "refs/heads/b"]) {
    await node.push(key, [command(name, undefined, oids[0])]);
    equal(await lines(node, key), await expected(node, key));
  }
});

Deno.test("openReferenceLines() streams more references than are kept", async () => {
  await using node = await TestNode.start();
  const { key, oids } = await setUp(node);
  const many = Array.from(
    { length: 8200 },
    (_, index) => command(`refs/heads/many-${index}`, undefined, oids[0]),
  );
  equal(await lines(node, key), await expected(node, key));
  await node.push(key, many);
  equal(await lines(node, key), await expected(node, key));
  const fewer = many.slice(0, 4000).map(({ name }) => command(name, oids[0], undefined));
  await node.push(key, fewer);
  equal(await lines(node, key), await expected(node, key));
});

Deno.test("openReferenceLines() does not know a repository that was deleted", async () => {
  await using node = await TestNode.start();
  const { key } = await setUp(node);
  equal((await lines(node, key)).includes("refs/heads/one"), true);
  await node.metadata.deleteRepository(key);
  await rejects(lines(node, key), (error) => hasCode(error, "not-found"));
});

Deno.test("MetadataClient.openReferenceLines() takes the listing of a node that knows no lines", async () => {
  await using node = await TestNode.start();
  const { key } = await setUp(node);
  const older = new MetadataClient((request) =>
    request.url.endsWith("/reference-lines")
      ? Promise.resolve(errorResponse(new GitStratumError("unsupported", "Know no such path")))
      : node.node.service.fetch(request)
  );
  const found = await new Response(await older.openReferenceLines(key) as BodyInit).text();
  equal(found, await expected(node, key));
});

Deno.test("listKnown() gives a repository with its lines, as long as it has the name", async () => {
  await using node = await TestNode.start();
  const { key } = await setUp(node);
  const info = (await node.metadata.findRepository(parseRepositoryName("owner/name")))!;
  const listed = await node.metadata.listKnown(key, info.name);
  deepEqual(listed.repository, info);
  equal(new TextDecoder().decode(listed.lines), await expected(node, key));
  const name = parseRepositoryName("owner/other");
  await node.metadata.renameRepository(key, { name, from: info.name });
  await rejects(node.metadata.listKnown(key, info.name), (error) => hasCode(error, "not-found"));
  deepEqual((await node.metadata.listKnown(key, name)).repository, { ...info, name });
  await node.metadata.deleteRepository(key);
  await rejects(node.metadata.listKnown(key, name), (error) => hasCode(error, "not-found"));
});

Deno.test("listKnown() leaves out more lines than are kept", async () => {
  await using node = await TestNode.start();
  const { key, oids } = await setUp(node);
  const many = Array.from({ length: 9000 }, (_, number) => `refs/heads/many/${number}`);
  await node.push(key, many.map((name) => command(name, undefined, oids[0])));
  const listed = await node.metadata.listKnown(key, parseRepositoryName("owner/name"));
  deepEqual(Object.keys(listed), ["repository"]);
});
