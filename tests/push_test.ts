import assert from "node:assert/strict";
import { assertSameRepository, assertSound, references } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { initRepository } from "./harness/history.ts";
import { cloneWorkTree, commitFile, pushedHistory } from "./harness/pushed.ts";
import { startServer } from "./harness/server.ts";
import { temporaryDirectory } from "./harness/temp.ts";

async function remoteReferences(url: string): Promise<Map<string, string>> {
  const listing = await gitText(["ls-remote", url]);
  return new Map(
    listing.split("\n").filter((line) => line !== "").map((line) => {
      const [oid, name] = line.split("\t");
      return [name!, oid!];
    }),
  );
}

Deno.test("the first push to an unknown name creates the repository", async () => {
  await using temp = await temporaryDirectory();
  await using server = await startServer();
  const work = await initRepository(temp.join("work"));
  const commit = await commitFile(work, { path: "README", content: "hello\n" });
  await git(["-C", work, "push", "-q", server.url("new/born"), "main"]);
  assert.equal((await remoteReferences(server.url("new/born"))).get("refs/heads/main"), commit);
  const copy = await cloneWorkTree(server.url("new/born"), temp.join("copy"));
  assert.equal(await Deno.readTextFile(`${copy}/README`), "hello\n");
  await assertSound(copy);
});

Deno.test("fast-forward, non-fast-forward and forced pushes end as git says", async () => {
  await using pushed = await pushedHistory({ seed: 3, commits: 30 });
  const one = await cloneWorkTree(pushed.url, pushed.temp.join("one"));
  const two = await cloneWorkTree(pushed.url, pushed.temp.join("two"));
  const first = await commitFile(one, { path: "one.txt", content: "1\n" });
  await git(["-C", one, "push", "-q", "origin", "main"]);
  const second = await commitFile(two, { path: "two.txt", content: "2\n" });
  const refused = await git(["-C", two, "push", "origin", "main"], { anyExit: true });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /fetch first|non-fast-forward/);
  assert.equal((await remoteReferences(pushed.url)).get("refs/heads/main"), first);
  await git(["-C", two, "push", "-q", "--force", "origin", "main"]);
  assert.equal((await remoteReferences(pushed.url)).get("refs/heads/main"), second);
  await git(["-C", one, "fetch", "-q", "origin"]);
  assert.equal(await gitText(["-C", one, "rev-parse", "origin/main"]), second);
  await assertSound(one);
});

Deno.test("--force-with-lease refuses a lease that is out of date", async () => {
  await using pushed = await pushedHistory({ seed: 4, commits: 20 });
  const one = await cloneWorkTree(pushed.url, pushed.temp.join("one"));
  const two = await cloneWorkTree(pushed.url, pushed.temp.join("two"));
  await commitFile(one, { path: "one.txt", content: "1\n" });
  await git(["-C", one, "push", "-q", "origin", "main"]);
  await commitFile(two, { path: "two.txt", content: "2\n" });
  const refused = await git(["-C", two, "push", "--force-with-lease", "origin", "main"], {
    anyExit: true,
  });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /stale info/);
});

Deno.test("branches and tags are deleted, several in one push", async () => {
  await using pushed = await pushedHistory({ seed: 5, commits: 30 });
  const before = await remoteReferences(pushed.url);
  await git([
    "-C",
    pushed.source,
    "push",
    "-q",
    pushed.url,
    ":refs/heads/topic/1",
    ":refs/tags/nested",
    ":refs/tags/light",
  ]);
  const after = await remoteReferences(pushed.url);
  for (const gone of ["refs/heads/topic/1", "refs/tags/nested", "refs/tags/light"]) {
    assert.ok(before.has(gone));
    assert.ok(!after.has(gone));
  }
  assert.equal(after.get("refs/heads/main"), before.get("refs/heads/main"));
});

Deno.test("an atomic push with one refused reference changes nothing", async () => {
  await using pushed = await pushedHistory({ seed: 6, commits: 20 });
  const one = await cloneWorkTree(pushed.url, pushed.temp.join("one"));
  const two = await cloneWorkTree(pushed.url, pushed.temp.join("two"));
  await commitFile(one, { path: "one.txt", content: "1\n" });
  await git(["-C", one, "push", "-q", "origin", "main"]);
  const before = await remoteReferences(pushed.url);
  await commitFile(two, { path: "two.txt", content: "2\n" });
  await git(["-C", two, "branch", "other"]);
  const refused = await git(["-C", two, "push", "--atomic", "origin", "other", "main"], {
    anyExit: true,
  });
  assert.notEqual(refused.code, 0);
  assert.deepEqual(await remoteReferences(pushed.url), before);
  await git(["-C", two, "fetch", "-q"]);
  await git(["-C", two, "push", "-q", "--atomic", "--force", "origin", "other", "main"]);
  assert.ok((await remoteReferences(pushed.url)).has("refs/heads/other"));
});

