/**
 * Archives by address, against git's own archives of the same commits.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { git, gitEnvironment, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { commitFile } from "./harness/pushed.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const NAME = "acme/project";

interface Fixture extends AsyncDisposable {
  readonly work: string;
  readonly server: GitStratumServer;
  get(file: string, options?: RequestInit): Promise<Response>;
  /** git's own archive. */
  local(prefix: string, treeish: string, format: string): Promise<Uint8Array>;
}

async function fixture(): Promise<Fixture> {
  const temp = await temporaryDirectory();
  const server = await GitStratumServer.start({ dataDirectory: temp.join("data") });
  const work = await initRepository(temp.join("work"));
  await commitFile(work, {
    path: ".gitattributes",
    content: "v export-subst\n*.log export-ignore\n",
  });
  await commitFile(work, { path: "a.log", content: "log\n" });
  await commitFile(work, { path: "v", content: "$Format:%H %D$\n" });
  await commitFile(work, { path: "docs/größe.txt", content: "text\n".repeat(5000) });
  await git(["-C", work, "tag", "-a", "-m", "one", "v1.0"]);
  await git(["-C", work, "branch", "feature/x.tar"]);
  await commitFile(work, { path: "more", content: "more\n" });
  await git(["-C", work, "push", "-q", server.url(NAME), "--all"]);
  await git(["-C", work, "push", "-q", server.url(NAME), "--tags"]);
  return {
    work,
    server,
    get: (file, options) => fetch(`${server.origin}/${NAME}/archive/${file}`, options),
    async local(prefix, treeish, format) {
      const { code, stdout } = await new Deno.Command("git", {
        args: ["-C", work, "archive", `--format=${format}`, `--prefix=${prefix}/`, treeish],
        env: gitEnvironment(),
        clearEnv: true,
      }).output();
      assert.equal(code, 0);
      return stdout;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

async function body(response: Response): Promise<Buffer> {
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(response.status, 200, bytes.toString().slice(0, 200));
  return bytes;
}

Deno.test("an archive by address is git's, for every kind of name", async () => {
  await using the = await fixture();
  const oid = await gitText(["-C", the.work, "rev-parse", "main"]);
  const names: readonly (readonly [file: string, treeish: string, prefix: string])[] = [
    ["main.tar", "main", "project-main"],
    ["v1.0.tar", "v1.0", "project-v1.0"],
    ["refs/tags/v1.0.tar", "refs/tags/v1.0", "project-v1.0"],
    ["feature/x.tar.tar", "feature/x.tar", "project-feature-x.tar"],
    ["refs/heads/feature/x.tar.tar", "refs/heads/feature/x.tar", "project-feature-x.tar"],
    ["feature%2Fx.tar.tar", "feature/x.tar", "project-feature-x.tar"],
    ["HEAD.tar", "HEAD", "project-HEAD"],
    [`${oid}.tar`, oid, `project-${oid}`],
  ];
  for (const [file, treeish, prefix] of names) {
    const response = await the.get(file);
    const bytes = await body(response);
    assert.ok(bytes.equals(await the.local(prefix, treeish, "tar")), file);
    assert.equal(
      response.headers.get("content-disposition"),
      `attachment; filename="${prefix}.tar"`,
    );
    assert.equal(response.headers.get("content-type"), "application/x-tar");
  }
  const zipped = gunzipSync(await body(await the.get("main.tar.gz")));
  assert.ok(zipped.equals(await the.local("project-main", "main", "tar")));
  assert.ok(gunzipSync(await body(await the.get("main.tgz"))).equals(zipped));
  const zip = await body(await the.get("main.zip"));
  assert.equal(zip.readUInt32BE(0), 0x504b0304);
});

Deno.test("an archive is asked for again for nothing, until its names or its commit change", async () => {
  await using the = await fixture();
  const first = await the.get("main.tar.gz");
  const bytes = await body(first);
  const etag = first.headers.get("etag")!;
  assert.match(etag, /^"[0-9a-f]{40}"$/);
  assert.equal(first.headers.get("cache-control"), "private, no-cache");
  const head = await the.get("main.tar.gz", { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("etag"), await head.text()], [200, etag, ""]);
  for (const list of [etag, `"x", W/${etag}`, "*"]) {
    const again = await the.get("main.tar.gz", { headers: { "if-none-match": list } });
    assert.deepEqual([again.status, await again.text()], [304, ""], list);
  }
  const ranged = await the.get("main.tar.gz", { headers: { range: "bytes=0-9" } });
  assert.ok((await body(ranged)).equals(bytes));
  assert.equal(ranged.headers.get("accept-ranges"), "none");
  const other = await the.get("main.zip", { headers: { "if-none-match": etag } });
  await body(other);
  // The file that export-subst fills in names the references at the commit.
  await git(["-C", the.work, "push", "-q", the.server.url(NAME), "HEAD:refs/heads/second"]);
  const named = await the.get("main.tar.gz", { headers: { "if-none-match": etag } });
  assert.notEqual(named.headers.get("etag"), etag);
  const text = gunzipSync(await body(named)).toString();
  assert.match(text, /HEAD -> main, second/);
});

Deno.test("addresses of archives that lead nowhere say so, whatever they hold", async () => {
  await using the = await fixture();
  const blob = await gitText(["-C", the.work, "rev-parse", "main:v"]);
  const files = [
    "main",
    "main.rar",
    ".zip",
    "none.zip",
    "main~1.zip",
    "main%00.zip",
    "..%2f..%2fetc%2fpasswd.tar",
    `${"a".repeat(40)}.tar`,
    `${blob}.tar`,
    `${"x".repeat(3000)}.tar`,
    "%0d%0aset-cookie:x.tar",
    "main:none.tar",
  ];
  for (const file of files) {
    const response = await the.get(file);
    await response.body?.cancel();
    assert.equal(response.status, 404, file);
    assert.equal(response.headers.get("set-cookie"), null);
  }
  const odd = 'odd";filename="evil';
  await git(["-C", the.work, "push", "-q", the.server.url(NAME), `HEAD:refs/heads/${odd}`]);
  const quoted = await the.get(`${encodeURIComponent(odd)}.tar`);
  await body(quoted);
  assert.equal(
    quoted.headers.get("content-disposition"),
    'attachment; filename="project-odd-filename-evil.tar"',
  );
  const docs = await the.get("main:docs.tar");
  await body(docs);
  assert.equal(docs.headers.get("etag"), null);
  const posted = await the.get("main.tar", { method: "POST" });
  await posted.body?.cancel();
  assert.equal(posted.status, 405);
  const missing = await fetch(`${the.server.origin}/acme/none/archive/main.tar`);
  await missing.body?.cancel();
  assert.equal(missing.status, 404);
});
