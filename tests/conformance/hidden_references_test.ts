/** Hidden references: neither shown, nor fetched, nor pushed to. */

import assert from "node:assert/strict";
import type { CaseContext, ServedRepository } from "./case_context.ts";
import { conformance, type ConformanceCases } from "./conformance.ts";
import { commandBody, converse, packetTexts } from "./raw_conversation.ts";

const HIDDEN = ["refs/secret", "!refs/secret/shown", "refs/heads/private/"];

interface Hiding extends ServedRepository {
  readonly work: string;
  /** What `refs/secret/x` alone reaches. */
  readonly secret: string;
  readonly main: string;
}

/** A repository in which one commit hangs on a hidden reference only. */
async function hiding(context: CaseContext): Promise<Hiding> {
  const repository = await context.seeded();
  const { work } = repository;
  const main = await context.text(["-C", work, "rev-parse", "HEAD"]);
  await context.git(["-C", work, "checkout", "-q", "-b", "aside"]);
  const secret = await context.commit(work, "secret.txt");
  await context.git(["-C", work, "checkout", "-q", "main"]);
  const names = [
    `${secret}:refs/secret/x`,
    `${secret}:refs/heads/private/x`,
    "main:refs/secret/shown/y",
  ];
  await context.git(["-C", work, "push", "-q", "origin", ...names]);
  await context.change(repository, { settings: { hiddenReferences: HIDDEN } });
  return { ...repository, secret, main };
}

async function push(context: CaseContext, work: string, ...args: string[]): Promise<string> {
  const flags = ["-C", work, "push", "--porcelain", "origin", ...args];
  const { stdout, stderr } = await context.git(flags, { anyExit: true });
  return `${stdout}${stderr}`;
}

