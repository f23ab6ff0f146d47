/** What people see whose push is above a quota, by the real client. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { git } from "../harness/git.ts";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { temporaryDirectory } from "../harness/temp.ts";

const KIB = 1024;

/** A repository whose commits each bring a file that does not compress. */
async function source(directory: string) {
  await git(["init", "-q", "-b", "main", directory]);
  let count = 0;
  return {
    commit: async (bytes: number) => {
      const content = randomBytes(bytes);
      await Deno.writeFile(`${directory}/file-${count++}`, content);
      await git(["-C", directory, "add", "."]);
      await git(["-C", directory, "commit", "-q", "-m", `file ${count}`]);
    },
    push: (...args: string[]) => git(["-C", directory, "push", ...args], { anyExit: true }),
  };
}

Deno.test("a push above a quota is refused in words, and what fits still goes", async () => {
  const flags = [
    "--quota-repository",
    "200KiB",
    "--quota-references",
    "3",
    "--quota-push",
    "150KiB",
  ];
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start({ flags });
  const url = server.url("acme/tools");
  const { commit, push } = await source(temp.join("source"));
  await commit(100 * KIB / 2);
  await commit(100 * KIB / 2);
  assert.equal((await push(url, "main")).code, 0);
  await commit(60 * KIB);
  await commit(60 * KIB);
  const full = await push(url, "main");
  assert.notEqual(full.code, 0);
  assert.match(
    full.stderr,
    /repository would be too large: it may store 200 KiB, of which [\d.]+ KiB are left/,
  );
  const some = await push(url, "main~1:refs/heads/main");
  assert.equal(some.code, 0, some.stderr);
  const names = ["one", "two", "three"].map((name) => `main~1:refs/heads/${name}`);
  const many = await push(url, ...names);
  assert.notEqual(many.code, 0);
  assert.match(many.stderr, /too many references: the push would make them 4, 3 are allowed/);
  assert.equal((await push(url, ...names.slice(0, 2))).code, 0);
  assert.equal((await push(url, ":refs/heads/one")).code, 0, "room can always be made");
  const large = await git(["init", "-q", "-b", "main", temp.join("large")]);
  assert.equal(large.code, 0);
  const other = await source(temp.join("large"));
  await other.commit(160 * KIB);
  const refused = await other.push(server.url("acme/large"), "main");
  assert.match(refused.stderr, /Reject a pack above the size limit/);
});

Deno.test("a repository that is full says so before it reads another pack", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  const url = server.url("acme/tools");
  const { commit, push } = await source(temp.join("source"));
  await commit(20 * KIB);
  assert.equal((await push(url, "main")).code, 0);
  const changed = await fetch(`${server.origin}/api/v1/repos/acme/tools`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ settings: { repositoryBytesMax: 1000 } }),
  });
  assert.equal(changed.status, 200, await changed.text());
  await commit(20 * KIB);
  const full = await push(url, "main");
  assert.match(full.stderr, /repository is full: it stores [\d.]+ KiB and may store 1000 bytes/);
});
