/** Checks of objects on push, by git's message ids, and packs that are not what they should be. */

import assert from "node:assert/strict";
import type { CaseContext } from "./case_context.ts";
import { conformance, type ConformanceCases } from "./conformance.ts";

const PERSON = "A U Thor <author@example.com> 1700000000 +0000";

async function write(
  context: CaseContext,
  work: string,
  type: string,
  content: string | Uint8Array,
): Promise<string> {
  return await context.text(
    ["-C", work, "hash-object", "-t", type, "-w", "--literally", "--stdin"],
    { stdin: content },
  );
}

/** A repository with some commits, and a work tree in which odd objects are made. */
async function forge(context: CaseContext) {
  const { name, url } = await context.seeded();
  const repository = { name, url };
  const work = await context.workTree(repository, { unsound: true });
  await context.git(["-C", work, "pull", "-q", "origin", "main"]);
  return { repository, work };
}

/** Pushes one object to a new branch; what git printed. */
async function pushObject(context: CaseContext, work: string, oid: string): Promise<string> {
  const { stdout, stderr } = await context.git(
    ["-C", work, "push", "origin", `${oid}:refs/heads/odd`],
    { anyExit: true },
  );
  return `${stdout}${stderr}`;
}

/** What git's own check says of the commits that are taken. */
const PARDONED: readonly string[] = [
  "-c",
  "fsck.badTimezone=ignore",
  "-c",
  "fsck.missingSpaceBeforeDate=ignore",
];

type Texts = Readonly<Record<string, (tree: string) => string>>;

const commit = (author: string, committer = PERSON, tree = "") =>
  `tree ${tree}\nauthor ${author}\ncommitter ${committer}\n\nodd\n`;

/** Commits that are refused, by the message id. */
const REFUSED_COMMITS: Texts = {
  missingEmail: (tree) => commit("A U Thor 1700000000 +0000", PERSON, tree),
  badEmail: (tree) => commit("A U Thor <author@example.com 1700000000 +0000", PERSON, tree),
  badDate: (tree) => commit("A U Thor <author@example.com> seventeen +0000", PERSON, tree),
  zeroPaddedDate: (tree) => commit("A U Thor <a@example.com> 0170 +0000", PERSON, tree),
  badDateOverflow: (tree) =>
    commit("A U Thor <a@example.com> 99999999999999999999 +0000", PERSON, tree),
  missingAuthor: (tree) => `tree ${tree}\ncommitter ${PERSON}\n\nodd\n`,
  multipleAuthors: (tree) =>
    `tree ${tree}\nauthor ${PERSON}\nauthor ${PERSON}\ncommitter ${PERSON}\n\nodd\n`,
  missingCommitter: (tree) => `tree ${tree}\nauthor ${PERSON}\n\nodd\n`,
  nulInHeader: (tree) => commit("A U\0Thor <author@example.com> 1700000000 +0000", PERSON, tree),
};

/** Commits that real histories have, and that are taken. */
const TAKEN_COMMITS: Texts = {
  badTimezone: (tree) => commit("A U Thor <a@example.com> 1700000000 +051800", PERSON, tree),
  missingSpaceBeforeDate: (tree) =>
    commit("A U Thor <a@example.com>1700000000 +0000", PERSON, tree),
  "an encoding": (tree) =>
    `tree ${tree}\nauthor ${PERSON}\ncommitter ${PERSON}\nencoding ISO-8859-1\n\nodd\n`,
  "an empty message": (tree) => `tree ${tree}\nauthor ${PERSON}\ncommitter ${PERSON}\n\n`,
  "a signature": (tree) =>
    `tree ${tree}\nauthor ${PERSON}\ncommitter ${PERSON}\n` +
    "gpgsig -----BEGIN PGP SIGNATURE-----\n \n not really\n -----END PGP SIGNATURE-----\n\nodd\n",
};

