/** Fetches: negotiation, tags that follow, thin packs, pruning. */

import assert from "node:assert/strict";
import type { CaseContext } from "./case_context.ts";
import { conformance, type ConformanceCases } from "./conformance.ts";

async function advance(context: CaseContext, work: string, count: number): Promise<string> {
  let tip = "";
  for (let number = 0; number < count; number++) tip = await context.commit(work, `more${number}`);
  await context.git(["-C", work, "push", "-q", "origin", "HEAD:main"]);
  return tip;
}

/** Commits on top of `main`, in one command. */
function emptyCommits(count: number): string {
  return Array.from({ length: count }, (_, at) => {
    const head = `commit refs/heads/main\ncommitter C <c@example.com> ${
      1_700_001_000 + at
    } +0000\n`;
    return `${head}data 2\nx\n${at === 0 ? "from refs/heads/main^0\n" : ""}`;
  }).join("");
}

const perVersion = (version: number): ConformanceCases => ({
  [`a fetch brings only what is new, version ${version}`]: async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "-c", `protocol.version=${version}`);
    const before = await context.held(copy);
    const tip = await advance(context, repository.work, 1);
    await context.git(["-C", copy, "fetch", "-q"]);
    assert.equal(await context.text(["-C", copy, "rev-parse", "origin/main"]), tip);
    assert.equal((await context.held(copy)).size - before.size, 3, "commit, tree and blob");
  },
  [`a fetch of nothing new brings nothing, version ${version}`]: async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "-c", `protocol.version=${version}`);
    const before = await context.held(copy);
    await context.git(["-C", copy, "fetch", "-q"]);
    assert.deepEqual(await context.held(copy), before);
  },
  [`both sides went on for long, version ${version}`]: async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "-c", `protocol.version=${version}`);
    // More than fits one round of haves.
    await context.git(["-C", copy, "fast-import", "--quiet"], { stdin: emptyCommits(40) });
    const tip = await advance(context, repository.work, 2);
    await context.git(["-C", copy, "fetch", "-q"]);
    assert.equal(await context.text(["-C", copy, "rev-parse", "origin/main"]), tip);
  },
  [`histories without a common commit, version ${version}`]: async (context) => {
    const repository = await context.seeded();
    const other = await context.workTree(repository);
    await context.commit(other, "unrelated.txt");
    await context.git(["-C", other, "-c", `protocol.version=${version}`, "fetch", "-q", "origin"]);
    assert.equal(
      await context.text(["-C", other, "rev-parse", "origin/main"]),
      await context.text(["-C", repository.work, "rev-parse", "main"]),
    );
  },
});

