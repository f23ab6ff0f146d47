/**
 * What stands between clients and the server, by the real clients: names that lead to it, and proxies.
 */

import assert from "node:assert/strict";
import { request } from "node:http";
import { git } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { commitFile } from "./harness/pushed.ts";
import { temporaryDirectory } from "./harness/temp.ts";

/** Asks under a name, which `fetch` does not let anybody choose. */
function askAs(
  host: string,
  url: string,
): Promise<{ readonly status: number | undefined; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers: { host }, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk) => text += chunk).on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    });
    sent.on("error", reject).end();
  });
}

Deno.test("a server without accounts is nothing to a name that was made to lead to it", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  const { port } = new URL(server.origin);
  const work = await initRepository(temp.join("work"));
  await commitFile(work, { path: "a", content: "a\n" });
  for (const host of ["127.0.0.1", "localhost"]) {
    const url = `http://${host}:${port}/me/${host.replaceAll(".", "-")}.git`;
    await git(["-C", work, "push", "-q", url, "HEAD:main"]);
    await git(["clone", "-q", url, temp.join(host)]);
  }
  const list = await askAs("evil.example", `${server.origin}/api/v1/repos`);
  assert.equal(list.status, 403);
  assert.deepEqual(JSON.parse(list.text).error.data, { host: "evil.example", see: "--http-host" });
  const refs = "/me/localhost/info/refs?service=git-upload-pack";
  for (const path of ["/", "/healthz", refs, "/me/localhost/archive/HEAD.tar.gz", "/nothing"]) {
    const { status, text } = await askAs("evil.example", server.origin + path);
    assert.equal(status, 403, path);
    assert.match(text, /host that is not among those served.*evil\.example/, path);
  }
  const push = await fetch(`${server.origin}/me/localhost/git-receive-pack`, {
    method: "POST",
    headers: {
      origin: "https://evil.example",
      "content-type": "application/x-git-receive-pack-request",
    },
    body: "0000",
  });
  assert.equal(push.status, 403);
  await push.body?.cancel();
  const shown = await git(
    ["-c", "http.extraHeader=Host: evil.example", "ls-remote", `${server.origin}/me/localhost`],
    { anyExit: true },
  );
  assert.match(shown.stderr, /not among those served/, "git shows why");
});

Deno.test("a server serves under the names that it was told", async () => {
  await using server = await GitStratumServer.start({ flags: ["--http-host", "git.example"] });
  const url = `${server.origin}/api/v1/repos`;
  assert.equal((await askAs("git.example", url)).status, 200);
  assert.equal((await askAs("other.example", url)).status, 403);
});

/** Asks for references as one client behind a proxy. */
async function askFor(server: GitStratumServer, forwarded: string): Promise<number> {
  const url = `${server.url("acme/tools")}/info/refs?service=git-upload-pack`;
  const answer = await fetch(url, { headers: { "x-forwarded-for": forwarded } });
  await answer.body?.cancel();
  return answer.status;
}

Deno.test("clients behind a trusted proxy are told apart, in limits, the trail and the log", async () => {
  const flags = ["--trusted-proxy", "127.0.0.1,10.0.0.0/8", "--rate-address", "1/h:3", "--auth"];
  await using server = await GitStratumServer.start({ flags });
  const token = await server.firstToken();
  const from = (address: string) => ({
    authorization: `Bearer ${token}`,
    "x-forwarded-for": address,
    forwarded: "for=203.0.113.9",
  });
  const made = await fetch(`${server.origin}/api/v1/repos`, {
    method: "POST",
    headers: { ...from("203.0.113.8, 192.0.2.7, 10.0.0.1"), "content-type": "application/json" },
    body: JSON.stringify({ name: "acme/tools" }),
  });
  assert.equal(made.status, 201, await made.text());
  const trail = await fetch(`${server.origin}/api/v1/audit`, { headers: from("192.0.2.8") });
  const [{ by }] = (await trail.json()).events;
  assert.equal(by.remoteAddress, "192.0.2.7");
  // A client that makes up other addresses is counted by its own.
  const statuses: number[] = [];
  for (let count = 0; count < 4; count++) {
    statuses.push(await askFor(server, `198.51.100.${count}, 192.0.2.9`));
  }
  assert.deepEqual(statuses, [401, 401, 401, 429]);
  assert.equal(await askFor(server, "192.0.2.10"), 401, "another client has its own count");
  await server.signal("SIGTERM");
  assert.match(server.log, /"remoteAddress":"192\.0\.2\.7"/);
});

Deno.test("a client that is no trusted proxy is believed nothing", async () => {
  const flags = ["--trusted-proxy", "10.0.0.0/8", "--rate-address", "1/h:3"];
  await using server = await GitStratumServer.start({ flags });
  await server.createRepository("acme/tools");
  const statuses: number[] = [];
  for (let count = 0; count < 3; count++) {
    statuses.push(await askFor(server, `192.0.2.${count}`));
  }
  assert.deepEqual(statuses, [200, 200, 429]);
});