/** Trees that are refused: id, then modes and names of entries. */
const REFUSED_TREES: readonly (readonly [string, ...(readonly [string, string])[]])[] = [
  ["treeNotSorted", ["100644", "b"], ["100644", "a"]],
  ["duplicateEntries", ["100644", "a"], ["100644", "a"]],
  ["fullPathname", ["100644", "a/b"]],
  ["hasDot", ["100644", "."]],
  ["hasDotdot", ["100644", ".."]],
  ["hasDotgit", ["100644", ".git"]],
  ["gitmodulesSymlink", ["120000", ".gitmodules"]],
];

function treeOf(entries: readonly (readonly [string, string])[], blob: string): Uint8Array {
  const oid = Uint8Array.fromHex(blob);
  return new Uint8Array(
    entries.flatMap(([mode, name]) => [...new TextEncoder().encode(`${mode} ${name}\0`), ...oid]),
  );
}

function refusedCommit([id, text]: [string, (tree: string) => string]): ConformanceCases {
  return {
    [`a commit with ${id} is refused`]: async (context) => {
      const { work, repository } = await forge(context);
      const tree = await context.text(["-C", work, "rev-parse", "HEAD^{tree}"]);
      const oid = await write(context, work, "commit", text(tree));
      assert.match(await pushObject(context, work, oid), new RegExp(id));
      assert.equal(await context.remoteOid(repository, "refs/heads/odd"), undefined);
      await context.clone(repository);
    },
  };
}

function takenCommit([what, text]: [string, (tree: string) => string]): ConformanceCases {
  return {
    [`a commit with ${what} is taken`]: async (context) => {
      const { work, repository } = await forge(context);
      const tree = await context.text(["-C", work, "rev-parse", "HEAD^{tree}"]);
      const oid = await write(context, work, "commit", text(tree));
      await pushObject(context, work, oid);
      assert.equal(await context.remoteOid(repository, "refs/heads/odd"), oid);
      const copy = await context.clone(repository, "--branch=odd", ...PARDONED);
      assert.equal(await context.text(["-C", copy, "rev-parse", "HEAD"]), oid);
    },
  };
}

function refusedTree([id, ...entries]: (typeof REFUSED_TREES)[number]): ConformanceCases {
  return {
    [`a tree with ${id} is refused`]: async (context) => {
      const { work, repository } = await forge(context);
      const blob = await write(context, work, "blob", "odd\n");
      const tree = await write(context, work, "tree", treeOf(entries, blob));
      const oid = await write(context, work, "commit", commit(PERSON, PERSON, tree));
      assert.match(await pushObject(context, work, oid), new RegExp(id));
      assert.equal(await context.remoteOid(repository, "refs/heads/odd"), undefined);
      await context.clone(repository);
    },
  };
}

conformance("checks of objects", {
  ...Object.assign({}, ...Object.entries(REFUSED_COMMITS).map(refusedCommit)) as ConformanceCases,
  ...Object.assign({}, ...Object.entries(TAKEN_COMMITS).map(takenCommit)) as ConformanceCases,
  ...Object.assign({}, ...REFUSED_TREES.map(refusedTree)) as ConformanceCases,
  "a tag without a tagger's mail is refused": async (context) => {
    const { work, repository } = await forge(context);
    const target = await context.text(["-C", work, "rev-parse", "HEAD"]);
    const text = `object ${target}\ntype commit\ntag v1\ntagger Nobody 1700000000 +0000\n\nodd\n`;
    const oid = await write(context, work, "tag", text);
    const flags = ["-C", work, "push", "origin", `${oid}:refs/tags/v1`];
    await context.refused(flags, /missingEmail|badEmail/);
    assert.equal(await context.remoteOid(repository, "refs/tags/v1"), undefined);
    await context.clone(repository);
  },
  "a .gitmodules with a dangerous URL is refused": async (context) => {
    const { work, repository } = await forge(context);
    const text = '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=evil\n';
    await context.commit(work, ".gitmodules", text);
    await context.refused(["-C", work, "push", "origin", "HEAD:main"], /gitmodulesUrl/);
    await context.clone(repository);
  },
  "an ordinary .gitmodules is taken": async (context) => {
    const repository = await context.seeded();
    const text = '[submodule "x"]\n\tpath = x\n\turl = https://example.com/x.git\n';
    const tip = await context.commit(repository.work, ".gitmodules", text);
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
});
