/** Advertisements and `ls-remote`, in every protocol version. */

import assert from "node:assert/strict";
import { conformance, type ConformanceCases } from "./conformance.ts";

const perVersion = (version: number): ConformanceCases => ({
  [`ls-remote lists what was pushed, version ${version}`]: async (context) => {
    const { url, source } = await context.history();
    const listed = await context.lines(
      ["-c", `protocol.version=${version}`, "ls-remote", "--refs", url],
    );
    const wanted = await context.lines(
      ["-C", source, "for-each-ref", "--format=%(objectname)%09%(refname)"],
    );
    assert.deepEqual(listed, wanted);
  },
  [`ls-remote shows what tags point at, version ${version}`]: async (context) => {
    const { url, source } = await context.history();
    const listed = await context.text(
      ["-c", `protocol.version=${version}`, "ls-remote", "--tags", url],
    );
    const commit = await context.text(["-C", source, "rev-parse", "nested^{}"]);
    assert.ok(listed.includes(`${commit}\trefs/tags/nested^{}`));
    assert.ok(!listed.includes("refs/tags/light^{}"), "a light tag has nothing behind it");
  },
  [`ls-remote --symref tells HEAD's branch, version ${version}`]: async (context) => {
    const { url, source } = await context.history();
    const listed = await context.text(
      ["-c", `protocol.version=${version}`, "ls-remote", "--symref", url, "HEAD"],
    );
    assert.match(listed, /^ref: refs\/heads\/main\tHEAD$/m);
    assert.ok(listed.includes(`${await context.text(["-C", source, "rev-parse", "main"])}\tHEAD`));
  },
  [`ls-remote of an empty repository is empty, version ${version}`]: async (context) => {
    const { url } = await context.empty();
    assert.equal(await context.text(["-c", `protocol.version=${version}`, "ls-remote", url]), "");
  },
  [`an unknown repository is told as such, version ${version}`]: async (context) => {
    const url = context.url(context.freeName());
    await context.refused(
      ["-c", `protocol.version=${version}`, "ls-remote", url],
      /not found|no such repository|could not read/i,
    );
  },
});

conformance("discovery", {
  ...perVersion(0),
  ...perVersion(1),
  ...perVersion(2),
  "version 2 is spoken when asked for": async (context) => {
    const { url } = await context.history();
    const packets = await context.packets(["-c", "protocol.version=2", "ls-remote", url]);
    assert.match(packets, /< version 2/);
    assert.match(packets, /< ls-refs=unborn/);
  },
  "version 1 is spoken when asked for": async (context) => {
    const { url } = await context.history();
    const packets = await context.packets(["-c", "protocol.version=1", "ls-remote", url]);
    assert.match(packets, /< version 1/);
  },
  "version 0 says no version": async (context) => {
    const { url } = await context.history();
    const packets = await context.packets(["-c", "protocol.version=0", "ls-remote", url]);
    assert.doesNotMatch(packets, /< version/);
  },
  "reference prefixes narrow the listing in version 2": async (context) => {
    const work = await context.workTree(await context.history());
    const packets = await context.packets(
      ["-C", work, "-c", "protocol.version=2", "fetch", "--no-tags", "origin", "refs/heads/main"],
    );
    assert.match(packets, /> ref-prefix refs\/heads\/main/);
    assert.match(packets, /< [0-9a-f]+ refs\/heads\/main/);
    assert.doesNotMatch(packets, /< [0-9a-f]+ refs\/tags\/light/);
  },
  "version 0 lists everything whatever is asked": async (context) => {
    const { url } = await context.history();
    const packets = await context.packets(
      ["-c", "protocol.version=0", "ls-remote", url, "refs/heads/main"],
    );
    assert.match(packets, /< [0-9a-f]+ refs\/tags\/light/);
  },
  "a pattern that matches nothing lists nothing": async (context) => {
    const { url } = await context.history();
    assert.equal(await context.text(["ls-remote", url, "refs/heads/none-such"]), "");
    await context.refused(["ls-remote", "--exit-code", url, "refs/heads/none-such"], /^/);
  },
  "the object format is advertised": async (context) => {
    const { url } = await context.history();
    for (const version of [0, 2]) {
      const packets = await context.packets([
        "-c",
        `protocol.version=${version}`,
        "ls-remote",
        url,
      ]);
      assert.ok(packets.includes(`object-format=${context.objectFormat}`));
    }
  },
  "a session id is advertised and taken": async (context) => {
    for (const version of [0, 2]) {
      const work = await context.workTree(await context.history());
      const flags = ["-c", `protocol.version=${version}`, "-c", "transfer.advertiseSID=true"];
      const packets = await context.packets(["-C", work, ...flags, "fetch", "origin", "main"]);
      assert.match(packets, /< .*session-id=[!-~]+/);
      assert.match(packets, /> .*session-id=[!-~]+/);
    }
  },
  "session ids differ from session to session": async (context) => {
    const { url } = await context.history();
    const ids = new Set<string | undefined>();
    for (let round = 0; round < 3; round++) {
      const packets = await context.packets(["-c", "protocol.version=2", "ls-remote", url]);
      ids.add(/session-id=([!-~]+)/.exec(packets)?.[1]);
    }
    assert.equal(ids.size, 3);
  },
  "server options are taken in version 2": async (context) => {
    const { url } = await context.history();
    const flags = ["-c", "protocol.version=2", "ls-remote", "-o", "one=1", "-o", "two", url];
    const packets = await context.packets(flags);
    assert.match(packets, /< server-option/);
    assert.match(packets, /> server-option=one=1/);
  },
  "server options need version 2": async (context) => {
    const { url } = await context.history();
    const packets = await context.packets(
      ["-c", "protocol.version=0", "ls-remote", "-o", "one=1", url],
      { anyExit: true },
    );
    assert.doesNotMatch(packets, /> .*server-option/);
  },
  "the path works without .git as well": async (context) => {
    const { url } = await context.history();
    const bare = url.replace(/\.git$/, "");
    if (Deno.env.get("GITSTRATUM_TEST_ORACLE") === "1") return;
    assert.equal(await context.text(["ls-remote", bare]), await context.text(["ls-remote", url]));
  },
  "an unborn HEAD names its branch in version 2": async (context) => {
    const copy = await context.clone(await context.empty());
    assert.equal(await context.text(["-C", copy, "symbolic-ref", "HEAD"]), "refs/heads/main");
  },
  "HEAD whose branch was never pushed is not listed": async (context) => {
    const repository = await context.empty();
    const work = await context.workTree(repository);
    await context.commit(work, "a.txt");
    await context.git(["-C", work, "push", "-q", "origin", "HEAD:refs/heads/other"]);
    const listed = await context.text(["ls-remote", repository.url]);
    assert.doesNotMatch(listed, /HEAD/);
    assert.match(listed, /refs\/heads\/other/);
    await context.clone(repository, "--no-checkout");
  },
});
