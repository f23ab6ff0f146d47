/**
 * What every client has to be able to do with the server, whoever wrote it.
 *
 * A client clones, fetches, pushes and deletes in its own words; what came of it is judged by the
 * real git, in the client's directory and through the server. With `GITSTRATUM_TEST_ORACLE=1` the
 * cases run against git's own server over HTTP, which shows them to be right.
 *
 * @module
 */

import assert from "node:assert/strict";
import { assertSound, reachableObjects, references } from "../harness/compare.ts";
import { git, gitText } from "../harness/git.ts";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { generateHistory } from "../harness/history.ts";
import { commitFile } from "../harness/pushed.ts";
import type { GitServer } from "../harness/git_server.ts";
import { startServer } from "../harness/server.ts";
import { makeSshKey } from "../harness/ssh_client.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../harness/temp.ts";
import type { GitClient, ObjectFormat, Transport } from "./git_client.ts";

/** Registers one test of a client with a step for each case, transport and object format. */
export function clientCases(name: string, makeClient: (key: string) => GitClient): void {
  Deno.test(`other clients: ${name} clones, fetches and pushes`, async (test) => {
    await using temp = await temporaryDirectory();
    await using server = await startServer();
    const client = makeClient(await makeSshKey(temp));
    for (const objectFormat of await client.objectFormats()) {
      const path = temp.join(`source-${objectFormat}.git`);
      const source = await generateHistory(path, { seed: 83, commits: 80, objectFormat });
      const shared = `shared/history-${objectFormat}`;
      await server.createRepository(shared, { objectFormat });
      await git(["-C", source, "push", "-q", "--mirror", server.url(shared)]);
      for (const transport of client.transports) {
        if (transport === "ssh" && !(server instanceof GitStratumServer)) continue;
        await runCases(test, { client, server, source, shared, transport, objectFormat });
      }
    }
  });
}

/** What cases run with. */
interface ClientWorld {
  readonly client: GitClient;
  readonly server: GitServer;
  /** Bare repository that holds what {@link shared} does. */
  readonly source: string;
  /** A repository on the server that no case changes. */
  readonly shared: string;
  readonly transport: Transport;
  readonly objectFormat: ObjectFormat;
}

async function runCases(test: Deno.TestContext, world: ClientWorld): Promise<void> {
  const { client, objectFormat } = world;
  const pushes = client.pushedFormats.includes(objectFormat);
  const cases = { ...FETCH_CASES, ...(pushes ? PUSH_CASES : {}) };
  for (const [title, body] of Object.entries(cases)) {
    await test.step({
      name: `${title} (${world.transport}, ${objectFormat})`,
      ignore: body === shallowClone && !client.shallow,
      fn: async () => {
        await using own = await temporaryDirectory();
        await body(new ClientContext(world, own));
      },
    });
  }
}

type ClientCase = (context: ClientContext) => Promise<void>;

/** The world of one case. */
class ClientContext {
  readonly temp: TemporaryDirectory;
  readonly #world: ClientWorld;
  static #names = 0;

  constructor(world: ClientWorld, temp: TemporaryDirectory) {
    this.#world = world;
    this.temp = temp;
  }

  get client(): GitClient {
    return this.#world.client;
  }

  /** Bare repository that holds what {@link shared} does. */
  get source(): string {
    return this.#world.source;
  }

  /** Name of the repository that no case changes. */
  get shared(): string {
    return this.#world.shared;
  }

  /** Clone URL for the client. */
  url(name: string): string {
    const { server, transport } = this.#world;
    return transport === "ssh" && server instanceof GitStratumServer
      ? server.sshUrl(name)
      : server.url(name);
  }

  /** Clone URL for git, which judges over HTTP. */
  judgeUrl(name: string): string {
    return this.#world.server.url(name);
  }

  /** Name of a new repository, empty or with the shared history. */
  async repository(content: "empty" | "history"): Promise<string> {
    const name = `case/r${++ClientContext.#names}`;
    const { server, objectFormat } = this.#world;
    await server.createRepository(name, { objectFormat });
    if (content === "history") {
      await git(["-C", this.source, "push", "-q", "--mirror", this.judgeUrl(name)]);
    }
    return name;
  }

