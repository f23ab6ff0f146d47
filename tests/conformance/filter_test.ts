/** Partial clones: every filter, lazy fetches. */

import assert from "node:assert/strict";
import type { CaseContext } from "./case_context.ts";
import { conformance, type ConformanceCases } from "./conformance.ts";

/** How many objects of a type a repository holds. */
async function countOf(context: CaseContext, path: string, type: string): Promise<number> {
  return [...(await context.held(path)).values()].filter((each) => each === type).length;
}

/** The objects that git's own server sends for the same filter. */
async function expected(context: CaseContext, source: string, filter: string): Promise<string[]> {
  const path = context.temp.join("expected.git");
  await context.git(["-C", source, "config", "uploadpack.allowFilter", "true"]);
  const url = `file://${source}`;
  await context.git(["clone", "-q", "--bare", `--filter=${filter}`, url, path]);
  return [...(await context.held(path)).keys()].sort();
}

const FILTERS: readonly string[] = [
  "blob:none",
  "blob:limit=0",
  "blob:limit=1k",
  "blob:limit=100m",
  "tree:0",
  "tree:1",
  "tree:3",
  "object:type=commit",
  "object:type=tree",
  "object:type=blob",
  "object:type=tag",
  "combine:blob:none+tree:2",
  "combine:tree:2+blob:limit=500",
];

function sameAsGit(filter: string): ConformanceCases {
  return {
    [`a clone with ${filter} holds what git sends`]: async (context) => {
      const repository = await context.history();
      const copy = await context.clone(repository, "--bare", `--filter=${filter}`);
      assert.deepEqual(
        [...(await context.held(copy)).keys()].sort(),
        await expected(context, repository.source, filter),
      );
    },
  };
}

conformance("filters", {
  ...Object.assign({}, ...FILTERS.map(sameAsGit)) as ConformanceCases,
  "filters work in version 0": async (context) => {
    const copy = await context.clone(
      await context.history(),
      "--bare",
      "--filter=blob:none",
      "-c",
      "protocol.version=0",
    );
    assert.equal(await countOf(context, copy, "blob"), 0);
  },
  "a checkout fetches its blobs in one batch": async (context) => {
    const repository = await context.history();
    const copy = await context.clone(repository, "--filter=blob:none", "--no-checkout");
    const packets = await context.packets(["-C", copy, "checkout", "-q", "main"]);
    const requests = packets.split("\n").filter((line) => /> command=fetch/.test(line));
    assert.equal(requests.length, 1, "one request for all blobs");
    assert.equal(await context.text(["-C", copy, "status", "--porcelain"]), "");
  },
  "one object is fetched when it is looked at": async (context) => {
    const repository = await context.history();
    const copy = await context.clone(repository, "--bare", "--filter=blob:none");
    const [blob] = await context.lines(
      ["-C", repository.source, "rev-parse", "refs/heads/main:special"],
    );
    const oid = (await context.text(["-C", repository.source, "ls-tree", blob!])).split(/\s/)[2]!;
    await context.git(["-C", copy, "cat-file", "-e", oid]);
    assert.equal(
      await context.text(["-C", copy, "cat-file", "-p", oid]),
      await context.text(["-C", repository.source, "cat-file", "-p", oid]),
    );
  },
  "an object that nobody has can not be fetched lazily": async (context) => {
    const copy = await context.clone(await context.history(), "--bare", "--filter=blob:none");
    const before = await context.held(copy);
    await context.refused(
      ["-C", copy, "cat-file", "-p", context.unknownOid],
      /not our ref|unknown/,
    );
    assert.deepEqual(await context.held(copy), before);
  },
  "missing trees are fetched when they are looked at": async (context) => {
    const repository = await context.history();
    const copy = await context.clone(repository, "--bare", "--filter=tree:0");
    assert.equal(
      await context.text(["-C", copy, "ls-tree", "-r", "main"]),
      await context.text(["-C", repository.source, "ls-tree", "-r", "main"]),
    );
  },
  "history can be blamed in a blob-less clone": async (context) => {
    const repository = await context.seeded();
    await context.commit(repository.work, "file1.txt", "changed\n");
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    const copy = await context.clone(repository, "--filter=blob:none");
    const log = await context.text(["-C", copy, "log", "-p", "--format=%s", "--", "file1.txt"]);
    assert.match(log, /\+changed/);
  },
  "a fetch keeps the filter of the clone": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "--bare", "--filter=blob:none");
    await context.commit(repository.work, "later.txt");
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    await context.git(["-C", copy, "fetch", "-q", "origin", "main"]);
    assert.equal(await countOf(context, copy, "blob"), 0);
  },
  "--refetch with another filter brings the rest": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "--bare", "--filter=blob:none");
    await context.git(["-C", copy, "fetch", "-q", "--refetch", "--no-filter", "origin", "main"]);
    assert.equal(await countOf(context, copy, "blob"), 3);
  },
  "a push from a blob-less clone": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "--filter=blob:none");
    const tip = await context.commit(copy, "new.txt");
    await context.git(["-C", copy, "push", "-q", "origin", "main"]);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
  "sparse patterns of a blob choose blobs": async (context) => {
    const repository = await context.seeded();
    await context.commit(repository.work, "in/one.txt");
    await context.commit(repository.work, "out/two.txt");
    await context.commit(repository.work, "patterns", "/in/\n");
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    const oid = await context.text(["-C", repository.work, "rev-parse", "HEAD:patterns"]);
    const copy = await context.clone(repository, "--bare", `--filter=sparse:oid=${oid}`);
    const held = await context.held(copy);
    const idOf = (path: string) =>
      context.text(["-C", repository.work, "rev-parse", `HEAD:${path}`]);
    assert.ok(held.has(await idOf("in/one.txt")));
    assert.ok(!held.has(await idOf("out/two.txt")));
  },
  "an unknown sparse blob is refused": async (context) => {
    const { url } = await context.seeded();
    const filter = `--filter=sparse:oid=${context.unknownOid}`;
    await context.refused(
      ["clone", "-q", "--bare", filter, url, context.temp.join("none")],
      /not our ref|unable to|hung up|expected|no reference reaches/i,
    );
  },
  "sparse:path is not taken": async (context) => {
    const { url } = await context.seeded();
    await context.refused(
      ["clone", "-q", "--bare", "--filter=sparse:path=x", url, context.temp.join("none")],
      /sparse:path/,
    );
  },
  "an unknown filter is refused": async (context) => {
    const repository = await context.seeded();
    const other = await context.workTree(repository);
    await context.refused(
      ["-C", other, "fetch", "-q", "--filter=blob:nothing", "origin"],
      /invalid filter-spec/,
    );
  },
});
