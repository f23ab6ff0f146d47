/** isomorphic-git from npm, over HTTP. */

import isomorphicGit from "isomorphic-git";
import http from "isomorphic-git/http/node";
import assert from "node:assert/strict";
import { git } from "../harness/git.ts";
import { pushedHistory } from "../harness/pushed.ts";
import { clientCases } from "./client_cases.ts";
import { isomorphicClient } from "./isomorphic_client.ts";

clientCases("isomorphic-git", () => isomorphicClient);

Deno.test("other clients: isomorphic-git lists references by version 2", async () => {
  await using pushed = await pushedHistory({ seed: 84, commits: 10 });
  const listed = await isomorphicGit.listServerRefs({
    http,
    url: pushed.url,
    prefix: "refs/tags/",
    peelTags: true,
    symrefs: true,
  });
  const expected = (await git(["ls-remote", "--tags", pushed.source])).stdout;
  const lines = listed.flatMap(({ ref, oid, peeled }) => [
    `${oid}\t${ref}\n`,
    ...(peeled === undefined ? [] : [`${peeled}\t${ref}^{}\n`]),
  ]);
  assert.equal(lines.join(""), expected);
});
