import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { oidToBytes } from "@gitstratum/core/git";
import { packId, parseRepositoryName, type RepositoryKey } from "@gitstratum/core/rpc";
import { command, reasons, TestNode } from "./testing/test_node.ts";

const MAIN = "refs/heads/main";
const NEGOTIATION = { clientShallow: [], haves: [] } as const;

/** A repository with one commit of one file. */
async function oneCommit(node: TestNode, name = "owner/name") {
  const key = await node.create(name);
  const blob = node.objects.blob(`text of ${name}`);
  const commit = node.objects.commit({ tree: node.objects.tree({ file: blob }) });
  const group = await node.store(key, [commit]);
  deepEqual(reasons(await node.push(key, [command(MAIN, undefined, commit)], { group })), [
    undefined,
  ]);
  return { key, blob, commit, group };
}

/** Asks the service without the client. */
async function ask(node: TestNode, path: string, init: RequestInit = {}): Promise<Response> {
  return await node.node.service.fetch(new Request(`http://test.invalid${path}`, init));
}

function repositoryPath({ networkId, repositoryId }: RepositoryKey): string {
  return `/metadata/v1/networks/${networkId}/repositories/${repositoryId}`;
}

Deno.test("negotiate(), locate() and known() answer over the wire", async () => {
  await using node = await TestNode.start();
  const { key, blob, commit, group } = await oneCommit(node);
  const absent = "9".repeat(40) as Oid;
  const request = { ...NEGOTIATION, wants: [commit, absent], haves: [absent, commit] };
  deepEqual(await node.metadata.negotiate(key, request), {
    refused: [absent],
    common: [commit],
    ready: true,
  });

  const oids = [absent, blob];
  const located = await node.metadata.locate(key, { oids, scope: "repository" });
  equal(located.length, 1);
  deepEqual([located[0]!.oid, located[0]!.type], [blob, "blob"]);
  deepEqual(located[0]!.chain.map(({ pack }) => pack), [packId(group.groupId, "c")]);

  const rows = Uint8Array.from([absent, commit, blob].flatMap((oid) => [...oidToBytes(oid)]));
  deepEqual([...await node.metadata.known(key, rows)], [1, 2]);
  await rejects(node.metadata.known(key, rows.slice(1)), (error) => hasCode(error, "invalid"));
});

Deno.test("tagDigest() answers over the wire and changes with the tags alone", async () => {
  await using node = await TestNode.start();
  const { key, commit } = await oneCommit(node);
  const none = await node.metadata.tagDigest(key);
  const pushTag = async (name: string) => {
    const tag = node.objects.tag(name, commit, "commit");
    const group = await node.store(key, [tag]);
    const pushed = await node.push(key, [command(`refs/tags/${name}`, undefined, tag)], { group });
    deepEqual(reasons(pushed), [undefined]);
    return await node.metadata.tagDigest(key);
  };
  const one = await pushTag("v1");
  const two = await pushTag("v2");
  equal(new Set([none, one, two]).size, 3);
  await node.push(key, [command("refs/heads/other", undefined, commit)]);
  await node.push(key, [command("refs/tags/light", undefined, commit)]);
  equal(await node.metadata.tagDigest(key), two, "only tag objects follow");
});

Deno.test("plan() streams a recipe of everything that is wanted", async () => {
  await using node = await TestNode.start();
  const { key, commit } = await oneCommit(node);
  const options = { thinPack: true, ofsDelta: true, includeTag: false };
  const recipe = await node.metadata.plan(key, { ...NEGOTIATION, ...options, wants: [commit] });
  equal(recipe.header.objectCount, 3);
  let ranges = 0;
  for await (const steps of recipe.steps) {
    ranges += steps.filter(({ kind }) => kind === "range").length;
  }
  ok(ranges >= 2);
  const refused = node.metadata.plan(key, {
    ...NEGOTIATION,
    ...options,
    wants: ["9".repeat(40) as Oid],
  });
  await rejects(refused, (error) => hasCode(error, "denied"));
});

Deno.test("deepen() answers over the wire", async () => {
  await using node = await TestNode.start();
  const { key, commit } = await oneCommit(node);
  const child = node.objects.commitOf("child", [commit]);
  const group = await node.store(key, [child]);
  await node.push(key, [command(MAIN, commit, child)], { group });
  const boundary = await node.metadata.deepen(key, {
    wants: [child],
    clientShallow: [],
    depth: { kind: "commits", depth: 1, relative: false },
  });
  deepEqual(boundary, { shallow: [child], unshallow: [] });
});

Deno.test("the service names what is wrong with a request, and never answers with a stack", async () => {
  await using node = await TestNode.start();
  const { key } = await oneCommit(node);
  const path = repositoryPath(key);
  const cases: [string, RequestInit, number][] = [
    [`${path}/push`, { method: "POST", body: "{" }, 400],
    [`${path}/push`, { method: "POST", body: "{}" }, 400],
    [`${path}/push`, { method: "POST", body: JSON.stringify({ commands: [["x"]] }) }, 400],
    [`${path}/negotiate`, { method: "POST", body: JSON.stringify({ wants: ["x"] }) }, 400],
    [`${path}/references`, { method: "POST", body: JSON.stringify({ prefixes: 1 }) }, 400],
    ["/metadata/v1/networks/x/repositories/y/push", { method: "POST", body: "{}" }, 400],
    ["/metadata/v1/names/owner/other", {}, 404],
    ["/metadata/v1/names/owner/..%2Fx", {}, 400],
    ["/metadata/v1/repositories?limit=-1", {}, 400],
    ["/metadata/v2/anything", {}, 501],
    [`${path}/unknown`, { method: "POST" }, 501],
  ];
  for (const [target, init, status] of cases) {
    const response = await ask(node, target, init);
    equal(response.status, status, target);
    const body = await response.text();
    equal(typeof JSON.parse(body).code, "string");
    ok(!/\.ts|at /.test(body), body);
  }
});

Deno.test("find() does not confuse names", async () => {
  await using node = await TestNode.start();
  const { key } = await oneCommit(node, "a/b");
  deepEqual(await node.metadata.findRepository(parseRepositoryName("a/b")), key);
  equal(await node.metadata.findRepository(parseRepositoryName("a/B")), undefined);
});