const perVersion = (version: number): ConformanceCases => {
  const protocol = ["-c", `protocol.version=${version}`];
  return {
    [`ls-remote shows what is not hidden, version ${version}`]: async (context) => {
      const { url } = await hiding(context);
      const listed = await context.lines([...protocol, "ls-remote", "--refs", url]);
      assert.deepEqual(listed.map((line) => line.split("\t")[1]), [
        "refs/heads/main",
        "refs/secret/shown/y",
      ]);
      assert.equal(await context.text([...protocol, "ls-remote", url, "refs/secret/x"]), "");
    },
    [`a hidden name is not fetched, version ${version}`]: async (context) => {
      const repository = await hiding(context);
      const other = await context.workTree(repository);
      const fetch = ["-C", other, ...protocol, "fetch", "-q", "origin"];
      await context.refused([...fetch, "refs/secret/x"], /couldn't find remote ref|unknown ref/);
      await context.git([...fetch, "refs/secret/shown/y"]);
    },
  };
};

conformance("hidden references", {
  ...perVersion(0),
  ...perVersion(1),
  ...perVersion(2),
  "a clone of everything leaves hidden objects out": async (context) => {
    const repository = await hiding(context);
    const copy = await context.clone(repository, "--mirror");
    assert.ok(!(await context.held(copy)).has(repository.secret));
    assert.ok((await context.held(copy)).has(repository.main));
  },
  "a push to a hidden name is refused, and others count": async (context) => {
    const repository = await hiding(context);
    const said = await push(
      context,
      repository.work,
      "main:refs/secret/new",
      "main:refs/heads/fine",
    );
    assert.match(said, /^!\t.*refs\/secret\/new\t.*\(deny updating a hidden ref\)/m);
    assert.match(said, /^\*\t.*refs\/heads\/fine/m);
  },
  "a name that is shown again is pushed to": async (context) => {
    const repository = await hiding(context);
    assert.match(await push(context, repository.work, "+main~1:refs/secret/shown/y"), /^\+\t/m);
  },
  "a hidden branch is not replaced or deleted by who knows its name": async (context) => {
    const repository = await hiding(context);
    const said = await push(context, repository.work, "main:refs/heads/private/x");
    assert.match(said, /^!\t.*deny updating a hidden ref/m);
    await push(context, repository.work, ":refs/heads/private/x");
    await context.change(repository, { settings: { hiddenReferences: [] } });
    assert.equal(
      await context.remoteOid(repository, "refs/heads/private/x"),
      repository.secret,
    );
  },
  "what is shown again is fetched": async (context) => {
    const repository = await hiding(context);
    await context.change(repository, { settings: { hiddenReferences: [] } });
    const copy = await context.clone(repository, "--mirror");
    assert.ok((await context.held(copy)).has(repository.secret));
  },
  "HEAD is told although its branch is hidden": async (context) => {
    const repository = await hiding(context);
    await context.change(repository, { settings: { hiddenReferences: ["refs/heads"] } });
    const listed = await context.lines(["ls-remote", repository.url]);
    assert.ok(listed.includes(`${repository.main}\tHEAD`));
    assert.ok(!listed.some((line) => line.includes("refs/heads")));
  },
  "a history is not cut at a hidden name": async (context) => {
    const repository = await hiding(context);
    const flags = ["clone", "-q", "--shallow-exclude=refs/secret/x", repository.url];
    await context.refused(
      [...flags, context.temp.join("none")],
      /refs\/secret\/x|hung up|leave out|shallow info/,
    );
  },
});

/** Asks for an object by id; whether it came. */
async function fetched(
  context: CaseContext,
  repository: ServedRepository,
  want: { readonly oid: string; readonly version: number },
): Promise<boolean> {
  const other = await context.workTree(repository);
  const flags = ["-c", `protocol.version=${want.version}`, "fetch", "-q", "origin", want.oid];
  const { code, stderr } = await context.git(["-C", other, ...flags], { anyExit: true });
  if (code !== 0) assert.match(stderr, new RegExp(`not our ref ${want.oid}`));
  return code === 0;
}

// Git's own server gives out any object that it has in version 2.
conformance("hidden objects", {
  "what only hidden references reach is refused by id": async (context) => {
    const repository = await hiding(context);
    for (const version of [0, 2]) {
      const { secret, main } = repository;
      assert.equal(await fetched(context, repository, { oid: secret, version }), false);
      assert.equal(await fetched(context, repository, { oid: main, version }), true);
    }
  },
  "allowHiddenWants serves it, as long as it is set": async (context) => {
    const repository = await hiding(context);
    const { secret: oid } = repository;
    await context.change(repository, { settings: { allowHiddenWants: true } });
    for (const version of [0, 2]) {
      assert.equal(await fetched(context, repository, { oid, version }), true);
    }
    await context.change(repository, { settings: { allowHiddenWants: null } });
    assert.equal(await fetched(context, repository, { oid, version: 2 }), false);
  },
  "a hidden object has no size, a shown one has": async (context) => {
    const repository = await hiding(context);
    const { secret, main } = repository;
    const args = ["size", `oid ${secret}`, `oid ${main}`];
    const body = commandBody(context, "object-info", { args });
    const answer = await converse(context, repository, {
      service: "git-upload-pack",
      version: 2,
      body,
    });
    const [, hidden, shown] = packetTexts(answer);
    assert.equal(hidden?.trim(), secret);
    assert.match(shown ?? "", new RegExp(`^${main} \\d+$`));
  },
  "ref-in-want does not know a hidden name": async (context) => {
    const repository = await hiding(context);
    const args = ["want-ref refs/secret/x", "done"];
    const answer = await converse(context, repository, {
      service: "git-upload-pack",
      version: 2,
      body: commandBody(context, "fetch", { args }),
    });
    assert.match(packetTexts(answer).join("\n"), /^ERR .*unknown ref refs\/secret\/x/);
  },
  "a push may build on a hidden object, and then shows it": async (context) => {
    const repository = await hiding(context);
    const { work, secret } = repository;
    await context.git(["-C", work, "push", "-q", "origin", `${secret}:refs/heads/public`]);
    assert.equal(await fetched(context, repository, { oid: secret, version: 2 }), true);
    assert.ok((await context.held(await context.clone(repository, "--mirror"))).has(secret));
  },
}, { ownOnly: true });