Deno.test("a push of a branch below an existing branch's name is refused, the others go through", async () => {
  await using pushed = await pushedHistory({ seed: 7, commits: 10 });
  const result = await git([
    "-C",
    pushed.source,
    "push",
    pushed.url,
    "main:refs/heads/main/below",
    "main:refs/heads/fine",
  ], { anyExit: true });
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, /remote rejected.*main\/below/);
  const after = await remoteReferences(pushed.url);
  assert.ok(after.has("refs/heads/fine"));
  assert.ok(!after.has("refs/heads/main/below"));
});

Deno.test("a push that sends no new objects moves references only", async () => {
  await using pushed = await pushedHistory({ seed: 8, commits: 20 });
  await git([
    "-C",
    pushed.source,
    "push",
    "-q",
    pushed.url,
    "main:refs/heads/again",
    "main~3:refs/heads/back",
  ]);
  const after = await remoteReferences(pushed.url);
  assert.equal(after.get("refs/heads/again"), after.get("refs/heads/main"));
  assert.equal(
    after.get("refs/heads/back"),
    await gitText(["-C", pushed.source, "rev-parse", "main~3"]),
  );
});

Deno.test("many small pushes, thin packs among them, clone back identical", async () => {
  await using pushed = await pushedHistory({ seed: 9, commits: 40 });
  const work = await cloneWorkTree(pushed.url, pushed.temp.join("work"));
  for (let number = 0; number < 12; number++) {
    const path = `grow/file${number % 3}.txt`;
    const old = await Deno.readTextFile(`${work}/${path}`).catch(() => "line\n".repeat(300));
    await commitFile(work, { path, content: `${old}line of push ${number}\n` });
    await git(["-C", work, "push", "-q", "origin", "main"]);
  }
  await git(["-C", pushed.source, "fetch", "-q", pushed.url, "+refs/*:refs/*"]);
  const copy = pushed.temp.join("copy.git");
  await git(["clone", "-q", "--mirror", pushed.url, copy]);
  await assertSameRepository(copy, pushed.source);
  assert.equal(
    await gitText(["-C", copy, "rev-parse", "main"]),
    await gitText(["-C", work, "rev-parse", "main"]),
  );
});

Deno.test("a pack without offset deltas (reference deltas only) is taken", async () => {
  await using pushed = await pushedHistory({ seed: 10, commits: 5 });
  await using temp = await temporaryDirectory();
  const other = temp.join("other.git");
  await git(["clone", "-q", "--mirror", pushed.source, other]);
  await pushed.server.createRepository("acme/refdelta");
  const url = pushed.server.url("acme/refdelta");
  await git([
    "-C",
    other,
    "-c",
    "repack.useDeltaBaseOffset=false",
    "repack",
    "-adfq",
    "--depth=200",
    "--window=50",
  ]);
  await git(["-C", other, "push", "-q", "--mirror", url]);
  const copy = temp.join("copy.git");
  await git(["clone", "-q", "--mirror", url, copy]);
  await assertSameRepository(copy, other);
});

Deno.test("tags of tags, of trees and of blobs, and references to them, come back", async () => {
  await using pushed = await pushedHistory({ seed: 11, commits: 10 });
  const { source, url, temp } = pushed;
  const tree = await gitText(["-C", source, "rev-parse", "main^{tree}"]);
  const blob = await gitText(["-C", source, "hash-object", "-w", "--stdin"], {
    stdin: "only tagged",
  });
  for (
    const [name, target] of [["of-tree", tree], ["of-blob", blob], ["of-tag", "nested"]] as const
  ) {
    await git(["-C", source, "tag", "-a", "-m", `tag ${name}`, name, target]);
  }
  await git(["-C", source, "update-ref", "refs/odd/tree", tree]);
  await git(["-C", source, "update-ref", "refs/odd/blob", blob]);
  await git(["-C", source, "push", "-q", "--mirror", url]);
  const copy = temp.join("copy.git");
  await git(["clone", "-q", "--mirror", url, copy]);
  await assertSameRepository(copy, source);
  assert.equal(await references(copy), await references(source));
});
