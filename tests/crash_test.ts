/**
 * SIGKILL at random moments of pushes (design promises P1, P4, P5).
 *
 * A fixed number of pushers work on their own branches. The server is killed at a random moment,
 * restarted on the same data, and then: every acknowledged push is there; a branch holds either its
 * last acknowledged value or the one whose push was under way; clones are sound.
 */

import assert from "node:assert/strict";
import { assertSound } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { cloneWorkTree, commitFile } from "./harness/pushed.ts";
import { SeededRandom } from "./harness/seeded_random.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const KILLS = Number(Deno.env.get("GITSTRATUM_TEST_KILLS") ?? 50);
const SEED = Number(Deno.env.get("GITSTRATUM_TEST_SEED") ?? 51);
const PUSHERS = 3;
/** A push writes a few hundred kilobytes: some rounds end in the first one, some in the tenth. */
const BYTES_BEFORE_KILL_MAX = 3_000_000;
const REPOSITORY = "crash/test";

/** One client: commits and pushes to its own branch, and remembers what was acknowledged. */
class Pusher {
  acknowledged: string | undefined;
  /** The value of a push whose outcome is unknown. */
  pending: string | undefined;
  #number = 0;

  readonly branch: string;
  readonly workTree: string;
  readonly #random: SeededRandom;

  constructor(branch: string, workTree: string, random: SeededRandom) {
    this.branch = branch;
    this.workTree = workTree;
    this.#random = random;
  }

  /** Pushes until the server is gone; answers how many pushes were acknowledged. */
  async pushUntilBroken(origin: string): Promise<number> {
    let count = 0;
    const url = `${origin}/${REPOSITORY}.git`;
    while (true) {
      this.#number++;
      this.pending = await commitFile(this.workTree, {
        path: `${this.branch}/${this.#number % 5}.bin`,
        content: this.#random.bytes(100 + this.#random.below(200_000)),
      });
      const result = await git(
        ["-C", this.workTree, "push", "-q", url, `HEAD:refs/heads/${this.branch}`],
        { anyExit: true },
      );
      if (result.code !== 0) {
        assert.doesNotMatch(result.stderr, /rejected/, result.stderr);
        return count;
      }
      this.acknowledged = this.pending;
      this.pending = undefined;
      count++;
    }
  }

  /** Checks the branch after a restart, and takes over what it now holds. */
  settle(found: string | undefined): void {
    const allowed = [this.acknowledged, this.pending];
    assert.ok(
      allowed.includes(found),
      `${this.branch} holds ${found}, acknowledged ${this.acknowledged}, pending ${this.pending}`,
    );
    this.acknowledged = found;
    this.pending = undefined;
  }
}

/** Resolves when the data directory's size has grown by `bytes`, or the round is over. */
async function waitForWrites(directory: string, bytes: number, over: Promise<unknown>) {
  const start = directoryBytes(directory);
  const watcher = Deno.watchFs(directory);
  const ended = over.then(() => "over", () => "over");
  const changes = watcher[Symbol.asyncIterator]();
  try {
    while (directoryBytes(directory) - start < bytes) {
      if (await Promise.race([changes.next(), ended]) === "over") return;
    }
  } finally {
    watcher.close();
  }
}

function directoryBytes(path: string): number {
  let total = 0;
  for (const entry of Deno.readDirSync(path)) {
    try {
      total += entry.isDirectory
        ? directoryBytes(`${path}/${entry.name}`)
        : Deno.statSync(`${path}/${entry.name}`).size;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return total;
}

async function branches(url: string): Promise<Map<string, string>> {
  const listing = await gitText(["ls-remote", "--heads", url]);
  return new Map(
    listing.split("\n").filter((line) => line !== "").map((line) => {
      const [oid, name] = line.split("\t");
      return [name!.replace("refs/heads/", ""), oid!];
    }),
  );
}

Deno.test(`${KILLS} kills lose no acknowledged push and show no half of one (seed ${SEED})`, async () => {
  await using temp = await temporaryDirectory();
  const random = new SeededRandom(SEED);
  const dataDirectory = temp.join("data");
  const pushers: Pusher[] = [];
  for (let number = 0; number < PUSHERS; number++) {
    const workTree = await initRepository(temp.join(`work${number}`));
    pushers.push(new Pusher(`branch${number}`, workTree, random));
  }
  let acknowledged = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await GitStratumServer.start({ dataDirectory });
    const url = server.url(REPOSITORY);
    if (kill > 0) {
      const found = await branches(url);
      for (const pusher of pushers) pusher.settle(found.get(pusher.branch));
      if (kill % 10 === 0) await checkClone(url, temp.join(`clone${kill}`), pushers);
    }
    const round = Promise.all(pushers.map((pusher) => pusher.pushUntilBroken(server.origin)));
    // A number of written bytes is a moment that falls anywhere in a push: spool, extents, log.
    await waitForWrites(dataDirectory, random.below(BYTES_BEFORE_KILL_MAX), round);
    await server.signal("SIGKILL");
    acknowledged += (await round).reduce((sum, count) => sum + count, 0);
  }
  await using server = await GitStratumServer.start({ dataDirectory });
  const found = await branches(server.url(REPOSITORY));
  for (const pusher of pushers) pusher.settle(found.get(pusher.branch));
  await checkClone(server.url(REPOSITORY), temp.join("clone-last"), pushers);
  // Else the kills would only have met servers at rest.
  assert.ok(acknowledged >= KILLS / 2, `only ${acknowledged} pushes went in, ${KILLS} kills`);
});

async function checkClone(url: string, path: string, pushers: readonly Pusher[]): Promise<void> {
  await git(["clone", "-q", "--mirror", url, path]);
  await assertSound(path);
  for (const pusher of pushers) {
    if (pusher.acknowledged === undefined) continue;
    assert.equal(
      await gitText(["-C", path, "rev-parse", `refs/heads/${pusher.branch}`]),
      pusher.acknowledged,
    );
  }
  await Deno.remove(path, { recursive: true });
}

Deno.test("a server that is killed at once after the acknowledgement still has the push", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const work = await initRepository(temp.join("work"));
  for (let round = 0; round < 5; round++) {
    const server = await GitStratumServer.start({ dataDirectory });
    const oid = await commitFile(work, { path: `file${round}`, content: `${round}\n` });
    await git(["-C", work, "push", "-q", server.url("at/once"), "HEAD:refs/heads/main"]);
    await server.signal("SIGKILL");
    await using again = await GitStratumServer.start({ dataDirectory });
    const copy = await cloneWorkTree(again.url("at/once"), temp.join(`copy${round}`));
    assert.equal(await gitText(["-C", copy, "rev-parse", "HEAD"]), oid);
    await assertSound(copy);
  }
});
