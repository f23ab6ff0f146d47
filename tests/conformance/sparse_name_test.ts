/** `sparse:oid` filters that name their blob: the server knows what the name means, not the client. */

import assert from "node:assert/strict";
import type { CaseContext } from "./case_context.ts";
import { conformance, type ConformanceCases } from "./conformance.ts";

/** A repository whose patterns choose `in/`. */
async function patterned(context: CaseContext) {
  const repository = await context.seeded();
  const { work } = repository;
  await context.commit(work, "in/one.txt");
  await context.commit(work, "out/two.txt");
  await context.commit(work, "deep/er/patterns", "/in/\n");
  await context.git(["-C", work, "tag", "-a", "-m", "a tag", "v1"]);
  await context.git(["-C", work, "tag", "blob", "HEAD:deep/er/patterns"]);
  await context.git(["-C", work, "push", "-q", "origin", "main", "v1", "blob"]);
  return repository;
}

/** What stands for the name; made when the repository is there. */
type NameOf = (context: CaseContext, work: string) => string | Promise<string>;

const NAMES: Readonly<Record<string, NameOf>> = {
  "a branch and a path": () => "main:deep/er/patterns",
  "a full reference name and a path": () => "refs/heads/main:deep/er/patterns",
  "HEAD and a path": () => "HEAD:deep/er/patterns",
  "an annotated tag and a path": () => "v1:deep/er/patterns",
  "a tag of a blob": () => "blob",
  "the id of a commit and a path": async (context, work) =>
    `${await context.text(["-C", work, "rev-parse", "main"])}:deep/er/patterns`,
  "the id of a tree and a path": async (context, work) =>
    `${await context.text(["-C", work, "rev-parse", "main:deep"])}:er/patterns`,
};

function chooses(title: string, nameOf: NameOf): ConformanceCases {
  return {
    [`${title} names the patterns`]: async (context) => {
      const repository = await patterned(context);
      const name = await nameOf(context, repository.work);
      const copy = await context.clone(repository, "--bare", `--filter=sparse:oid=${name}`);
      const held = await context.held(copy);
      const idOf = (path: string) =>
        context.text(["-C", repository.work, "rev-parse", `main:${path}`]);
      assert.ok(held.has(await idOf("in/one.txt")));
      assert.ok(!held.has(await idOf("out/two.txt")));
    },
  };
}

/** Fails unless a clone with such a name is refused. */
async function refusedName(context: CaseContext, url: string, name: string): Promise<void> {
  const filter = `--filter=sparse:oid=${name}`;
  await context.refused(
    ["clone", "-q", "--bare", filter, url, context.temp.join("none")],
    /unable to access sparse blob|hung up|expected|unable to parse sparse filter/,
  );
}

conformance("sparse filters by name", {
  ...Object.assign(
    {},
    ...Object.entries(NAMES).map(([title, nameOf]) => chooses(title, nameOf)),
  ) as ConformanceCases,
  "a name works in version 0": async (context) => {
    const repository = await patterned(context);
    const flags = [
      "-c",
      "protocol.version=0",
      "--bare",
      "--filter=sparse:oid=main:deep/er/patterns",
    ];
    const held = await context.held(await context.clone(repository, ...flags));
    const out = await context.text(["-C", repository.work, "rev-parse", "main:out/two.txt"]);
    assert.ok(!held.has(out));
  },
  "names that mean nothing are refused": async (context) => {
    const { url } = await patterned(context);
    for (const name of ["main:none", "none:deep/er/patterns", "none", "main:in/one.txt/deeper"]) {
      await refusedName(context, url, name);
    }
    await refusedName(context, url, `${context.unknownOid}:patterns`);
  },
});

conformance("sparse filters by hidden names", {
  "a hidden reference names nothing": async (context) => {
    const repository = await patterned(context);
    await context.git(["-C", repository.work, "push", "-q", "origin", "main:refs/secret/x"]);
    const response = await fetch(`${context.origin}/api/v1/repos/${repository.name}`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ settings: { hiddenReferences: ["refs/secret"] } }),
    });
    assert.equal(response.status, 200, await response.text());
    await refusedName(context, repository.url, "refs/secret/x:deep/er/patterns");
  },
}, { ownOnly: true });
