import assert from "node:assert/strict";
import { assertSameRepository, assertSound } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { cloneWorkTree, commitFile, pushedHistory } from "./harness/pushed.ts";

for (const version of [0, 1, 2]) {
  const protocol = ["-c", `protocol.version=${version}`];

  Deno.test(`fetch brings new commits only, protocol version ${version}`, async () => {
    await using pushed = await pushedHistory({ seed: 21, commits: 80 });
    const reader = pushed.temp.join("reader.git");
    await git([...protocol, "clone", "-q", "--mirror", pushed.url, reader]);
    const writer = await cloneWorkTree(pushed.url, pushed.temp.join("writer"));
    const commit = await commitFile(writer, { path: "dir0/new.txt", content: "new\n" });
    await git(["-C", writer, "push", "-q", "origin", "main"]);
    const before = await objectCount(reader);
    const { stderr } = await git([...protocol, "-C", reader, "fetch", "--progress", "origin"]);
    assert.equal(await gitText(["-C", reader, "rev-parse", "main"]), commit);
    // One commit, one blob, the root tree and one subtree at the most.
    const received = await objectCount(reader) - before;
    assert.ok(received >= 3 && received <= 4, `${received} objects arrived`);
    assert.match(stderr, /remote: .*(objects|Total)/);
    await assertSound(reader);
  });

  Deno.test(`a fetch between unrelated work of both sides, protocol version ${version}`, async () => {
    await using pushed = await pushedHistory({ seed: 22, commits: 60 });
    const one = await cloneWorkTree(pushed.url, pushed.temp.join("one"));
    const two = await cloneWorkTree(pushed.url, pushed.temp.join("two"));
    // More local commits than one round of haves carries, so that the negotiation takes several.
    for (let number = 0; number < 40; number++) {
      await commitFile(one, { path: `one${number}.txt`, content: `${number}\n` });
    }
    await commitFile(two, { path: "two.txt", content: "two\n" });
    await git(["-C", two, "push", "-q", "origin", "main"]);
    await git([...protocol, "-C", one, "fetch", "-q", "origin"]);
    assert.equal(
      await gitText(["-C", one, "rev-parse", "origin/main"]),
      await gitText(["-C", two, "rev-parse", "HEAD"]),
    );
    await assertSound(one);
  });
}

async function objectCount(repository: string): Promise<number> {
  const all = await gitText([
    "-C",
    repository,
    "cat-file",
    "--batch-all-objects",
    "--batch-check=%(objectname)",
  ]);
  return all.split("\n").length;
}

Deno.test("fetch of a tag that points into fetched history follows by itself", async () => {
  await using pushed = await pushedHistory({ seed: 23, commits: 30 });
  const reader = await cloneWorkTree(pushed.url, pushed.temp.join("reader"));
  const writer = await cloneWorkTree(pushed.url, pushed.temp.join("writer"));
  await commitFile(writer, { path: "tagged.txt", content: "tagged\n" });
  await git(["-C", writer, "tag", "-a", "-m", "release", "v1"]);
  await git(["-C", writer, "push", "-q", "origin", "main", "v1"]);
  await git(["-C", reader, "fetch", "-q", "origin"]);
  assert.equal(await gitText(["-C", reader, "cat-file", "-t", "v1"]), "tag");
  await assertSound(reader);
});

Deno.test("fetch --prune sees deleted branches", async () => {
  await using pushed = await pushedHistory({ seed: 24, commits: 20 });
  const reader = await cloneWorkTree(pushed.url, pushed.temp.join("reader"));
  await git(["-C", pushed.source, "push", "-q", pushed.url, ":refs/heads/topic/2"]);
  await git(["-C", reader, "fetch", "-q", "--prune", "origin"]);
  const branches = await gitText(["-C", reader, "branch", "-r"]);
  assert.doesNotMatch(branches, /topic\/2/);
});

Deno.test("a mirror that is many pushes behind catches up to the same objects", async () => {
  await using pushed = await pushedHistory({ seed: 25, commits: 60 });
  const mirror = pushed.temp.join("mirror.git");
  await git(["clone", "-q", "--mirror", pushed.url, mirror]);
  const writer = await cloneWorkTree(pushed.url, pushed.temp.join("writer"));
  for (let number = 0; number < 10; number++) {
    await git(["-C", writer, "checkout", "-q", "-B", `feature-${number % 3}`]);
    await commitFile(writer, { path: `work/${number % 4}.txt`, content: `${number}\n`.repeat(50) });
    await git(["-C", writer, "push", "-q", "--force", "origin", `feature-${number % 3}`]);
  }
  await git(["-C", mirror, "fetch", "-q", "--prune", "origin"]);
  const fresh = pushed.temp.join("fresh.git");
  await git(["clone", "-q", "--mirror", pushed.url, fresh]);
  await assertSameRepository(mirror, fresh);
});

Deno.test("shallow clones, deepening and unshallowing hold what git's own server sends", async () => {
  await using pushed = await pushedHistory({ seed: 26, commits: 90 });
  const copy = pushed.temp.join("copy");
  await git(["clone", "-q", "--depth=3", pushed.url, copy]);
  assert.equal(await gitText(["-C", copy, "rev-list", "--count", "--first-parent", "HEAD"]), "3");
  await assertSound(copy);
  await git(["-C", copy, "fetch", "-q", "--deepen=4"]);
  assert.equal(await gitText(["-C", copy, "rev-list", "--count", "--first-parent", "HEAD"]), "7");
  await assertSound(copy);
  await git(["-C", copy, "fetch", "-q", "--unshallow"]);
  await assertSound(copy);
  assert.equal(
    await gitText(["-C", copy, "rev-list", "--count", "HEAD"]),
    await gitText(["-C", pushed.source, "rev-list", "--count", "main"]),
  );
});

Deno.test("a blob-less clone fetches blobs when they are needed", async () => {
  await using pushed = await pushedHistory({ seed: 27, commits: 60 });
  const copy = pushed.temp.join("copy");
  await git(["clone", "-q", "--filter=blob:none", "--no-checkout", pushed.url, copy]);
  const types = await gitText([
    "-C",
    copy,
    "cat-file",
    "--batch-all-objects",
    "--batch-check=%(objecttype)",
  ]);
  assert.ok(!types.split("\n").includes("blob"));
  await git(["-C", copy, "checkout", "-q", "main"]);
  const wanted = await gitText(["-C", pushed.source, "rev-parse", "main^{tree}"]);
  assert.equal(await gitText(["-C", copy, "write-tree"]), wanted);
});
