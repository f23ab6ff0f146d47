import assert from "node:assert/strict";
import { assertSameRepository, assertSound } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { generateHistory } from "./harness/history.ts";
import { startServer } from "./harness/server.ts";
import { temporaryDirectory } from "./harness/temp.ts";

for (const version of [0, 1, 2]) {
  Deno.test(`clone of a pushed mirror is identical, protocol version ${version}`, async () => {
    await using temp = await temporaryDirectory();
    await using server = await startServer();
    const source = await generateHistory(temp.join("source.git"), { seed: 1, commits: 150 });
    await server.createRepository("acme/mirror");
    await git(["-C", source, "push", "--quiet", "--mirror", server.url("acme/mirror")]);
    const copy = temp.join("copy.git");
    await git([
      "-c",
      `protocol.version=${version}`,
      "clone",
      "-q",
      "--mirror",
      server.url("acme/mirror"),
      copy,
    ]);
    await assertSameRepository(copy, source);
  });
}

Deno.test("clone of an empty repository tells its default branch", async () => {
  await using temp = await temporaryDirectory();
  await using server = await startServer();
  await server.createRepository("acme/empty", { defaultBranch: "trunk" });
  await git(["clone", "-q", server.url("acme/empty"), temp.join("copy")]);
  assert.equal(
    await gitText(["-C", temp.join("copy"), "symbolic-ref", "HEAD"]),
    "refs/heads/trunk",
  );
});

Deno.test("clone of a single branch without tags brings only what it reaches", async () => {
  await using temp = await temporaryDirectory();
  await using server = await startServer();
  const source = await generateHistory(temp.join("source.git"), { seed: 2, commits: 120 });
  await server.createRepository("acme/single");
  await git(["-C", source, "push", "--quiet", "--mirror", server.url("acme/single")]);
  const copy = temp.join("copy.git");
  await git([
    "clone",
    "-q",
    "--bare",
    "--single-branch",
    "--no-tags",
    "--branch=topic/1",
    server.url("acme/single"),
    copy,
  ]);
  await assertSound(copy);
  const wanted = await gitText(["-C", source, "rev-list", "--objects", "topic/1"]);
  // The client asks for tags of what it gets (include-tag) even when it keeps none of them.
  const stored = await gitText([
    "-C",
    copy,
    "cat-file",
    "--batch-all-objects",
    "--batch-check=%(objectname) %(objecttype)",
  ]);
  assert.deepEqual(
    stored.split("\n").filter((line) => !line.endsWith(" tag")).map((line) => line.split(" ")[0]!),
    wanted.split("\n").map((line) => line.split(" ")[0]!).sort(),
  );
});