conformance("fetch", {
  ...perVersion(0),
  ...perVersion(1),
  ...perVersion(2),
  "the skipping negotiator ends at the same": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "-c", "fetch.negotiationAlgorithm=skipping");
    const tip = await advance(context, repository.work, 3);
    await context.git(["-C", copy, "fetch", "-q"]);
    assert.equal(await context.text(["-C", copy, "rev-parse", "origin/main"]), tip);
  },
  "the no-op negotiator gets everything": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "-c", "fetch.negotiationAlgorithm=noop");
    const tip = await advance(context, repository.work, 3);
    await context.git(["-C", copy, "fetch", "-q"]);
    assert.equal(await context.text(["-C", copy, "rev-parse", "origin/main"]), tip);
  },
  "negotiation tips narrow the haves": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository);
    await advance(context, repository.work, 1);
    await context.git(["-C", copy, "fetch", "-q", "--negotiation-tip=main", "origin"]);
  },
  "--negotiate-only tells what is common (wait-for-done)": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository);
    await context.git(["-C", copy, "commit", "-q", "--allow-empty", "-m", "local"]);
    const common = await context.lines(
      ["-C", copy, "fetch", "--negotiate-only", "--negotiation-tip=HEAD", "origin"],
    );
    assert.ok(common.includes(await context.text(["-C", copy, "rev-parse", "HEAD~1"])));
    assert.ok(!common.includes(await context.text(["-C", copy, "rev-parse", "HEAD"])));
  },
  "--negotiate-only names nothing that the server lacks": async (context) => {
    const other = await context.workTree(await context.seeded());
    await context.commit(other, "unrelated.txt");
    const flags = ["-C", other, "fetch", "--negotiate-only", "--negotiation-tip=HEAD", "origin"];
    const { stdout } = await context.git(flags, { anyExit: true });
    assert.equal(stdout, "");
  },
  "an annotated tag follows what it points at (include-tag)": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository);
    await context.commit(repository.work, "tagged.txt");
    await context.git(["-C", repository.work, "tag", "-a", "-m", "release", "v1"]);
    await context.git(["-C", repository.work, "push", "-q", "origin", "main", "v1"]);
    await context.git(["-C", copy, "fetch", "-q"]);
    assert.equal(await context.text(["-C", copy, "cat-file", "-t", "v1"]), "tag");
  },
  "a tag of other history does not follow": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository);
    await context.git(["-C", repository.work, "checkout", "-q", "-b", "side"]);
    await context.commit(repository.work, "side.txt");
    await context.git(["-C", repository.work, "tag", "-a", "-m", "side", "s1"]);
    await context.git(["-C", repository.work, "push", "-q", "origin", "s1"]);
    await context.git(["-C", copy, "fetch", "-q", "origin", "main"]);
    await context.refused(["-C", copy, "rev-parse", "--verify", "-q", "s1"], /^/);
  },
  "--no-tags leaves tags out, --tags brings all": async (context) => {
    const repository = await context.history();
    const copy = await context.clone(repository, "--bare", "--no-tags");
    assert.equal(await context.text(["-C", copy, "tag"]), "");
    await context.git(["-C", copy, "fetch", "-q", "--tags", "origin"]);
    assert.equal((await context.lines(["-C", copy, "tag"])).length, 3);
  },
  "a fetch by name gets that branch only": async (context) => {
    const repository = await context.history();
    const copy = await context.workTree(repository);
    await context.git(["-C", copy, "fetch", "-q", "--no-tags", "origin", "topic/1:one"]);
    const refs = await context.text(["-C", copy, "for-each-ref", "--format=%(refname)"]);
    assert.match(refs, /^refs\/heads\/one$/m);
    assert.doesNotMatch(refs, /main|topic\/2/);
  },
  "a fetch of a name that is not there fails": async (context) => {
    const copy = await context.workTree(await context.history());
    await context.refused(
      ["-C", copy, "fetch", "-q", "origin", "refs/heads/none-such"],
      /couldn't find remote ref refs\/heads\/none-such|unknown ref/,
    );
  },
  "deltas against what the client has come thin": async (context) => {
    const repository = await context.seeded();
    const text = Array.from({ length: 400 }, (_, at) => `line ${at} of a long file\n`).join("");
    await context.commit(repository.work, "long.txt", text);
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    const copy = await context.clone(repository, "-c", "fetch.unpackLimit=1");
    await context.commit(repository.work, "long.txt", `${text}one more line\n`);
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    const packets = await context.packets(["-C", copy, "fetch", "origin"]);
    assert.match(packets, /> .*thin-pack/);
    assert.match(await context.text(["-C", copy, "show", "origin/main:long.txt"]), /one more/);
  },
  "--prune forgets what is gone": async (context) => {
    const repository = await context.seeded();
    await context.git(["-C", repository.work, "push", "-q", "origin", "main:gone"]);
    const copy = await context.clone(repository);
    await context.git(["-C", repository.work, "push", "-q", "origin", ":gone"]);
    await context.git(["-C", copy, "fetch", "-q", "--prune"]);
    assert.doesNotMatch(await context.text(["-C", copy, "branch", "-r"]), /gone/);
  },
  "a rewound branch is fetched when forced": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository);
    await context.git(["-C", repository.work, "reset", "-q", "--hard", "HEAD~2"]);
    await context.git(["-C", repository.work, "push", "-q", "--force", "origin", "main"]);
    await context.refused(
      ["-C", copy, "fetch", "origin", "main:refs/remotes/origin/main"],
      /reject/,
    );
    await context.git(["-C", copy, "fetch", "-q", "origin", "+main:refs/remotes/origin/main"]);
  },
  "many fetches of a mirror end at the source": async (context) => {
    const repository = await context.seeded();
    const mirror = await context.clone(repository, "--mirror");
    for (let round = 0; round < 4; round++) {
      await advance(context, repository.work, 2);
      await context.git(["-C", mirror, "fetch", "-q"]);
    }
    assert.equal(
      await context.text(["-C", mirror, "rev-parse", "main"]),
      await context.text(["-C", repository.work, "rev-parse", "main"]),
    );
  },
  "a repository can be fetched into an older clone of a fork of it": async (context) => {
    const repository = await context.seeded();
    const fork = await context.empty();
    await context.git(["-C", repository.work, "push", "-q", fork.url, "main"]);
    const copy = await context.clone(fork);
    const tip = await advance(context, repository.work, 2);
    await context.git(["-C", copy, "fetch", "-q", repository.url, "main"]);
    assert.equal(await context.text(["-C", copy, "rev-parse", "FETCH_HEAD"]), tip);
  },
});
