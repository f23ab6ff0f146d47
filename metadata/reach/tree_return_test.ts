import { deepEqual } from "node:assert/strict";
import type { Oid } from "@gitstratum/core/git";
import { GitRepository } from "./testing/git_repository.ts";
import { packOids } from "./testing/pack_parts.ts";
import { runRecipe } from "./testing/recipe_runner.ts";
import { TestNetwork } from "./testing/test_network.ts";

/** Commits that set file `changed` to each text in turn, beside a file that stays. */
function historyOf(texts: readonly string[]): string {
  const commits = texts.map((text, at) =>
    [
      "commit refs/heads/main",
      `committer C <c@example.org> ${1_700_000_000 + at} +0000`,
      `data 2\n${at % 10}\n`,
      `M 100644 inline dir/changed\ndata ${text.length}\n${text}`,
      "M 100644 inline dir/same\ndata 4\nsame",
      "",
    ].join("\n")
  );
  const other =
    "commit refs/heads/other\ncommitter C <c@example.org> 1700001000 +0000\ndata 1\no\n" +
    "M 100644 inline other\ndata 5\nother\n";
  return commits.join("") + other;
}

Deno.test("plan() sends all of a tree that returns after a change", async () => {
  await using source = await GitRepository.create("sha1");
  await source.run(["fast-import", "--quiet"], historyOf(["one", "two", "one", "two", "one"]));
  const network = new TestNetwork(source);
  const repository = network.repository();
  // Both branches in one group, so that a fetch of one has to open trees.
  await network.push(repository, { "refs/heads/main": "main", "refs/heads/other": "other" });
  const wants: Oid[] = [await source.oid("main")];
  const recipe = await network.view.plan(repository, {
    wants,
    haves: [],
    clientShallow: [],
    thinPack: false,
    ofsDelta: true,
    includeTag: false,
  });
  const oids = await packOids(await runRecipe(recipe, network.extents), {
    format: "sha1",
    findBase: () => Promise.reject(new Error("No thin pack was asked for")),
  });
  deepEqual(new Set(oids), await source.reachable(["main"]));
});
