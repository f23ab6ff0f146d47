/** Settings of a repository: what its owner denies, over every transport and object format. */

import assert from "node:assert/strict";
import type { CaseContext } from "./case_context.ts";
import { conformance } from "./conformance.ts";

/** A push; everything that git printed. */
async function push(context: CaseContext, work: string, ...args: string[]): Promise<string> {
  const flags = ["-C", work, "push", "--porcelain", "origin", ...args];
  const { stdout, stderr } = await context.git(flags, { anyExit: true });
  return `${stdout}${stderr}`;
}

/** A repository with a second branch, a tag, and some settings. */
async function ruled(context: CaseContext, settings: Readonly<Record<string, unknown>>) {
  const repository = await context.seeded();
  await push(context, repository.work, "main:side", "main:refs/tags/t");
  await context.change(repository, { settings });
  return repository;
}

conformance("settings", {
  "denyNonFastForwards lets branches move on": async (context) => {
    const repository = await ruled(context, { denyNonFastForwards: true });
    const tip = await context.commit(repository.work, "next.txt");
    assert.match(await push(context, repository.work, "main", "main:new"), /^ \t/m);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
  "denyNonFastForwards keeps branches from moving back, and tags not": async (context) => {
    const repository = await ruled(context, { denyNonFastForwards: true });
    const tip = await context.remoteOid(repository, "refs/heads/main");
    const said = await push(context, repository.work, "+HEAD~1:main", "+HEAD~1:refs/tags/t");
    assert.match(said, /^!\t.*refs\/heads\/main\t\[remote rejected\] \(non-fast-forward\)/m);
    assert.match(said, /^\+\t.*refs\/tags\/t/m);
    assert.match(said, /remote: error: denying non-fast-forward refs\/heads\/main/);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
  "denyNonFastForwards fails an atomic push as a whole": async (context) => {
    const repository = await ruled(context, { denyNonFastForwards: true });
    const said = await push(context, repository.work, "--atomic", "+HEAD~1:main", "main:new");
    assert.match(said, /^!\t.*refs\/heads\/new\t.*atomic/m);
    assert.equal(await context.remoteOid(repository, "refs/heads/new"), undefined);
  },
  "denyDeletes keeps branches, and tags not": async (context) => {
    const repository = await ruled(context, { denyDeletes: true });
    const said = await push(context, repository.work, ":side", ":refs/tags/t");
    assert.match(said, /^!\t.*refs\/heads\/side\t\[remote rejected\] \(deletion prohibited\)/m);
    assert.match(said, /remote: error: denying ref deletion for refs\/heads\/side/);
    assert.ok(await context.remoteOid(repository, "refs/heads/side"));
    assert.equal(await context.remoteOid(repository, "refs/tags/t"), undefined);
  },
  "a rule that is taken back holds nobody": async (context) => {
    const repository = await ruled(context, { denyDeletes: true, denyNonFastForwards: true });
    await context.change(repository, {
      settings: { denyDeletes: null, denyNonFastForwards: null },
    });
    const said = await push(context, repository.work, ":side", "+HEAD~1:main");
    assert.match(said, /^-\t/m);
    assert.match(said, /^\+\t/m);
  },
  "denyDeleteCurrent keeps the current branch": async (context) => {
    const repository = await ruled(context, { denyDeleteCurrent: true });
    const said = await push(context, repository.work, ":main", ":side");
    assert.match(said, /^!\t.*main\t.*\(deletion of the current branch prohibited\)/m);
    assert.match(said, /remote: error: refusing to delete the current branch: refs\/heads\/main/);
    assert.match(said, /^-\t.*side/m);
  },
  "denyDeleteCurrent follows HEAD": async (context) => {
    const repository = await ruled(context, { denyDeleteCurrent: true });
    await context.change(repository, { defaultBranch: "side" });
    const said = await push(context, repository.work, ":main", ":side");
    assert.match(said, /^-\t.*main/m);
    assert.match(said, /^!\t.*side\t.*current branch/m);
  },
  "denyDeleteCurrent set to warn lets the current branch go and says so": async (context) => {
    const repository = await ruled(context, { denyDeleteCurrent: "warn" });
    const said = await push(context, repository.work, ":main");
    assert.match(said, /^-\t.*main/m);
    assert.match(said, /remote: warning: deleting the current branch/);
    assert.doesNotMatch(await context.text(["ls-remote", repository.url]), /HEAD/);
  },
  "denyDeleteCurrent set to false says nothing": async (context) => {
    const repository = await ruled(context, { denyDeleteCurrent: false });
    const said = await push(context, repository.work, ":main");
    assert.match(said, /^-\t.*main/m);
    assert.doesNotMatch(said, /warning/);
  },
  "a deletion of another branch warns of nothing": async (context) => {
    const repository = await ruled(context, { denyDeleteCurrent: "warn" });
    const said = await push(context, repository.work, ":side");
    assert.match(said, /^-\t.*side/m);
    assert.doesNotMatch(said, /warning/);
  },
  "the settings of one repository are not those of another": async (context) => {
    await ruled(context, { denyDeletes: true });
    const other = await ruled(context, {});
    assert.match(await push(context, other.work, ":side"), /^-\t/m);
  },
});

/** Bytes that no compression makes smaller. */
function noise(bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) {
    crypto.getRandomValues(all.subarray(at, Math.min(bytes, at + 65_536)));
  }
  return all;
}

conformance("sizes of pushes", {
  "a push within the limit is taken": async (context) => {
    const repository = await ruled(context, { pushBytesMax: 400_000 });
    const tip = await context.commit(repository.work, "large", noise(300_000));
    await push(context, repository.work, "main");
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
  },
  "a push above the limit is refused, and leaves nothing": async (context) => {
    const repository = await ruled(context, { pushBytesMax: 400_000 });
    const before = await context.remoteOid(repository, "refs/heads/main");
    const tip = await context.commit(repository.work, "large", noise(500_000));
    assert.match(await push(context, repository.work, "main"), /^!\t|error: remote unpack failed/m);
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), before);
    const other = await context.workTree(repository);
    await context.refused(["-C", other, "fetch", "origin", tip], /not our ref/);
  },
});

