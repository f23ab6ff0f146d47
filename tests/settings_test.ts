/**
 * Settings of repositories, with the real git client. What git's own configuration can say too is
 * done to git's own server as well, and the outcomes must be the same.
 *
 * @module
 */

import assert from "node:assert/strict";
import { concatBytes } from "@gitstratum/core";
import { assertSound } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { GitHttpBackendServer } from "./harness/git_http_backend.ts";
import type { GitServer } from "./harness/git_server.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { cloneWorkTree, commitFile } from "./harness/pushed.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const NAME = "acme/widget";

/** A change as the API takes it, and the same as git's configuration, a list for each name. */
interface Change {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly defaultBranch?: string;
  readonly config: Readonly<Record<string, readonly string[]>>;
}

/** A server that holds one repository, whose rules can be changed. */
interface Subject {
  readonly server: GitServer;
  change(change: Change): Promise<void>;
}

async function patch(
  server: GitServer,
  body: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${server.origin}/api/v1/repos/${NAME}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

function gitStratumSubject(server: GitStratumServer): Subject {
  return {
    server,
    async change({ config: _, ...body }) {
      const answer = await patch(server, body);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    },
  };
}

function gitSubject(server: GitHttpBackendServer): Subject {
  const path = server.path(NAME);
  return {
    server,
    async change({ config, defaultBranch }) {
      if (defaultBranch !== undefined) {
        await git(["-C", path, "symbolic-ref", "HEAD", `refs/heads/${defaultBranch}`]);
      }
      for (const [name, values] of Object.entries(config)) {
        await git(["-C", path, "config", "--unset-all", name], { anyExit: true });
        for (const value of values) await git(["-C", path, "config", "--add", name, value]);
      }
    },
  };
}

/** What git push says of each reference: flag, names and the server's reason; and its error lines. */
async function push(work: string, url: string, args: readonly string[]): Promise<string[]> {
  const { stdout, stderr } = await git(["-C", work, "push", "--porcelain", url, ...args], {
    anyExit: true,
  });
  const notes = stderr.split("\n").filter((line) =>
    /^remote: (error: (deny|refus)|warning: )/.test(line)
  );
  const lines = stdout.split("\n").filter((line) => /^[ +*=!-]\t/.test(line)).map((line) =>
    // Abbreviated ids are as long as the client finds fit.
    line.replace(/\t[0-9a-f]+\.{2,3}[0-9a-f]+/, "\tmoved")
  );
  return [...lines, ...notes.map((line) => line.trimEnd())].sort();
}

/** Runs a story against both servers; what it tells must be the same. */
async function sameAsGit(
  story: (subject: Subject, work: string) => Promise<readonly unknown[]>,
): Promise<readonly unknown[]> {
  await using temp = await temporaryDirectory();
  await using ours = await GitStratumServer.start();
  await using theirs = await GitHttpBackendServer.start();
  const told: (readonly unknown[])[] = [];
  for (const [label, subject] of [["ours", ours], ["git", theirs]] as const) {
    await subject.createRepository(NAME);
    const work = await initRepository(temp.join(label));
    const made = subject instanceof GitStratumServer
      ? gitStratumSubject(subject)
      : gitSubject(subject);
    await made.change({ config: { "receive.denyDeleteCurrent": ["refuse"] } });
    told.push(await story(made, work));
  }
  assert.deepEqual(told[0], told[1]);
  return told[0]!;
}

/** Two commits on main and one beside them on side, all pushed. */
async function threeCommits(work: string, url: string): Promise<void> {
  await commitFile(work, { path: "one", content: "1\n" });
  await commitFile(work, { path: "two", content: "2\n" });
  await git(["-C", work, "branch", "back", "HEAD~1"]);
  await git(["-C", work, "checkout", "-q", "-b", "side", "back"]);
  await commitFile(work, { path: "side", content: "s\n" });
  await git(["-C", work, "push", "-q", url, "main", "side", "back:refs/tags/t"]);
}

Deno.test("denyNonFastForwards holds branches, as git does", async () => {
  const told = await sameAsGit(async ({ server, change }, work) => {
    const url = server.url(NAME);
    await threeCommits(work, url);
    await change({
      settings: { denyNonFastForwards: true },
      config: { "receive.denyNonFastForwards": ["true"] },
    });
    await git(["-C", work, "checkout", "-q", "main"]);
    await commitFile(work, { path: "three", content: "3\n" });
    const lines = [
      await push(work, url, ["+back:main"]),
      await push(work, url, ["+side:main", "+side:refs/tags/t", "side:new"]),
      await push(work, url, ["main"]),
      await push(work, url, ["--atomic", "+back:main", "main:other"]),
      await push(work, url, [":side"]),
    ];
    await change({
      settings: { denyNonFastForwards: null },
      config: { "receive.denyNonFastForwards": [] },
    });
    return [...lines, await push(work, url, ["+back:main"])];
  });
  assert.match(String(told[0]), /^!.*\(non-fast-forward\),remote: error: denying non-fast-forward/);
  assert.match(String(told.at(-1)), /^\+.*forced update/);
});

Deno.test("denyDeletes and denyDeleteCurrent keep branches, as git does", async () => {
  const told = await sameAsGit(async ({ server, change }, work) => {
    const url = server.url(NAME);
    await threeCommits(work, url);
    const lines: unknown[] = [await push(work, url, [":main"])];
    await change({ settings: { denyDeletes: true }, config: { "receive.denyDeletes": ["true"] } });
    lines.push(
      await push(work, url, [":main", ":side", ":refs/tags/t"]),
      await push(work, url, ["--atomic", ":side", "main:fresh"]),
    );
    await change({
      settings: { denyDeletes: false, denyDeleteCurrent: false },
      config: { "receive.denyDeletes": ["false"], "receive.denyDeleteCurrent": ["ignore"] },
    });
    lines.push(await push(work, url, [":main", ":side"]));
    await change({
      settings: { denyDeleteCurrent: "warn" },
      config: { "receive.denyDeleteCurrent": ["warn"] },
    });
    lines.push(await push(work, url, ["main"]), await push(work, url, [":main", "side"]));
    return lines;
  });
  assert.match(String(told[0]), /deletion of the current branch prohibited/);
  assert.match(String(told[1]), /deletion prohibited/);
  assert.match(String(told[3]), /\[deleted\].*\[deleted\]/);
  assert.doesNotMatch(String(told[3]), /warning/);
  assert.match(String(told.at(-1)), /\[deleted\].*warning: deleting the current branch/);
});

const HIDE: Change = {
  settings: { hiddenReferences: ["refs/secret", "!refs/secret/shown", "refs/heads/side/"] },
  config: {
    "transfer.hideRefs": ["refs/secret", "!refs/secret/shown", "refs/heads/side/"],
    "uploadpack.allowReachableSHA1InWant": ["false"],
  },
};

Deno.test("hidden references are neither shown nor pushed to, as in git", async () => {
  await sameAsGit(async ({ server, change }, work) => {
    const url = server.url(NAME);
    await threeCommits(work, url);
    await git(["-C", work, "push", "-q", url, "side:refs/secret/x", "side:refs/secret/shown/y"]);
    await change(HIDE);
    const told: unknown[] = [];
    for (const version of [0, 1, 2]) {
      const protocol = ["-c", `protocol.version=${version}`];
      told.push((await gitText([...protocol, "ls-remote", "--symref", url])).split("\n"));
      told.push((await git([...protocol, "ls-remote", url, "refs/secret/*"])).stdout);
      for (const name of ["refs/secret/x", "side", "refs/secret/shown/y"]) {
        const fetched = ["-C", work, ...protocol, "fetch", "-q", url, name];
        told.push((await git(fetched, { anyExit: true })).code);
      }
    }
    told.push(
      await push(work, url, ["main:refs/secret/x", "main:refs/secret/new", "main:fine"]),
      await push(work, url, [":refs/secret/x", ":side", "side:side"]),
      await push(work, url, ["+main:refs/secret/shown/y"]),
    );
    const copy = await cloneWorkTree(url, `${work}.copy`);
    await assertSound(copy);
    return [...told, await gitText(["-C", copy, "for-each-ref", "--format=%(refname)"])];
  });
});

Deno.test("an atomic push to a hidden reference leaves nothing", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  await server.createRepository(NAME);
  const url = server.url(NAME);
  const work = await initRepository(temp.join("work"));
  await threeCommits(work, url);
  await gitStratumSubject(server).change(HIDE);
  const lines = await push(work, url, ["--atomic", "main:refs/secret/new", "main:fine"]);
  assert.match(lines.join("\n"), /deny updating a hidden ref/);
  assert.match(lines.join("\n"), /atomic push failure/);
  assert.equal(await gitText(["ls-remote", url, "refs/heads/fine"]), "");
});

