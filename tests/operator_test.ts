/**
 * What an operator sees of a process: metrics, readiness, one log line for each request, and an end
 * that fails nobody.
 */

import assert from "node:assert/strict";
import { git } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { generateHistory } from "./harness/history.ts";
import { temporaryDirectory } from "./harness/temp.ts";

/** Clients that clone again and again while the server is told to stop. */
const CLIENT_COUNT = 4;

function adminOf(server: GitStratumServer): string {
  const url = /Metrics: (http:\/\/\S+)\/metrics/.exec(server.log)?.[1];
  assert.ok(url !== undefined, server.log);
  return url;
}

Deno.test("metrics are served to the operator's address and to no client", async () => {
  await using server = await GitStratumServer.start();
  const admin = adminOf(server);
  assert.notEqual(admin, server.origin);
  assert.equal(
    (await (await fetch(`${server.origin}/api/v1/repos`)).json()).repositories.length,
    0,
  );
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  assert.match(metrics, /^gitstratum_http_requests_total\{method="GET",status="2xx"\} 1$/m);
  assert.match(metrics, /^gitstratum_pack_cache_/m);
  assert.match(metrics, /^gitstratum_process_resident_bytes \d+$/m);
  assert.deepEqual(await (await fetch(`${admin}/readyz`)).json(), { status: "ok" });
  const refused = await fetch(`${server.origin}/metrics`);
  assert.equal(refused.status, 404);
  await refused.body?.cancel();
});

Deno.test("each request is one line of JSON, without its query", async () => {
  await using server = await GitStratumServer.start();
  const answer = await fetch(`${server.origin}/a/b/info/refs?service=git-upload-pack&token=hidden`);
  await answer.body?.cancel();
  await server.signal("SIGTERM");
  const line = server.log.split("\n").find((text) => text.includes("Answer a request"));
  assert.ok(line !== undefined, server.log);
  const { level, method, path, status, role, durationMs } = JSON.parse(line);
  assert.deepEqual({ level, method, path, status, role }, {
    level: "info",
    method: "GET",
    path: "/a/b/info/refs",
    status: answer.status,
    role: "frontend",
  });
  assert.equal(typeof durationMs, "number");
  assert.ok(!server.log.includes("hidden"));
});

/** Clones until the server says that it is not ready any more; tells how many clones there were. */
async function cloneUntilDraining(server: GitStratumServer, path: string): Promise<number> {
  for (let count = 0;; count++) {
    const ready = await fetch(`${server.origin}/readyz`);
    await ready.body?.cancel();
    if (ready.status === 503) return count;
    assert.equal(ready.status, 200);
    await git(["clone", "-q", "--bare", server.url("a/b"), `${path}-${count}`]);
  }
}

Deno.test("SIGTERM fails no clone of clients that look at /readyz", async () => {
  await using temp = await temporaryDirectory();
  const source = await generateHistory(temp.join("source.git"), { seed: 63, commits: 40 });
  await using server = await GitStratumServer.start({ flags: ["--drain-delay", "3"] });
  await git(["-C", source, "push", "-q", "--mirror", server.url("a/b")]);
  const clients = Array.from(
    { length: CLIENT_COUNT },
    (_, n) => cloneUntilDraining(server, temp.join(`clone${n}`)),
  );
  // Told to stop in the middle of a clone that runs for certain.
  await git(["clone", "-q", "--bare", server.url("a/b"), temp.join("first")]);
  const ended = server.signal("SIGTERM");
  const counts = await Promise.all(clients);
  assert.ok(counts.every((count) => count > 0), `${counts}`);
  assert.equal((await ended).code, 0, server.log);
});

Deno.test("settings come from a file that a flag names, and its problems are told with the others", async () => {
  await using temp = await temporaryDirectory();
  const file = temp.join("settings.json");
  await Deno.writeTextFile(file, JSON.stringify({ "read-only": true, "log-level": "warn" }));
  await using server = await GitStratumServer.start({ flags: ["--config", file] });
  assert.match(server.log, /Read-only/);
  await Deno.writeTextFile(file, JSON.stringify({ "log-level": "shout" }));
  await assert.rejects(
    GitStratumServer.start({ flags: ["--config", file, "--admin", "0.0.0.0:0"] }),
    (error: Error) =>
      /log-level in the configuration file must be/.test(error.message) &&
      /--admin-token-file is needed/.test(error.message),
  );
});
