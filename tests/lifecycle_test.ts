/**
 * The life of repositories by real clients: new names, forks, deletion and return.
 */

import assert from "node:assert/strict";
import { systemClock } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { parseRepositoryName, type RepositoryInfo } from "@gitstratum/core/rpc";
import { git, gitText } from "./harness/git.ts";
import { generateHistory } from "./harness/history.ts";
import { InProcessServer } from "./harness/in_process_server.ts";
import { cloneWorkTree, commitFile } from "./harness/pushed.ts";
import {
  ENTRY,
  entry,
  joinBytes,
  NO_OBJECT,
  objectId,
  pack,
  pktLine,
  postPush,
  pushBody,
} from "./harness/raw_pack.ts";
import { gitSshEnvironment, makeSshKey } from "./harness/ssh_client.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./harness/temp.ts";

const PARENT = parseRepositoryName("acme/parent");
const FORK = parseRepositoryName("zoe/fork");

/** A server that holds a repository with a history. */
class Stage implements AsyncDisposable {
  readonly temp: TemporaryDirectory;
  readonly server: InProcessServer;
  readonly source: string;
  readonly parent: RepositoryInfo;

  private constructor(parts: Pick<Stage, "temp" | "server" | "source" | "parent">) {
    this.temp = parts.temp;
    this.server = parts.server;
    this.source = parts.source;
    this.parent = parts.parent;
  }

  static async start(): Promise<Stage> {
    const temp = await temporaryDirectory();
    const server = await InProcessServer.start(systemClock);
    const source = await generateHistory(temp.join("source.git"), { seed: 5, commits: 40 });
    await server.createRepository(PARENT);
    await git(["-C", source, "push", "-q", "--mirror", server.url(PARENT)]);
    const parent = await server.metadata.findRepository(PARENT);
    assert.ok(parent);
    return new Stage({ temp, server, source, parent });
  }

  fork(): Promise<RepositoryInfo> {
    return this.server.metadata.forkRepository(this.parent, { name: FORK });
  }