Deno.test("hidden objects are refused by id until a visible reference reaches them", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  await server.createRepository(NAME);
  const url = server.url(NAME);
  const work = await initRepository(temp.join("work"));
  await threeCommits(work, url);
  const secret = await commitFile(work, { path: "secret", content: "s\n" });
  await git(["-C", work, "push", "-q", url, `${secret}:refs/secret/x`]);
  const { change } = gitStratumSubject(server);
  await change(HIDE);

  let round = 0;
  const fetched = async (version: number) => {
    const copy = await initRepository(temp.join(`copy${round++}`));
    const args = ["-C", copy, "-c", `protocol.version=${version}`, "fetch", url, secret];
    const { code, stderr } = await git(args, { anyExit: true });
    return code === 0 ? "served" : stderr.includes(`not our ref ${secret}`) ? "refused" : stderr;
  };
  for (const version of [0, 2]) assert.equal(await fetched(version), "refused");
  await change({ settings: { allowHiddenWants: true }, config: {} });
  for (const version of [0, 2]) assert.equal(await fetched(version), "served");
  await change({ settings: { allowHiddenWants: null }, config: {} });
  assert.equal(await fetched(2), "refused");
  // The client has it, so only a reference is made; what the server hides still counts for pushes.
  await git(["-C", work, "push", "-q", url, `${secret}:refs/heads/public`]);
  for (const version of [0, 2]) assert.equal(await fetched(version), "served");
});