  /** The client's clone of a repository. */
  async clone(name: string, depth?: number): Promise<string> {
    const path = this.temp.join(depth === undefined ? "clone" : `clone-${depth}`);
    const { objectFormat } = this.#world;
    const url = this.url(name);
    await this.client.clone(path, { url, objectFormat, ...(depth ? { depth } : {}) });
    return path;
  }

  /** What the server holds, as a sound bare clone that git makes. */
  async served(name: string): Promise<string> {
    const path = await Deno.makeTempDir({ dir: this.temp.path });
    await git(["clone", "-q", "--mirror", this.judgeUrl(name), path]);
    await assertSound(path);
    return path;
  }

  /** A work tree of git's own. */
  async gitClone(name: string, ...flags: string[]): Promise<string> {
    const path = await Deno.makeTempDir({ dir: this.temp.path });
    await git(["clone", "-q", ...flags, this.judgeUrl(name), path]);
    return path;
  }
}

/** References of the server as a clone keeps them: branches of `origin`, and tags. */
async function trackedReferences(clone: string): Promise<string[]> {
  const lines = (await references(clone)).split("\n");
  return lines.filter((line) => / refs\/(remotes\/origin|tags)\//.test(line))
    .filter((line) => !line.endsWith(" refs/remotes/origin/HEAD"))
    .map((line) => line.replace("refs/remotes/origin/", "refs/heads/")).sort();
}

async function revision(repository: string, name: string): Promise<string> {
  return await gitText(["-C", repository, "rev-parse", "--verify", "--quiet", name]);
}

async function names(repository: string): Promise<string[]> {
  return (await gitText(["-C", repository, "for-each-ref", "--format=%(refname)"])).split("\n");
}

/** Commits that a clone can walk from the server's `main`, and which of them are cut off. */
async function walked(clone: string): Promise<readonly [string[], string[]]> {
  const commits = await gitText(["-C", clone, "rev-list", "refs/remotes/origin/main"]);
  const cuts = (await Deno.readTextFile(`${clone}/.git/shallow`)).trim().split("\n");
  const reached = commits.split("\n").sort();
  return [reached, reached.filter((commit) => cuts.includes(commit))];
}

const shallowClone: ClientCase = async (context) => {
  for (const depth of [1, 4]) {
    const clone = await context.clone(context.shared, depth);
    const judge = await context.gitClone(
      context.shared,
      `--depth=${depth}`,
      "--no-single-branch",
    );
    assert.deepEqual(await walked(clone), await walked(judge));
    await assertSound(clone);
    await context.client.fetch(clone, { depth: depth + 3 });
    await git(["-C", judge, "fetch", "-q", `--depth=${depth + 3}`]);
    assert.deepEqual(await walked(clone), await walked(judge));
    await assertSound(clone);
  }
};

const FETCH_CASES: Readonly<Record<string, ClientCase>> = {
  "a clone holds every reference and object": async (context) => {
    const clone = await context.clone(context.shared);
    assert.deepEqual(
      await trackedReferences(clone),
      (await references(context.source)).split("\n").sort(),
    );
    assert.deepEqual(await reachableObjects(clone), await reachableObjects(context.source));
    assert.equal(await revision(clone, "HEAD"), await revision(context.source, "main"));
    await assertSound(clone);
  },

  "a fetch brings new commits and tags": async (context) => {
    const name = await context.repository("history");
    const clone = await context.clone(name);
    const work = await context.gitClone(name);
    await commitFile(work, { path: "dir0/new.txt", content: "of git\n" });
    await git(["-C", work, "merge", "-q", "-s", "ours", "-m", "merge", "origin/topic/1"]);
    await git(["-C", work, "tag", "-a", "-m", "later", "later"]);
    await git(["-C", work, "push", "-q", "origin", "main", "main:refs/heads/next", "later"]);
    await context.client.fetch(clone);
    const served = await context.served(name);
    assert.deepEqual(
      await trackedReferences(clone),
      (await references(served)).split("\n").sort(),
    );
    assert.deepEqual(await reachableObjects(clone), await reachableObjects(served));
    await assertSound(clone);
  },

  "a fetch of nothing new leaves the clone as it was": async (context) => {
    const clone = await context.clone(context.shared);
    const before = await references(clone);
    await context.client.fetch(clone);
    assert.equal(await references(clone), before);
    await assertSound(clone);
  },

  "a shallow clone is cut where git cuts it, and deepened": shallowClone,

  "a repository that is not there can not be cloned": async (context) => {
    await assert.rejects(context.clone("case/nowhere"));
    const listed = await git(["ls-remote", context.judgeUrl("case/nowhere")], { anyExit: true });
    assert.notEqual(listed.code, 0);
  },
};

const PUSH_CASES: Readonly<Record<string, ClientCase>> = {
  "commits are pushed to a branch that is there and to a new one": async (context) => {
    const name = await context.repository("history");
    const clone = await context.clone(name);
    for (let number = 0; number < 3; number++) {
      const content = `${number}\n`.repeat(2_000);
      const commit = await context.client.commit(clone, { file: "mine.txt", content });
      const source = "refs/heads/main";
      await context.client.push(clone, { source, target: "refs/heads/main" });
      await context.client.push(clone, { source, target: `refs/heads/mine/${number}` });
      const served = await context.served(name);
      assert.equal(await revision(served, "refs/heads/main"), commit);
      assert.equal(await revision(served, `refs/heads/mine/${number}`), commit);
      assert.equal(await gitText(["-C", served, "show", `${commit}:mine.txt`]), content.trim());
    }
    await assertSound(clone);
  },

  "a tag is pushed": async (context) => {
    const name = await context.repository("history");
    const clone = await context.clone(name);
    await context.client.tag(clone, "release");
    await context.client.push(clone, { source: "refs/tags/release", target: "refs/tags/release" });
    const served = await context.served(name);
    assert.equal(await revision(served, "refs/tags/release"), await revision(clone, "release"));
    assert.equal(await revision(served, "release^{commit}"), await revision(clone, "HEAD"));
    assert.equal(await gitText(["-C", served, "cat-file", "-t", "release"]), "tag");
  },

  "branches and tags are deleted": async (context) => {
    const name = await context.repository("history");
    const clone = await context.clone(name);
    await context.client.push(clone, { target: "refs/heads/topic/1" });
    await context.client.push(clone, { target: "refs/tags/light" });
    const gone = ["refs/heads/topic/1", "refs/tags/light"];
    assert.deepEqual(
      await names(await context.served(name)),
      (await names(context.source)).filter((one) => !gone.includes(one)),
    );
  },

  "a forced push takes a branch back, and others stay as they are": async (context) => {
    const name = await context.repository("history");
    const clone = await context.clone(name);
    const reference = { source: "refs/tags/light", target: "refs/heads/main" };
    await context.client.push(clone, { ...reference, force: true });
    const served = await context.served(name);
    assert.equal(await revision(served, "main"), await revision(context.source, "light"));
    assert.equal(await revision(served, "topic/1"), await revision(context.source, "topic/1"));
  },

  "a refused push is told as one and changes nothing": async (context) => {
    const name = await context.repository("history");
    const clone = await context.clone(name);
    await context.client.commit(clone, { file: "mine.txt", content: "mine\n" });
    // The name of a branch can not be the folder of another.
    const reference = { source: "refs/heads/main", target: "refs/heads/main/below" };
    await assert.rejects(context.client.push(clone, reference), /main\/below/);
    assert.equal(await references(await context.served(name)), await references(context.source));
  },

  "an empty repository is cloned and gets its first commit": async (context) => {
    const name = await context.repository("empty");
    const clone = await context.clone(name);
    const commit = await context.client.commit(clone, { file: "first.txt", content: "first\n" });
    const branch = "refs/heads/main";
    await context.client.push(clone, { source: "HEAD", target: branch });
    const served = await context.served(name);
    assert.equal(await references(served), `${commit} commit ${branch}`);
  },

  "a whole history is pushed to an empty repository": async (context) => {
    const name = await context.repository("empty");
    const clone = await context.clone(context.shared);
    await git(["-C", clone, "config", "remote.origin.url", context.url(name)]);
    for (const target of await names(context.source)) {
      const source = target.replace("refs/heads/", "refs/remotes/origin/");
      await context.client.push(clone, { source, target });
    }
    const served = await context.served(name);
    assert.equal(await references(served), await references(context.source));
    assert.deepEqual(await reachableObjects(served), await reachableObjects(context.source));
  },
};
