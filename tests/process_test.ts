/**
 * The server as a process: start, second start, signals, read-only, health.
 */

import assert from "node:assert/strict";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { generateHistory, initRepository } from "./harness/history.ts";
import { commitFile } from "./harness/pushed.ts";
import { temporaryDirectory } from "./harness/temp.ts";

Deno.test("the start prints URL, data directory and a push line that works", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start({ dataDirectory: temp.join("data") });
  assert.ok(server.log.includes(temp.join("data")), server.log);
  const line = /^.*(git push \S+.*)$/m.exec(server.log)?.[1];
  assert.ok(line !== undefined, server.log);
  const work = await initRepository(temp.join("work"));
  const oid = await commitFile(work, { path: "a", content: "a\n" });
  await git(["-C", work, ...line.trim().split(/\s+/).slice(1)]);
  const url = line.split(/\s+/).find((word) => word.startsWith("http://"))!;
  assert.ok((await gitText(["ls-remote", url])).startsWith(oid));
  assert.equal((await fetch(`${server.origin}/healthz`)).status, 200);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} stops the server cleanly, and the data serve the next one`, async () => {
    await using temp = await temporaryDirectory();
    const dataDirectory = temp.join("data");
    const source = await generateHistory(temp.join("source.git"), { seed: 61, commits: 20 });
    const first = await GitStratumServer.start({ dataDirectory });
    await git(["-C", source, "push", "-q", "--mirror", first.url("a/b")]);
    const status = await first.signal(signal);
    assert.equal(status.code, 0, first.log);
    assert.equal(status.signal, null);
    await using second = await GitStratumServer.start({ dataDirectory });
    const listed = await gitText(["ls-remote", "--heads", second.url("a/b"), "main"]);
    assert.ok(listed.startsWith(await gitText(["-C", source, "rev-parse", "main"])));
  });
}

Deno.test("a second server on the same data directory refuses to start, the first goes on", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  await using first = await GitStratumServer.start({ dataDirectory });
  await assert.rejects(
    GitStratumServer.start({ dataDirectory }),
    /in use|locked|another (server|process)/i,
  );
  assert.equal((await fetch(`${first.origin}/healthz`)).status, 200);
});

Deno.test("a read-only server serves clones and refuses pushes with a reason", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const source = await generateHistory(temp.join("source.git"), { seed: 62, commits: 20 });
  const writable = await GitStratumServer.start({ dataDirectory });
  await git(["-C", source, "push", "-q", "--mirror", writable.url("a/b")]);
  await writable.signal("SIGTERM");
  await using server = await GitStratumServer.start({ dataDirectory, flags: ["--read-only"] });
  await git(["clone", "-q", "--mirror", server.url("a/b"), temp.join("copy.git")]);
  const refused = await git(["-C", source, "push", server.url("a/b"), "main:refs/heads/x"], {
    anyExit: true,
  });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /read-only|403/);
  const created = await fetch(`${server.origin}/api/v1/repos`, {
    method: "POST",
    body: JSON.stringify({ name: "c/d" }),
    headers: { "content-type": "application/json" },
  });
  assert.equal(created.status, 403);
  await created.body?.cancel();
});

Deno.test("flags that make no sense are all reported, and nothing starts", async () => {
  await using temp = await temporaryDirectory();
  await assert.rejects(
    GitStratumServer.start({
      dataDirectory: temp.join("data"),
      flags: ["--log-level", "shout", "--nonsense", "--http", "not an address"],
    }),
    (error: Error) => /log-level|shout/.test(error.message) && /nonsense/.test(error.message),
  );
});