Deno.test("HEAD moves with the default branch, as git's symbolic-ref does", async () => {
  await sameAsGit(async ({ server, change }, work) => {
    const url = server.url(NAME);
    await threeCommits(work, url);
    const told: unknown[] = [];
    for (const defaultBranch of ["side", "unborn"]) {
      await change({ defaultBranch, config: {} });
      const copy = `${work}.${defaultBranch}`;
      await git(["clone", "-q", url, copy]);
      told.push(await gitText(["ls-remote", "--symref", url, "HEAD"]));
      told.push(await gitText(["-C", copy, "symbolic-ref", "HEAD"]));
    }
    await change({ defaultBranch: "side", config: {} });
    return [...told, await push(work, url, [":main", ":side"])];
  });
});

/** Makes a commit whose author has no address, and the branch `odd` for it. */
async function oddCommit(work: string, line: string): Promise<void> {
  const tree = await gitText(["-C", work, "rev-parse", "HEAD^{tree}"]);
  const { stdout } = await git(
    ["-C", work, "hash-object", "-t", "commit", "-w", "--literally", "--stdin"],
    {
      stdin: `tree ${tree}\nauthor ${line}\ncommitter A <a@example.com> 1700000000 +0000\n\nodd\n`,
    },
  );
  await git(["-C", work, "update-ref", "refs/heads/odd", stdout.trim()]);
}

Deno.test("object checks are changed by message id, as git's are", async () => {
  await sameAsGit(async ({ server, change }, work) => {
    const url = server.url(NAME);
    await threeCommits(work, url);
    await oddCommit(work, "A <a@example.com> 1700000000 +0000 0");
    // Both servers get commits of their own, so their ids differ.
    const accepted = async () =>
      (await push(work, url, ["+odd"])).map((line) =>
        line.startsWith("remote:") ? line.replace(/[0-9a-f]{40}/, "<id>") : line[0]
      );
    const told: unknown[] = [await accepted()];
    for (const [id, severity] of [["badTimezone", "error"], ["badTimezone", "ignore"]] as const) {
      await change({
        settings: { fsck: { [id]: severity } },
        config: { [`receive.fsck.${id}`]: [severity] },
      });
      told.push(await accepted());
    }
    await oddCommit(work, "A a@example.com 1700000000 +0000");
    told.push(await accepted());
    await change({
      settings: { fsck: { MissingEmail: "warn" } },
      config: { "receive.fsck.missingEmail": ["warn"] },
    });
    return [...told, await accepted()];
  });
});

