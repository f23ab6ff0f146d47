/** What may be asked for by id and by name, and the framing of the answers. */

import assert from "node:assert/strict";
import type { CaseContext, ServedRepository } from "./case_context.ts";
import { conformance, type ConformanceCases } from "./conformance.ts";

const perVersion = (version: number): ConformanceCases => ({
  [`a tip can be asked for by id, version ${version}`]: async (context) => {
    const repository = await context.history();
    const oid = await context.text(["-C", repository.source, "rev-parse", "topic/1"]);
    const work = await context.workTree(repository);
    await context.git(
      ["-C", work, "-c", `protocol.version=${version}`, "fetch", "-q", "origin", oid],
    );
    assert.equal(await context.text(["-C", work, "rev-parse", "FETCH_HEAD"]), oid);
  },
  [`a reachable commit can be asked for by id, version ${version}`]: async (context) => {
    const repository = await context.history();
    const oid = await context.text(["-C", repository.source, "rev-parse", "main~5"]);
    const work = await context.workTree(repository);
    await context.git(
      ["-C", work, "-c", `protocol.version=${version}`, "fetch", "-q", "origin", oid],
    );
    assert.equal(await context.text(["-C", work, "rev-parse", "FETCH_HEAD"]), oid);
  },
  [`an id that is nowhere is refused, version ${version}`]: async (context) => {
    const work = await context.workTree(await context.history());
    await context.refused(
      ["-C", work, "-c", `protocol.version=${version}`, "fetch", "origin", context.unknownOid],
      /not our ref/,
    );
  },
});

/** Commits something on the server's `main`, then takes it back. */
async function abandoned(
  context: CaseContext,
): Promise<{ readonly repository: ServedRepository; readonly oid: string }> {
  const repository = await context.seeded();
  const oid = await context.commit(repository.work, "abandoned.txt");
  await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
  await context.git(["-C", repository.work, "reset", "-q", "--hard", "HEAD~1"]);
  await context.git(["-C", repository.work, "push", "-q", "--force", "origin", "main"]);
  return { repository, oid };
}

conformance("wants", {
  ...perVersion(0),
  ...perVersion(1),
  ...perVersion(2),
  "a tree and a blob can be asked for by id": async (context) => {
    const repository = await context.seeded();
    for (const name of ["HEAD^{tree}", "HEAD:file1.txt"]) {
      const oid = await context.text(["-C", repository.work, "rev-parse", name]);
      const work = await context.workTree(repository);
      await context.git(["-C", work, "fetch", "-q", "origin", oid]);
      await context.git(["-C", work, "cat-file", "-e", oid]);
    }
  },
  "what a branch recently held is still served": async (context) => {
    const { repository, oid } = await abandoned(context);
    const work = await context.workTree(repository);
    await context.git(["-C", work, "fetch", "-q", "origin", oid]);
    assert.equal(await context.text(["-C", work, "rev-parse", "FETCH_HEAD"]), oid);
  },
  "what only another repository has is refused": async (context) => {
    const repository = await context.seeded();
    const other = await context.seeded();
    const oid = await context.commit(other.work, "secret.txt");
    await context.git(["-C", other.work, "push", "-q", "origin", "main"]);
    const work = await context.workTree(repository);
    await context.refused(["-C", work, "fetch", "origin", oid], /not our ref/);
  },
  "sideband-all with negotiation and depth": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository, "--depth=1");
    await context.commit(repository.work, "next.txt");
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    const env = { GIT_TEST_SIDEBAND_ALL: "1" };
    await context.git(["-C", copy, "fetch", "-q", "--deepen=1"], { env });
    await context.git(["-C", copy, "fetch", "-q", "--unshallow"], { env });
  },
});

// Git's own server sends wanted-refs ahead of shallow-info, which its client can not read.
conformance("wants by name", {
  "fetches by name use ref-in-want": async (context) => {
    const work = await context.workTree(await context.history());
    const packets = await context.packets(
      ["-C", work, "-c", "protocol.version=2", "fetch", "origin", "refs/heads/topic/1"],
    );
    assert.match(packets, /> want-ref refs\/heads\/topic\/1/);
    assert.match(packets, /< (\\1)?wanted-refs/);
  },
  "ref-in-want with a depth": async (context) => {
    const work = await context.workTree(await context.history());
    const flags = ["-c", "protocol.version=2", "fetch", "-q", "--depth=2", "origin"];
    await context.git(["-C", work, ...flags, "refs/heads/topic/1"]);
    assert.equal(
      await context.text(["-C", work, "rev-list", "--count", "--first-parent", "FETCH_HEAD"]),
      "2",
    );
  },
  "sideband-all frames every section": async (context) => {
    const work = await context.workTree(await context.history());
    const packets = await context.packets(
      ["-C", work, "-c", "protocol.version=2", "fetch", "origin", "main"],
      { env: { GIT_TEST_SIDEBAND_ALL: "1" } },
    );
    assert.match(packets, /> sideband-all/);
    assert.match(packets, /< \\1wanted-refs/);
  },
}, { ownOnly: true });
