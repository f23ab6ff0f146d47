/** Clones of every kind. */

import assert from "node:assert/strict";
import { assertSameRepository } from "../harness/compare.ts";
import { conformance, type ConformanceCases } from "./conformance.ts";

const perVersion = (version: number): ConformanceCases => ({
  [`a mirror is identical, version ${version}`]: async (context) => {
    const repository = await context.history();
    const copy = await context.clone(
      repository,
      "--mirror",
      "-c",
      `protocol.version=${version}`,
    );
    await assertSameRepository(copy, repository.source);
  },
  [`a clone checks out the default branch, version ${version}`]: async (context) => {
    const repository = await context.history();
    const copy = await context.clone(repository, "-c", `protocol.version=${version}`);
    assert.equal(await context.text(["-C", copy, "symbolic-ref", "HEAD"]), "refs/heads/main");
    assert.equal(await context.text(["-C", copy, "status", "--porcelain"]), "");
  },
});

conformance("clone", {
  ...perVersion(0),
  ...perVersion(1),
  ...perVersion(2),
  "a single branch brings what it reaches and no more": async (context) => {
    const repository = await context.history();
    const copy = await context.clone(
      repository,
      "--bare",
      "--single-branch",
      "--no-tags",
      "--branch=topic/1",
    );
    const wanted = await context.lines(
      ["-C", repository.source, "rev-list", "--objects", "--no-object-names", "topic/1"],
    );
    const held = [...await context.held(copy)].filter(([, type]) => type !== "tag");
    assert.deepEqual(held.map(([oid]) => oid).sort(), wanted.sort());
  },
  "a tag can be cloned": async (context) => {
    const repository = await context.history();
    const copy = await context.clone(repository, "--branch=nested", "--single-branch");
    assert.equal(
      await context.text(["-C", copy, "rev-parse", "HEAD"]),
      await context.text(["-C", repository.source, "rev-parse", "nested^{commit}"]),
    );
  },
  "a branch that does not exist can not be cloned": async (context) => {
    const { url } = await context.history();
    await context.refused(
      ["clone", "-q", "--branch=none-such", url, context.temp.join("copy")],
      /Remote branch none-such not found/,
    );
  },
  "a clone from an empty repository warns and works": async (context) => {
    const { url } = await context.empty();
    const { stderr } = await context.git(["clone", url, context.temp.join("copy")]);
    assert.match(stderr, /appear to have cloned an empty repository/);
  },
  "a clone without hard checks and one with them agree": async (context) => {
    const repository = await context.history();
    const copy = await context.clone(repository, "--bare", "-c", "fetch.fsckObjects=true");
    assert.ok((await context.held(copy)).size > 100);
  },
  "progress is told": async (context) => {
    const { url } = await context.history();
    const { stderr } = await context.git(
      ["clone", "--progress", "--bare", url, context.temp.join("copy.git")],
    );
    assert.match(stderr, /remote: .*objects/);
  },
  "a quiet clone is quiet": async (context) => {
    const { url } = await context.history();
    const { stderr } = await context.git(
      ["clone", "-q", "--bare", url, context.temp.join("copy.git")],
    );
    assert.equal(stderr, "");
  },
  "a clone with references borrows and stays sound": async (context) => {
    const repository = await context.history();
    await context.clone(repository, "--reference", repository.source);
  },
  "a remote HEAD can be asked for": async (context) => {
    const copy = await context.clone(await context.history());
    await context.git(["-C", copy, "remote", "set-head", "origin", "--auto"]);
    assert.equal(
      await context.text(["-C", copy, "symbolic-ref", "refs/remotes/origin/HEAD"]),
      "refs/remotes/origin/main",
    );
  },
  "a clone of pushed odd names and modes is identical": async (context) => {
    const repository = await context.empty();
    const work = await context.workTree(repository);
    await context.commit(work, "dir with blanks/ünïcode-名前.txt");
    await context.commit(work, "-dash");
    await Deno.symlink("-dash", `${work}/link`);
    await context.git(["-C", work, "add", "link"]);
    await context.git(["-C", work, "update-index", "--chmod=+x", "--", "-dash"]);
    await context.git(["-C", work, "commit", "-q", "-m", "odd"]);
    await context.git(["-C", work, "push", "-q", "origin", "HEAD:main"]);
    const copy = await context.clone(repository);
    assert.equal(
      await context.text(["-C", copy, "rev-parse", "HEAD^{tree}"]),
      await context.text(["-C", work, "rev-parse", "HEAD^{tree}"]),
    );
  },
  "submodule entries are carried and not followed": async (context) => {
    const repository = await context.empty();
    const work = await context.workTree(repository);
    await context.commit(work, "a.txt");
    const entry = `160000,${context.unknownOid},sub`;
    await context.git(["-C", work, "update-index", "--add", "--cacheinfo", entry]);
    await context.git(["-C", work, "commit", "-q", "-m", "sub"]);
    await context.git(["-C", work, "push", "-q", "origin", "main"]);
    const copy = await context.clone(repository);
    assert.match(await context.text(["-C", copy, "ls-tree", "HEAD"]), /^160000 commit 1212/m);
  },
});
