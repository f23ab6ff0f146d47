/** Shallow clones, deepening in every way, pushes from shallow clones. */

import assert from "node:assert/strict";
import type { CaseContext } from "./case_context.ts";
import { conformance, type ConformanceCases } from "./conformance.ts";

async function count(context: CaseContext, path: string, revision: string): Promise<number> {
  return Number(await context.text(["-C", path, "rev-list", "--count", revision]));
}

/** What git itself makes of the same clone from the source. */
async function expected(
  context: CaseContext,
  source: string,
  ...flags: string[]
): Promise<string[]> {
  const path = context.temp.join("expected");
  const url = `file://${source}`;
  await context.git(["clone", "-q", "--bare", "--no-tags", ...flags, url, path]);
  return (await context.lines(["-C", path, "rev-list", "--all"])).sort();
}

async function commits(context: CaseContext, path: string): Promise<string[]> {
  return (await context.lines(["-C", path, "rev-list", "--all"])).sort();
}

const SINCE = "--shallow-since=1600008000";

const perVersion = (version: number): ConformanceCases => ({
  [`--depth=1 brings one commit, version ${version}`]: async (context) => {
    const copy = await context.clone(
      await context.history(),
      "--depth=1",
      "-c",
      `protocol.version=${version}`,
    );
    assert.equal(await count(context, copy, "HEAD"), 1);
  },
  [`a depth cuts where git cuts, version ${version}`]: async (context) => {
    const repository = await context.history();
    const flags = ["--depth=7", "-c", `protocol.version=${version}`];
    const copy = await context.clone(repository, "--bare", "--no-tags", ...flags);
    assert.deepEqual(
      await commits(context, copy),
      await expected(context, repository.source, "--depth=7"),
    );
  },
  [`--shallow-since cuts where git cuts, version ${version}`]: async (context) => {
    const repository = await context.history();
    const flags = [SINCE, "-c", `protocol.version=${version}`];
    const copy = await context.clone(repository, "--bare", "--no-tags", ...flags);
    assert.deepEqual(
      await commits(context, copy),
      await expected(context, repository.source, SINCE),
    );
  },
  [`--shallow-exclude cuts where git cuts, version ${version}`]: async (context) => {
    const repository = await context.history();
    const flags = ["--shallow-exclude=light", "-c", `protocol.version=${version}`];
    const copy = await context.clone(repository, "--bare", "--no-tags", ...flags);
    assert.deepEqual(
      await commits(context, copy),
      await expected(context, repository.source, "--shallow-exclude=light"),
    );
  },
  [`--deepen goes on from the own boundary, version ${version}`]: async (context) => {
    const repository = await context.seeded();
    for (const at of [4, 5, 6]) await context.commit(repository.work, `file${at}`);
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    const flags = ["--depth=1", "-c", `protocol.version=${version}`];
    const copy = await context.clone(repository, ...flags);
    await context.git(["-C", copy, "fetch", "-q", "--deepen=2"]);
    assert.equal(await count(context, copy, "HEAD"), 3);
    await context.git(["-C", copy, "fetch", "-q", "--deepen=1"]);
    assert.equal(await count(context, copy, "HEAD"), 4);
  },
  [`--unshallow brings the rest, version ${version}`]: async (context) => {
    const repository = await context.history();
    const flags = ["--depth=2", "-c", `protocol.version=${version}`];
    const copy = await context.clone(repository, ...flags);
    await context.git(["-C", copy, "fetch", "-q", "--unshallow"]);
    assert.equal(
      await count(context, copy, "HEAD"),
      await count(context, repository.source, "main"),
    );
    assert.equal(
      await context.text(["-C", copy, "rev-parse", "--is-shallow-repository"]),
      "false",
    );
  },
});

conformance("shallow", {
  ...perVersion(0),
  ...perVersion(1),
  ...perVersion(2),
  "a depth beyond the history is no boundary": async (context) => {
    const copy = await context.clone(await context.seeded(), "--depth=100");
    assert.equal(
      await context.text(["-C", copy, "rev-parse", "--is-shallow-repository"]),
      "false",
    );
  },
  "a shallower fetch moves the boundary up": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "--depth=3");
    await context.git(["-C", copy, "fetch", "-q", "--depth=1"]);
    assert.equal(await count(context, copy, "HEAD"), 1);
  },
  "a fetch without a depth keeps the boundary": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "--depth=1");
    await context.commit(repository.work, "next.txt");
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    await context.git(["-C", copy, "fetch", "-q"]);
    assert.equal(await count(context, copy, "origin/main"), 2);
  },
  "a time that excludes everything is refused": async (context) => {
    const { url } = await context.seeded();
    await context.refused(
      ["clone", "-q", "--shallow-since=2999-01-01", url, context.temp.join("none")],
      /no commits|remote error|error in object|expected|hung up|processing shallow info/i,
    );
  },
  "an unknown name can not be excluded": async (context) => {
    const { url } = await context.seeded();
    await context.refused(
      ["clone", "-q", "--shallow-exclude=none-such", url, context.temp.join("none")],
      /none-such|leave out|expected|hung up/i,
    );
  },
  "deepening by time and by name": async (context) => {
    const repository = await context.history();
    const copy = await context.clone(repository, "--depth=1");
    await context.git(["-C", copy, "fetch", "-q", SINCE, "origin"]);
    await context.git(["-C", copy, "fetch", "-q", "--shallow-exclude=light", "origin"]);
    assert.ok(await count(context, copy, "origin/main") > 1);
  },
  "a shallow clone of all branches": async (context) => {
    const repository = await context.history();
    const copy = await context.clone(repository, "--depth=1", "--no-single-branch");
    assert.equal((await context.lines(["-C", copy, "branch", "-r"])).length, 7);
  },
  "a new commit is pushed from a shallow clone": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "--depth=1");
    const tip = await context.commit(copy, "from-shallow.txt");
    await context.git(["-C", copy, "push", "-q", "origin", "main"]);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
    await context.clone(repository);
  },
  "a shallow history is not taken by a repository that lacks the rest": async (context) => {
    const copy = await context.clone(await context.seeded(), "--depth=1");
    const target = await context.empty();
    await context.refused(
      ["-C", copy, "push", target.url, "main"],
      /shallow update not allowed|missing necessary objects|rejected/,
    );
    assert.equal(await context.text(["ls-remote", target.url]), "");
  },
  "a shallow fetch by id": async (context) => {
    const repository = await context.seeded();
    const oid = await context.text(["-C", repository.work, "rev-parse", "HEAD~1"]);
    const copy = await context.workTree(repository);
    await context.git(["-C", copy, "fetch", "-q", "--depth=1", "origin", oid]);
    assert.equal(await count(context, copy, "FETCH_HEAD"), 1);
  },
  "a shallow clone with a filter": async (context) => {
    const copy = await context.clone(
      await context.history(),
      "--depth=3",
      "--filter=blob:none",
      "--no-checkout",
    );
    assert.ok(![...(await context.held(copy)).values()].includes("blob"));
  },
});