  async usage(key: RepositoryInfo) {
    return await this.server.metadata.repositoryUsage(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.temp[Symbol.asyncDispose]();
  }
}

async function references(url: string, env: Record<string, string> = {}): Promise<string> {
  return (await git(["ls-remote", url], { env })).stdout;
}

/** Ids of everything that a clone was given. */
async function objectsIn(repository: string): Promise<string> {
  const args = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"];
  return sorted(await gitText(["-C", repository, ...args]));
}

/** Ids of everything that its references reach. */
async function reachedIn(repository: string): Promise<string> {
  const args = ["rev-list", "--objects", "--no-object-names", "--all"];
  return sorted(await gitText(["-C", repository, ...args]));
}

function sorted(lines: string): string {
  return lines.split("\n").sort().join("\n");
}

Deno.test("a renamed repository is cloned, fetched and pushed by its old name over HTTP", async () => {
  await using stage = await Stage.start();
  const { server, temp, parent } = stage;
  const work = await cloneWorkTree(server.url(PARENT), temp.join("work"));
  const name = parseRepositoryName("other/place");
  await server.metadata.renameRepository(parent, { from: PARENT, name });

  const advertisement = `${server.url(PARENT)}/info/refs?service=git-upload-pack`;
  const moved = await fetch(advertisement, { redirect: "manual" });
  assert.equal(moved.status, 301);
  assert.match(await moved.text(), /now called other\/place/);
  const followed = await fetch(advertisement);
  await followed.body?.cancel();
  assert.equal(followed.url, advertisement.replace(PARENT, name));
  const plain = await fetch(`${server.origin}/${PARENT}/info/refs?service=git-receive-pack`);
  await plain.body?.cancel();
  assert.equal(plain.url, `${server.origin}/${name}/info/refs?service=git-receive-pack`);

  const archive = await fetch(`${server.origin}/${PARENT}/archive/refs/heads/main.tar.gz`);
  await archive.body?.cancel();
  assert.equal(archive.status, 200);
  assert.equal(archive.url, `${server.origin}/${name}/archive/refs/heads/main.tar.gz`);
  const head = await fetch(advertisement, { method: "HEAD", redirect: "manual" });
  assert.deepEqual([head.status, await head.text()], [301, ""]);

  const cloned = await git(["clone", server.url(PARENT), temp.join("clone")]);
  assert.match(cloned.stderr, /warning: redirecting to .*other\/place\.git/);
  const oid = await commitFile(work, { path: "new.txt", content: "new\n" });
  await git(["-C", work, "push", "-q", "origin", "HEAD:main"]);
  await git(["-C", temp.join("clone"), "fetch", "-q", "origin"]);
  assert.equal(await gitText(["-C", temp.join("clone"), "rev-parse", "origin/main"]), oid);
  assert.equal(await references(server.url(PARENT)), await references(server.url(name)));
});

Deno.test("a renamed repository is served by its old name over SSH, with a word about it", async () => {
  await using stage = await Stage.start();
  const { server, temp, parent } = stage;
  const env = gitSshEnvironment(await makeSshKey(temp));
  const name = parseRepositoryName("other/place");
  await server.metadata.renameRepository(parent, { from: PARENT, name });
  const cloned = await git(["clone", server.sshUrl(PARENT), temp.join("clone")], { env });
  assert.match(cloned.stderr, /the repository is now called other\/place/);
  const oid = await commitFile(temp.join("clone"), { path: "new.txt", content: "new\n" });
  const pushed = await git(["-C", temp.join("clone"), "push", "origin", "HEAD:main"], { env });
  assert.match(pushed.stderr, /the repository is now called other\/place/);
  assert.match(await references(server.url(name)), new RegExp(`${oid}\trefs/heads/main`));
});

Deno.test("a new repository takes a name that another one left, and is served by it", async () => {
  await using stage = await Stage.start();
  const { server, parent } = stage;
  await server.metadata.renameRepository(parent, {
    from: PARENT,
    name: parseRepositoryName("other/place"),
  });
  await server.createRepository(PARENT);
  assert.equal(await references(server.url(PARENT)), "");
  assert.notEqual(await references(server.url("other/place")), "");
});

Deno.test("a fork costs no bytes, clones like its parent, and outlives it", async () => {
  await using stage = await Stage.start();
  const { server, temp, source, parent } = stage;
  const before = await stage.usage(parent);
  const fork = await stage.fork();
  const usage = await stage.usage(fork);
  assert.equal(usage.networkBytes, before.networkBytes);
  assert.equal(usage.broughtBytes, 0);
  assert.equal(await references(server.url(FORK)), await references(server.url(PARENT)));

  await server.metadata.deleteRepository(parent);
  await server.metadata.purgeRepository(parent);
  await git(["clone", "-q", "--mirror", server.url(FORK), temp.join("mirror")]);
  await git(["-C", temp.join("mirror"), "fsck", "--full", "--strict"]);
  const all = ["rev-list", "--objects", "--all"];
  assert.equal(
    await gitText(["-C", temp.join("mirror"), ...all]),
    await gitText(["-C", source, ...all]),
  );
  assert.equal(
    (await fetch(`${server.url(PARENT)}/info/refs?service=git-upload-pack`)).status,
    404,
  );
});

Deno.test("what is pushed to a fork is not the parent's, and the other way round", async () => {
  await using stage = await Stage.start();
  const { server, temp, parent } = stage;
  const fork = await stage.fork();
  for (const [mine, theirs] of [[FORK, PARENT], [PARENT, FORK]] as const) {
    const work = await cloneWorkTree(server.url(mine), temp.join(`work-${mine.slice(0, 3)}`));
    const file = { path: "mine.txt", content: `of ${mine}\n` };
    const commit = await commitFile(work, file);
    const blob = await gitText(["-C", work, "rev-parse", "HEAD:mine.txt"]);
    await git(["-C", work, "push", "-q", "origin", "HEAD:refs/heads/mine"]);
    // A tag of mine at a commit that both have does not come along with that.
    await git(["-C", work, "tag", "-a", "-m", "mine", "mine", "origin/main"]);
    await git(["-C", work, "push", "-q", "origin", "refs/tags/mine"]);
    const others = theirs === FORK ? fork : parent;
    const url = server.url(theirs);
    assert.doesNotMatch(await references(url), /heads\/mine/);

    for (const oid of [commit, blob]) {
      await git(["init", "-q", temp.join(oid)]);
      const fetched = await git(["-C", temp.join(oid), "fetch", url, oid], { anyExit: true });
      assert.notEqual(fetched.code, 0);
      assert.match(fetched.stderr, /not our ref/);
    }
    const mirror = temp.join(`mirror-of-${theirs.slice(0, 3)}`);
    await git(["clone", "-q", "--mirror", url, mirror]);
    assert.equal(await objectsIn(mirror), await reachedIn(mirror));
    const bundle = await fetch(`${server.origin}/${theirs}/bundles/${commit}.bundle`);
    await bundle.body?.cancel();
    assert.equal(bundle.status, 404);
    const info = joinBytes(
      ...[pktLine("command=object-info"), "0001", pktLine("size"), pktLine(`oid ${blob}`), "0000"],
    );
    const answer = await fetch(`${url}/git-upload-pack`, {
      method: "POST",
      headers: {
        "content-type": "application/x-git-upload-pack-request",
        "git-protocol": "version=2",
      },
      body: info,
    });
    assert.doesNotMatch(await answer.text(), new RegExp(`${blob} [1-9]`));
    const archive = await fetch(`${server.origin}/${theirs}/archive/${commit}.tar`);
    assert.equal(archive.status, 404, await archive.text());
    const negotiated = await server.metadata.negotiate(others, {
      wants: [],
      haves: [commit as Oid],
      clientShallow: [],
    });
    assert.deepEqual(negotiated.common, []);

    // A reference to what one does not have is no way to get it, nor is a commit upon it, nor a delta.
    const bare = await postPush(url, pushBody({ ref: "refs/heads/stolen", to: commit }, pack([])));
    assert.match(bare.text, /ng refs\/heads\/stolen/);
    const tree = await gitText(["-C", work, "rev-parse", "HEAD^{tree}"]);
    const person = "A U Thor <author@example.com> 1700000000 +0000";
    for (const link of [`tree ${tree}`, `tree ${objectId("tree", "")}\nparent ${commit}`]) {
      const content = `${link}\nauthor ${person}\ncommitter ${person}\n\nstolen\n`;
      const entries = [entry(ENTRY.commit, content), entry(ENTRY.tree, "")];
      const command = { ref: "refs/heads/stolen", to: objectId("commit", content) };
      const pushed = await postPush(url, pushBody(command, pack(entries)));
      assert.match(pushed.text, /ng refs\/heads\/stolen|unpack (?!ok)/);
    }
    const size = file.content.length;
    const delta = new Uint8Array([size, size, 0x90, size]);
    const base = Uint8Array.fromHex(blob);
    const thin = pack([entry(ENTRY.refDelta, delta, { base })]);
    const built = await postPush(url, pushBody({ ref: "refs/tags/stolen", to: blob }, thin));
    assert.doesNotMatch(built.text, /ok refs\/tags\/stolen/);
    assert.doesNotMatch(await references(url), /stolen/);

    // Whoever has the objects may push them, of course.
    await git(["-C", work, "push", "-q", url, "HEAD:refs/heads/shared"]);
    assert.match(await references(url), new RegExp(`${commit}\trefs/heads/shared`));
    await git(["-C", work, "push", "-q", url, ":refs/heads/shared"]);
    await git(["-C", work, "push", "-q", "origin", ":refs/heads/mine", ":refs/tags/mine"]);
    assert.equal((await git(["ls-remote", url, NO_OBJECT])).stdout, "");
  }
});

Deno.test("objects that were the parent's when it was forked stay the fork's", async () => {
  await using stage = await Stage.start();
  const { server, temp } = stage;
  await stage.fork();
  const main = await gitText(["-C", stage.source, "rev-parse", "main"]);
  const deletions = (await gitText(["-C", stage.source, "for-each-ref", "--format=%(refname)"]))
    .split("\n").filter((name) => name !== "" && name !== "refs/heads/main");
  const work = await cloneWorkTree(server.url(PARENT), temp.join("work"));
  await git(["-C", work, "checkout", "-q", "--orphan", "fresh"]);
  await commitFile(work, { path: "fresh.txt", content: "fresh\n" });
  const specs = deletions.map((name) => `:${name}`);
  await git(["-C", work, "push", "-q", "--force", "origin", "HEAD:main", ...specs]);
  await git(["clone", "-q", "--mirror", server.url(FORK), temp.join("mirror")]);
  await git(["-C", temp.join("mirror"), "fsck", "--full", "--strict"]);
  assert.equal(await gitText(["-C", temp.join("mirror"), "rev-parse", "main"]), main);
});

Deno.test("a deleted repository is missing for clients until it is restored", async () => {
  await using stage = await Stage.start();
  const { server, parent, temp } = stage;
  const before = await references(server.url(PARENT));
  const response = await fetch(`${server.origin}/api/v1/repos/${PARENT}`, { method: "DELETE" });
  assert.equal(response.status, 204);
  const missing = await git(["clone", server.url(PARENT), temp.join("missing")], { anyExit: true });
  assert.match(missing.stderr, /not found/);
  await server.metadata.restoreRepository(parent, {});
  assert.equal(await references(server.url(PARENT)), before);
});

Deno.test("an archived repository is read and not pushed to, and says why", async () => {
  await using stage = await Stage.start();
  const { server, parent, temp } = stage;
  const env = gitSshEnvironment(await makeSshKey(temp));
  const work = await cloneWorkTree(server.url(PARENT), temp.join("work"));
  await commitFile(work, { path: "new.txt", content: "new\n" });
  await server.metadata.updateRepository(parent, { settings: { archived: true } });
  for (const url of [server.url(PARENT), server.sshUrl(PARENT)]) {
    const pushed = await git(["-C", work, "push", url, "HEAD:main"], { env, anyExit: true });
    assert.notEqual(pushed.code, 0);
    assert.match(pushed.stderr, /archived repository/);
    await git(["-C", work, "fetch", "-q", url, "main"], { env });
  }
});
