/**
 * Promise P2: of N racing pushes to a reference one wins; an atomic push is one step.
 */

import assert from "node:assert/strict";
import { git, gitText } from "./harness/git.ts";
import { cloneWorkTree, commitFile, pushedHistory } from "./harness/pushed.ts";

Deno.test("of racing pushes to one branch exactly one wins each round", async () => {
  await using pushed = await pushedHistory({ seed: 71, commits: 20 });
  const racers = await Promise.all(
    Array.from(
      { length: 6 },
      (_, index) => cloneWorkTree(pushed.url, pushed.temp.join(`racer${index}`)),
    ),
  );
  for (let round = 0; round < 3; round++) {
    const before = await gitText(["ls-remote", pushed.url, "refs/heads/main"]);
    const commits = await Promise.all(racers.map(async (racer, index) => {
      await git(["-C", racer, "fetch", "-q", "origin"]);
      await git(["-C", racer, "reset", "-q", "--hard", "origin/main"]);
      return await commitFile(racer, { path: `r${round}-${index}`, content: `${index}\n` });
    }));
    const results = await Promise.all(
      racers.map((racer) => git(["-C", racer, "push", "origin", "main"], { anyExit: true })),
    );
    const winners = commits.filter((_, index) => results[index]!.code === 0);
    assert.equal(winners.length, 1, results.map((result) => result.stderr).join("\n"));
    const after = await gitText(["ls-remote", pushed.url, "refs/heads/main"]);
    assert.notEqual(after, before);
    assert.ok(after.startsWith(winners[0]!));
  }
});

Deno.test("racing pushes to many branches all go through", async () => {
  await using pushed = await pushedHistory({ seed: 72, commits: 20 });
  const workers = await Promise.all(
    Array.from(
      { length: 8 },
      (_, index) => cloneWorkTree(pushed.url, pushed.temp.join(`worker${index}`)),
    ),
  );
  const commits = await Promise.all(workers.map(async (worker, index) => {
    const oid = await commitFile(worker, { path: `w${index}`, content: `${index}\n` });
    await git(["-C", worker, "push", "-q", "origin", `HEAD:refs/heads/worker${index}`]);
    return oid;
  }));
  const listing = await gitText(["ls-remote", pushed.url]);
  commits.forEach((oid, index) => {
    assert.ok(listing.includes(`${oid}\trefs/heads/worker${index}`));
  });
});

Deno.test("a reader never sees one half of an atomic push", async () => {
  await using pushed = await pushedHistory({ seed: 73, commits: 30 });
  const work = await cloneWorkTree(pushed.url, pushed.temp.join("work"));
  await git(["-C", work, "push", "-q", "origin", "HEAD:refs/heads/left", "HEAD:refs/heads/right"]);
  let writing = true;
  const writer = (async () => {
    try {
      for (let round = 0; round < 15; round++) {
        await commitFile(work, { path: "pair", content: `${round}\n` });
        await git(["-C", work, "push", "-q", "--atomic", "origin", "HEAD:left", "HEAD:right"]);
      }
    } finally {
      writing = false;
    }
  })();
  let seen = 0;
  while (writing) {
    const listing = await gitText(["ls-remote", pushed.url, "refs/heads/left", "refs/heads/right"]);
    const oids = listing.split("\n").map((line) => line.split("\t")[0]);
    assert.equal(oids[0], oids[1]);
    seen++;
  }
  await writer;
  assert.ok(seen > 0);
});