Deno.test("pushes above the size limit are refused with a reason", async () => {
  const told = await sameAsGit(async ({ server, change }, work) => {
    const url = server.url(NAME);
    await threeCommits(work, url);
    await change({
      settings: { pushBytesMax: 600_000 },
      config: { "receive.maxInputSize": ["600000"] },
    });
    const noise = crypto.getRandomValues.bind(crypto);
    const flags = async () => (await push(work, url, ["side"])).map((line) => line[0]);
    await commitFile(work, { path: "small", content: noise(new Uint8Array(60_000)) });
    const small = await flags();
    await commitFile(work, {
      path: "large",
      content: joined(12, () => noise(new Uint8Array(60_000))),
    });
    return [small, await flags()];
  });
  assert.deepEqual(told, [[" "], ["!"]]);
});

function joined(count: number, make: () => Uint8Array): Uint8Array {
  return concatBytes(Array.from({ length: count }, make));
}

Deno.test("objects above the size limit are refused with a reason, in small and large packs", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  await server.createRepository(NAME);
  const url = server.url(NAME);
  const work = await initRepository(temp.join("work"));
  await threeCommits(work, url);
  await gitStratumSubject(server).change({ settings: { objectBytesMax: 50_000 }, config: {} });
  const contents = [
    new Uint8Array(50_001),
    joined(50, () => crypto.getRandomValues(new Uint8Array(65_536))),
  ];
  for (const [index, content] of contents.entries()) {
    await git(["-C", work, "checkout", "-q", "-B", `try${index}`, "main"]);
    await commitFile(work, { path: "large", content });
    const { code, stderr } = await git(["-C", work, "push", url, `try${index}`], { anyExit: true });
    assert.notEqual(code, 0);
    assert.match(stderr, /object above the size limit.*50000/);
  }
  await git(["-C", work, "checkout", "-q", "main"]);
  await commitFile(work, { path: "fits", content: new Uint8Array(50_000) });
  await git(["-C", work, "push", "-q", url, "main"]);
});

Deno.test("the API shows settings, merges changes and refuses what makes no sense", async () => {
  await using server = await GitStratumServer.start();
  await server.createRepository(NAME);
  const shown = async () =>
    (await (await fetch(`${server.origin}/api/v1/repos/${NAME}`)).json()) as {
      readonly defaultBranch: string;
      readonly settings: Readonly<Record<string, unknown>>;
    };
  const defaults = (await shown()).settings;
  assert.equal(defaults.denyDeleteCurrent, true);
  await patch(server, { settings: { denyDeletes: true, pushBytesMax: 1000 } });
  const changed = await patch(server, { defaultBranch: "trunk", settings: { pushBytesMax: null } });
  assert.equal(changed.status, 200);
  assert.deepEqual(changed.body, await shown());
  assert.equal((await shown()).defaultBranch, "trunk");
  assert.deepEqual((await shown()).settings, { ...defaults, denyDeletes: true });

  const senseless = [
    { settings: { denyDeletes: "yes" } },
    { settings: { hiddenReferences: ["pull"] } },
    { settings: { hiddenReferences: "refs/pull" } },
    { settings: { fsck: { noSuchCheck: "warn" } } },
    { settings: { fsck: { nulInHeader: "ignore" } } },
    { settings: { pushBytesMax: 0 } },
    { settings: { unknown: 1 } },
    { defaultBranch: "a..b" },
    { head: "refs/heads/main" },
    [],
  ];
  for (const body of senseless) {
    assert.equal((await patch(server, body)).status, 400, JSON.stringify(body));
  }
  assert.equal((await shown()).defaultBranch, "trunk");
  const absent = await fetch(`${server.origin}/api/v1/repos/acme/none`, {
    method: "PATCH",
    body: "{}",
  });
  assert.equal(absent.status, 404);
  await absent.body?.cancel();
});

Deno.test("settings and HEAD outlive the server, and a read-only one changes nothing", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  {
    await using server = await GitStratumServer.start({ dataDirectory });
    await server.createRepository(NAME);
    await patch(server, { defaultBranch: "trunk", settings: { denyDeletes: true } });
    await server.signal("SIGKILL");
  }
  await using server = await GitStratumServer.start({ dataDirectory, flags: ["--read-only"] });
  const response = await fetch(`${server.origin}/api/v1/repos/${NAME}`);
  const repository = await response.json();
  assert.equal(repository.defaultBranch, "trunk");
  assert.equal(repository.settings.denyDeletes, true);
  assert.equal((await patch(server, { settings: { denyDeletes: false } })).status, 403);
});
