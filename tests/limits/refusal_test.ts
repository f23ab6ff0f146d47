/**
 * What people see who come too often, over every transport, by the real clients.
 */

import assert from "node:assert/strict";
import { git } from "../harness/git.ts";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { gitSshEnvironment, makeSshKey } from "../harness/ssh_client.ts";
import { temporaryDirectory } from "../harness/temp.ts";

const MESSAGE = /too many requests from your address; try again in \d+ seconds?/;

Deno.test("a client that comes too often over HTTP is told so, with the time to come again", async () => {
  const flags = ["--rate-address", "1/h:4"];
  await using server = await GitStratumServer.start({ flags });
  await server.createRepository("acme/tools");
  const url = `${server.url("acme/tools")}/info/refs?service=git-upload-pack`;
  for (let count = 0; count < 3; count++) {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  const refused = await fetch(url);
  assert.equal(refused.status, 429);
  assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/);
  assert.match(await refused.text(), MESSAGE);
  const { code, stderr } = await git(["ls-remote", server.url("acme/tools")], { anyExit: true });
  assert.notEqual(code, 0);
  assert.match(stderr, MESSAGE, "git shows the message to the person");
  const api = await fetch(`${server.origin}/api/v1/repos`);
  assert.equal(api.status, 429);
  assert.equal((await api.json()).error.code, "exhausted");
  for (const path of ["/healthz", "/readyz"]) {
    const response = await fetch(server.origin + path);
    assert.equal(response.status, 200, `${path} answers at any rate`);
    await response.body?.cancel();
  }
});

Deno.test("a client that comes too often over SSH is told so on its standard error", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start({ flags: ["--rate-repository", "1/h:1"] });
  await server.createRepository("acme/tools");
  const env = gitSshEnvironment(await makeSshKey(temp));
  await git(["ls-remote", server.sshUrl("acme/tools")], { env });
  const again = await git(["ls-remote", server.sshUrl("acme/tools")], { env, anyExit: true });
  assert.notEqual(again.code, 0);
  assert.match(again.stderr, /GitStratum: too many requests to this repository; try again in/);
});

Deno.test("clones of one repository wait for each other before any is refused", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start({ flags: ["--running-repository", "1:50"] });
  const source = temp.join("source");
  await git(["init", "-q", "-b", "main", source]);
  await git(["-C", source, "commit", "-q", "--allow-empty", "-m", "one"]);
  await git(["-C", source, "push", "-q", server.url("acme/tools"), "main"]);
  await Promise.all(
    Array.from(
      { length: 6 },
      (_, index) => git(["clone", "-q", server.url("acme/tools"), temp.join(`clone-${index}`)]),
    ),
  );
});