conformance("sizes of objects", {
  "an object of just the limit is taken": async (context) => {
    const repository = await ruled(context, { objectBytesMax: 50_000 });
    const tip = await context.commit(repository.work, "fits", new Uint8Array(50_000));
    await push(context, repository.work, "main");
    assert.equal(await context.remoteOid(repository, "refs/heads/main"), tip);
    await context.clone(repository);
  },
  "an object above the limit is refused in words": async (context) => {
    const repository = await ruled(context, { objectBytesMax: 50_000 });
    await context.commit(repository.work, "large", new Uint8Array(50_001));
    const said = await push(context, repository.work, "main:large");
    assert.match(said, /object above the size limit.*50000/);
    assert.equal(await context.remoteOid(repository, "refs/heads/large"), undefined);
  },
  "an object that grows above the limit by a delta is refused": async (context) => {
    const repository = await ruled(context, {});
    const base = noise(40_000);
    await context.commit(repository.work, "grows", base);
    await push(context, repository.work, "main");
    await context.change(repository, { settings: { objectBytesMax: 50_000 } });
    await context.commit(repository.work, "grows", new Uint8Array([...base, ...base]));
    const said = await push(context, repository.work, "--thin", "main");
    assert.match(said, /object above the size limit/);
  },
}, { ownOnly: true });

/** A commit of the current tree with a given author line, on the branch `odd`. */
async function oddCommit(context: CaseContext, work: string, author: string): Promise<string> {
  const tree = await context.text(["-C", work, "rev-parse", "HEAD^{tree}"]);
  const person = "A U Thor <author@example.com> 1700000000 +0000";
  const stdin = `tree ${tree}\nauthor ${author}\ncommitter ${person}\n\nodd\n`;
  const flags = ["-t", "commit", "-w", "--literally", "--stdin"];
  return await context.text(["-C", work, "hash-object", ...flags], { stdin });
}

/** The work tree is not checked at the end: it holds what git's own check complains of. */
async function forge(context: CaseContext, settings: Readonly<Record<string, unknown>>) {
  const { name, url } = await context.seeded();
  const repository = { name, url };
  const work = await context.workTree(repository, { unsound: true });
  await context.git(["-C", work, "pull", "-q", "origin", "main"]);
  await context.change(repository, { settings });
  return { repository, work };
}

const NO_MAIL = "A U Thor 1700000000 +0000";
const ODD_ZONE = "A U Thor <a@example.com> 1700000000 +051800";

conformance("object checks by id", {
  "a check that is ignored lets the object in": async (context) => {
    const { repository, work } = await forge(context, { fsck: { missingEmail: "ignore" } });
    const oid = await oddCommit(context, work, NO_MAIL);
    await push(context, work, `${oid}:refs/heads/odd`);
    assert.equal(await context.remoteOid(repository, "refs/heads/odd"), oid);
    await context.clone(repository, "--branch=odd", "-c", "fsck.missingEmail=ignore");
  },
  "a check that only warns lets the object in": async (context) => {
    const { repository, work } = await forge(context, { fsck: { missingEmail: "warn" } });
    const oid = await oddCommit(context, work, NO_MAIL);
    await push(context, work, `${oid}:refs/heads/odd`);
    assert.equal(await context.remoteOid(repository, "refs/heads/odd"), oid);
  },
  "another check still holds": async (context) => {
    const { repository, work } = await forge(context, { fsck: { badDate: "ignore" } });
    const oid = await oddCommit(context, work, NO_MAIL);
    assert.match(await push(context, work, `${oid}:refs/heads/odd`), /missingEmail/);
    assert.equal(await context.remoteOid(repository, "refs/heads/odd"), undefined);
  },
  "a check that is off by default can be an error": async (context) => {
    const { repository, work } = await forge(context, { fsck: { badTimezone: "error" } });
    const oid = await oddCommit(context, work, ODD_ZONE);
    assert.match(await push(context, work, `${oid}:refs/heads/odd`), /badTimezone/);
    assert.equal(await context.remoteOid(repository, "refs/heads/odd"), undefined);
  },
});
