/** Pushes: every kind, reports, options, atomicity. */

import assert from "node:assert/strict";
import type { CaseContext } from "./case_context.ts";
import { conformance } from "./conformance.ts";

async function push(context: CaseContext, work: string, ...args: string[]): Promise<string> {
  const flags = ["-C", work, "push", "--porcelain", "origin", ...args];
  const { stdout, stderr } = await context.git(flags, { anyExit: true });
  return `${stdout}${stderr}`;
}

conformance("push", {
  "a first push to a free name makes the repository": async (context) => {
    if (context.objectFormat === "sha256") return;
    const name = context.freeName();
    const repository = { name, url: context.url(name) };
    const work = await context.workTree(repository);
    const tip = await context.commit(work, "a.txt");
    await context.git(["-C", work, "push", "-q", "origin", "main"]);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
    await context.clone(repository);
  },
  "a mirror with branches and tags": async (context) => {
    const { source } = await context.history();
    const repository = await context.empty();
    await context.git(["-C", source, "push", "-q", "--mirror", repository.url]);
    const copy = await context.clone(repository, "--mirror");
    assert.equal(
      await context.text(["-C", copy, "for-each-ref"]),
      await context.text(["-C", source, "for-each-ref"]),
    );
  },
  "a fast-forward": async (context) => {
    const repository = await context.seeded();
    const tip = await context.commit(repository.work, "next.txt");
    assert.match(await push(context, repository.work, "main"), /^ \trefs\/heads\/main/m);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
  "nothing to do": async (context) => {
    const repository = await context.seeded();
    assert.match(await push(context, repository.work, "main"), /^=\t/m);
  },
  "a rewind needs force": async (context) => {
    const repository = await context.seeded();
    await context.git(["-C", repository.work, "reset", "-q", "--hard", "HEAD~1"]);
    assert.match(await push(context, repository.work, "main"), /non-fast-forward/);
    assert.match(await push(context, repository.work, "--force", "main"), /^\+\t/m);
  },
  "--force-with-lease holds against a stale view": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository);
    await context.commit(repository.work, "theirs.txt");
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    await context.commit(copy, "ours.txt");
    assert.match(await push(context, copy, "--force-with-lease", "main"), /stale info/);
  },
  "a branch is made, moved and deleted": async (context) => {
    const repository = await context.seeded();
    assert.match(await push(context, repository.work, "main:feature"), /^\*\t/m);
    await context.commit(repository.work, "next.txt");
    assert.match(await push(context, repository.work, "main:feature"), /^ \t/m);
    assert.match(await push(context, repository.work, ":feature"), /^-\t/m);
    assert.equal(await context.remoteOid(repository, "refs/heads/feature"), undefined);
  },
  "deleting what is not there fails": async (context) => {
    const repository = await context.seeded();
    assert.match(
      await push(context, repository.work, ":none-such"),
      /does not exist|unable to delete/,
    );
  },
  "the current branch is not deleted": async (context) => {
    const repository = await context.seeded();
    assert.match(
      await push(context, repository.work, ":main"),
      /deletion of the current branch prohibited|\[deleted\]/,
    );
  },
  "tags of all kinds": async (context) => {
    const repository = await context.seeded();
    const { work } = repository;
    await context.git(["-C", work, "tag", "light"]);
    await context.git(["-C", work, "tag", "-a", "-m", "one", "annotated"]);
    await context.git(["-C", work, "tag", "-a", "-m", "two", "nested", "annotated"]);
    await context.git(["-C", work, "tag", "tree", "HEAD^{tree}"]);
    await context.git(["-C", work, "tag", "blob", "HEAD:file1.txt"]);
    await context.git(["-C", work, "push", "-q", "origin", "--tags"]);
    const copy = await context.clone(repository, "--mirror");
    assert.equal((await context.lines(["-C", copy, "tag"])).length, 5);
    assert.equal(await context.text(["-C", copy, "cat-file", "-t", "blob"]), "blob");
  },
  "--follow-tags": async (context) => {
    const repository = await context.seeded();
    await context.commit(repository.work, "next.txt");
    await context.git(["-C", repository.work, "tag", "-a", "-m", "v1", "v1"]);
    await push(context, repository.work, "--follow-tags", "main");
    assert.ok(await context.remoteOid(repository, "refs/tags/v1"));
  },
  "a tag is not replaced without force": async (context) => {
    const repository = await context.seeded();
    await context.git(["-C", repository.work, "tag", "v1"]);
    await push(context, repository.work, "v1");
    await context.git(["-C", repository.work, "tag", "-f", "v1", "HEAD~1"]);
    assert.match(await push(context, repository.work, "v1"), /already exists/);
    assert.match(await push(context, repository.work, "--force", "v1"), /^\+\t/m);
  },
  "a branch must be a commit": async (context) => {
    const repository = await context.seeded();
    const blob = await context.text(["-C", repository.work, "rev-parse", "HEAD:file1.txt"]);
    const said = await push(context, repository.work, `${blob}:refs/heads/blob`);
    assert.match(said, /!\t|error/);
    assert.equal(await context.remoteOid(repository, "refs/heads/blob"), undefined);
  },
  "other namespaces are free": async (context) => {
    const repository = await context.seeded();
    const blob = await context.text(["-C", repository.work, "rev-parse", "HEAD:file1.txt"]);
    await push(context, repository.work, `${blob}:refs/notes/odd/blob`, "main:refs/changes/01/1/1");
    assert.equal(await context.remoteOid(repository, "refs/notes/odd/blob"), blob);
  },
  "notes travel": async (context) => {
    const repository = await context.seeded();
    await context.git(["-C", repository.work, "notes", "add", "-m", "noted"]);
    await push(context, repository.work, "refs/notes/commits");
    const copy = await context.clone(repository);
    await context.git(["-C", copy, "fetch", "-q", "origin", "refs/notes/*:refs/notes/*"]);
    assert.equal(await context.text(["-C", copy, "notes", "show"]), "noted");
  },
  "a directory can not stand where a branch is": async (context) => {
    const repository = await context.seeded();
    await push(context, repository.work, "main:feature");
    const said = await push(context, repository.work, "main:feature/one");
    assert.match(said, /!\t.*(failed to update ref|refname conflict|exists|directory)/);
    assert.equal(await context.remoteOid(repository, "refs/heads/feature/one"), undefined);
  },
  "a branch can not stand where a directory is": async (context) => {
    const repository = await context.seeded();
    await push(context, repository.work, "main:feature/one");
    const said = await push(context, repository.work, "main:feature");
    assert.match(said, /!\t.*(failed to update ref|refname conflict|exists|directory)/);
  },
  "a deleted branch makes room for a directory": async (context) => {
    const repository = await context.seeded();
    await push(context, repository.work, "main:feature");
    await push(context, repository.work, ":feature");
    assert.match(await push(context, repository.work, "main:feature/one"), /^\*\t/m);
  },
  "a name that is none is refused": async (context) => {
    const repository = await context.seeded();
    const said = await push(context, repository.work, "main:refs/heads/a..b");
    assert.match(said, /invalid refspec|!\t/);
  },
  "--atomic makes all": async (context) => {
    const repository = await context.seeded();
    await push(context, repository.work, "--atomic", "main:one", "main:two");
    assert.ok(await context.remoteOid(repository, "refs/heads/one"));
    assert.ok(await context.remoteOid(repository, "refs/heads/two"));
  },
  "--atomic makes none when the server refuses one": async (context) => {
    const repository = await context.seeded();
    await push(context, repository.work, "main:dir");
    const said = await push(context, repository.work, "--atomic", "main:one", "main:dir/sub");
    assert.match(said, /!\t/);
    assert.equal(await context.remoteOid(repository, "refs/heads/one"), undefined);
  },
  "without --atomic the good commands count": async (context) => {
    const repository = await context.seeded();
    await push(context, repository.work, "main:dir");
    const said = await push(context, repository.work, "main:one", "main:dir/sub");
    assert.match(said, /^\*\t.*one/m);
    assert.match(said, /^!\t.*dir\/sub/m);
  },
  "push options are taken": async (context) => {
    const repository = await context.seeded();
    await context.commit(repository.work, "next.txt");
    const flags = [
      "-C",
      repository.work,
      "push",
      "-o",
      "ci.skip",
      "-o",
      "reason=ünï",
      "origin",
      "main",
    ];
    const packets = await context.packets(flags);
    assert.match(packets, /> ci\.skip/);
  },
  "a push option with a line feed is the client's fault": async (context) => {
    const repository = await context.seeded();
    await context.commit(repository.work, "next.txt");
    const flags = ["-C", repository.work, "push", "-o", "one\ntwo", "origin", "main"];
    await context.refused(flags, /push options must not have new line/);
  },
  "report-status-v2 is spoken": async (context) => {
    const repository = await context.seeded();
    await context.commit(repository.work, "next.txt");
    const packets = await context.packets(["-C", repository.work, "push", "origin", "main"]);
    assert.match(packets, /> .*report-status-v2/);
    assert.match(packets, /< unpack ok|< .*unpack ok/);
  },
  "a push without objects moves a branch": async (context) => {
    const repository = await context.seeded();
    await push(context, repository.work, "HEAD~1:refs/heads/older");
    assert.equal(
      await context.remoteOid(repository, "refs/heads/older"),
      await context.text(["-C", repository.work, "rev-parse", "HEAD~1"]),
    );
  },
  "a thin push builds on what the server has": async (context) => {
    const repository = await context.seeded();
    const text = Array.from({ length: 500 }, (_, at) => `line ${at} of a long file\n`).join("");
    await context.commit(repository.work, "long.txt", text);
    await push(context, repository.work, "main");
    const tip = await context.commit(repository.work, "long.txt", `${text}more\n`);
    await push(context, repository.work, "--thin", "main");
    const copy = await context.clone(repository);
    assert.equal(await context.text(["-C", copy, "rev-parse", "HEAD"]), tip);
  },
  "a push without thin deltas works as well": async (context) => {
    const repository = await context.seeded();
    await context.commit(repository.work, "file1.txt", "changed\n");
    await push(context, repository.work, "--no-thin", "main");
    await context.clone(repository);
  },
  "a quiet push is quiet": async (context) => {
    const repository = await context.seeded();
    await context.commit(repository.work, "next.txt");
    const { stderr } = await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    assert.equal(stderr, "");
  },
  "a dry run changes nothing": async (context) => {
    const repository = await context.seeded();
    await push(context, repository.work, "--dry-run", "main:dry");
    assert.equal(await context.remoteOid(repository, "refs/heads/dry"), undefined);
  },
  "--prune removes what is gone": async (context) => {
    const repository = await context.seeded();
    await push(context, repository.work, "main:gone");
    await push(context, repository.work, "--prune", "refs/heads/*:refs/heads/*");
    assert.equal(await context.remoteOid(repository, "refs/heads/gone"), undefined);
  },
  "two hundred references in one push": async (context) => {
    const repository = await context.seeded();
    const names = Array.from({ length: 200 }, (_, at) => `main:refs/heads/many/b${at}`);
    await context.git(["-C", repository.work, "push", "-q", "origin", ...names]);
    const listed = await context.lines(["ls-remote", repository.url, "refs/heads/many/*"]);
    assert.equal(listed.length, 200);
  },
  "commits with odd headers keep their ids": async (context) => {
    const repository = await context.seeded();
    const { work } = repository;
    const tree = await context.text(["-C", work, "rev-parse", "HEAD^{tree}"]);
    const person = "A U Thor <author@example.com> 1700000000 +0000";
    const text = `tree ${tree}\nauthor ${person}\ncommitter ${person}\nencoding ISO-8859-1\n` +
      `x-custom one\n two\n\nno line feed at the end`;
    const oid = await context.text(
      ["-C", work, "hash-object", "-t", "commit", "-w", "--stdin"],
      { stdin: text },
    );
    await push(context, work, `${oid}:refs/heads/odd`);
    const copy = await context.clone(repository, "--branch=odd");
    assert.equal(await context.text(["-C", copy, "rev-parse", "HEAD"]), oid);
  },
});
