import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { GitStratumError } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type { PlanRequest } from "@gitstratum/core/rpc";
import { BlockCache } from "./block_cache.ts";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";
import { Introductions } from "./introductions.ts";
import { NetworkStore } from "./network_store.ts";
import type { ObjectReader } from "./object_reader.ts";
import { Slices } from "./slices.ts";
import { GitRepository } from "./testing/git_repository.ts";
import { dice, writeHistory } from "./testing/history.ts";
import { packOids } from "./testing/pack_parts.ts";
import { runRecipe } from "./testing/recipe_runner.ts";
import { TestNetwork } from "./testing/test_network.ts";

const CLONE: PlanRequest = {
  wants: [],
  haves: [],
  clientShallow: [],
  thinPack: false,
  ofsDelta: true,
  includeTag: false,
};

/** Everything that the source's references name, pushed at once. */
async function mirrored(source: GitRepository) {
  const network = new TestNetwork(source);
  const repository = network.repository();
  const names = [...(await source.references()).keys()];
  await network.push(repository, Object.fromEntries(names.map((name) => [name, name])));
  const store = new NetworkStore({
    catalogue: network,
    extents: network.extents,
    blocks: new BlockCache(network.extents, 1 << 20),
    objects: new ByteBoundedCache(1 << 20),
    bytesMax: 1 << 24,
  });
  return { network, repository, open: await store.open(repository) };
}

/** Trees and blobs that commits reach. */
async function contentOf(source: GitRepository, commits: readonly Oid[]): Promise<Set<Oid>> {
  const all = await source.reachable([], commits.join("\n") + "\n");
  const kinds = await source.lines(["cat-file", "--batch-check"], [...all].join("\n") + "\n");
  const content = kinds.filter((line) => / (tree|blob) /.test(line));
  return new Set(content.map((line) => line.split(" ")[0] as Oid));
}

/** Files that all change from each commit to the next, and back. */
function togglingHistory(commits: number, files: number): string {
  return Array.from({ length: commits }, (_, at) =>
    [
      "commit refs/heads/main",
      `committer C <c@example.org> ${1_700_000_000 + at} +0000`,
      `data 2\n${at % 10}\n`,
      ...Array.from({ length: files }, (_, file) => {
        return `M 100644 inline file${file}\ndata 4\n${at % 2}${file + 100}`;
      }),
      "",
    ].join("\n")).join("");
}

for (const format of ["sha1", "sha256"] as const) {
  Deno.test(`Introductions of a commit and all before it are what it reaches (${format})`, async () => {
    await using source = await GitRepository.create(format);
    await writeHistory(source, dice(31), 70);
    const { open: { network, introductions } } = await mirrored(source);
    const [group] = network.groups;
    const { index, commitNodes } = group!;
    const listOf = await introductions.of(group!, index.commitCount, new Slices());
    ok(listOf !== undefined);
    ok(introductions.bytes > 0);
    for (let commit = 0; commit < index.commitCount; commit += 3) {
      const into = new Set([commitNodes[commit]!]);
      for (const node of into) for (const parent of network.graph.parentsAt(node)) into.add(parent);
      const found = new Set<Oid>();
      commitNodes.forEach((node, at) => {
        if (into.has(node)) {
          for (const position of listOf(at)) found.add(network.oidAt(position));
        }
      });
      deepEqual(found, await contentOf(source, [index.oidAt(index.commitOrdinal(commit))]));
    }
  });
}

Deno.test("plan() sends the same with lists as git does, branch by branch", async () => {
  await using source = await GitRepository.create("sha1");
  await writeHistory(source, dice(32), 90);
  const { network, repository } = await mirrored(source);
  const branches = [...(await source.references())].filter(([name]) => /heads/.test(name));
  ok(branches.length > 4);
  const sent = async (request: PlanRequest) => {
    const recipe = await network.view.plan(repository, request);
    const oids = await packOids(await runRecipe(recipe, network.extents), {
      format: "sha1",
      findBase: () => Promise.reject(new Error("No thin pack was asked for")),
    });
    equal(new Set(oids).size, oids.length);
    return new Set(oids);
  };
  // The first that is large enough makes the lists; the second round uses them for all.
  for (const _ of [1, 2]) {
    for (const [name, oid] of branches) {
      const reached = await source.reachable([name]);
      deepEqual(await sent({ ...CLONE, wants: [oid] }), reached);
      const content = await contentOf(source, [oid]);
      const bare = await sent({ ...CLONE, wants: [oid], filter: { kind: "tree", depth: 0 } });
      deepEqual(bare, reached.difference(content));
      const [, have] = branches[oid.charCodeAt(3) % branches.length]!;
      const had = await source.reachable([have]);
      const fetched = await sent({ ...CLONE, wants: [oid], haves: [have] });
      ok(reached.difference(had).isSubsetOf(fetched), "Nothing is missing");
      ok(fetched.isSubsetOf(reached), "Nothing comes that was not asked for");
    }
  }
});

Deno.test("Introductions has no lists where they would be too long, and plans go on", async () => {
  await using source = await GitRepository.create("sha1");
  await source.run(["fast-import", "--quiet"], togglingHistory(60, 50));
  await source.run(["update-ref", "refs/heads/older", "main~3"]);
  const { network, repository, open } = await mirrored(source);
  const [group] = open.network.groups;
  equal(await open.introductions.of(group!, 60, new Slices()), undefined);
  equal(open.introductions.bytes, 0);
  const older = await source.oid("older");
  const recipe = await network.view.plan(repository, { ...CLONE, wants: [older] });
  equal(recipe.header.objectCount, (await source.reachable(["older"])).size);
  await recipe.steps[Symbol.asyncIterator]().return?.();
});

Deno.test("Introductions.of() leaves small questions to a walk, and tries again after a failure", async () => {
  await using source = await GitRepository.create("sha1");
  await writeHistory(source, dice(33), 70);
  const { open: { network, reader } } = await mirrored(source);
  const [group] = network.groups;
  let isBroken = true;
  const flaky = {
    readNow: () => undefined,
    read(position: number) {
      if (isBroken) throw new GitStratumError("unavailable", "Lose the store");
      return reader.read(position);
    },
  } as unknown as ObjectReader;
  let grown = 0;
  const lists = new Introductions(network, flaky, { onGrowth: () => grown++ });
  equal(await lists.of(group!, 15, new Slices()), undefined);
  await rejects(lists.of(group!, 70, new Slices()), { code: "unavailable" });
  isBroken = false;
  const made = await Promise.all([1, 2].map(() => lists.of(group!, 70, new Slices())));
  ok(made.every((listOf) => listOf !== undefined));
  equal(grown, 1);
});
