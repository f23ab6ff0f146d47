import assert from "node:assert/strict";
import { git } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { generateHistory } from "./harness/history.ts";
import { temporaryDirectory } from "./harness/temp.ts";

async function call(
  server: GitStratumServer,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${server.origin}${path}`, {
    method,
    ...(body === undefined ? {} : {
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
}

Deno.test("repositories are created, shown, listed and deleted", async () => {
  await using server = await GitStratumServer.start();
  const created = await call(server, "POST", "/api/v1/repos", {
    name: "acme/one",
    objectFormat: "sha256",
    defaultBranch: "trunk",
  });
  assert.equal(created.status, 201);
  assert.equal(created.body.name, "acme/one");
  assert.equal(created.body.objectFormat, "sha256");
  assert.equal(created.body.defaultBranch, "trunk");
  assert.equal((await call(server, "POST", "/api/v1/repos", { name: "acme/one" })).status, 409);
  assert.equal((await call(server, "POST", "/api/v1/repos", { name: "acme/two" })).status, 201);
  const listed = await call(server, "GET", "/api/v1/repos");
  assert.equal(listed.status, 200);
  assert.match(JSON.stringify(listed.body), /acme\/one.*acme\/two/);
  assert.equal((await call(server, "GET", "/api/v1/repos/acme/two")).body.objectFormat, "sha1");
  assert.equal((await call(server, "DELETE", "/api/v1/repos/acme/one")).status, 204);
  assert.equal((await call(server, "GET", "/api/v1/repos/acme/one")).status, 404);
  assert.equal((await call(server, "DELETE", "/api/v1/repos/acme/one")).status, 404);
});

Deno.test("names that are malformed or dangerous are refused with a reason", async () => {
  await using server = await GitStratumServer.start();
  const names = [
    "",
    "noslash",
    "a/b/c",
    "../etc/passwd",
    "a/..",
    "a/.hidden",
    "a/b.git",
    "a/b.lock",
    "a/b\u0000c",
    "a/b\nc",
    "a/ b",
    "-x/y",
    "a/" + "x".repeat(300),
    "api/v1",
    "ä/ö",
  ];
  for (const name of names) {
    const { status, body } = await call(server, "POST", "/api/v1/repos", { name });
    assert.equal(status, 400, `${JSON.stringify(name)} answered ${status}`);
    assert.match(JSON.stringify(body), /"message":"[^"]+"/);
  }
  const bodies = ["", "{", "[]", '"text"', '{"name":5}', '{"name":"a/b","objectFormat":"md5"}'];
  for (const body of bodies) {
    assert.equal((await call(server, "POST", "/api/v1/repos", body)).status, 400, body);
  }
  assert.deepEqual((await call(server, "GET", "/healthz")).status, 200);
});

Deno.test("a deleted name starts anew: old objects are out of reach", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  const source = await generateHistory(temp.join("source.git"), { seed: 31, commits: 20 });
  await git(["-C", source, "push", "-q", "--mirror", server.url("acme/again")]);
  const oid = (await git(["-C", source, "rev-parse", "main"])).stdout.trim();
  assert.equal((await call(server, "DELETE", "/api/v1/repos/acme/again")).status, 204);
  await server.createRepository("acme/again");
  const listing = await git(["ls-remote", server.url("acme/again")]);
  assert.equal(listing.stdout, "");
  const work = temp.join("work");
  await git(["init", "-q", work]);
  const refused = await git(["-C", work, "fetch", server.url("acme/again"), oid], {
    anyExit: true,
  });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /not our ref/);
});
