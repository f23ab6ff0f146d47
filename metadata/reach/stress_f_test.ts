import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import type { ObjectFilter, ObjectFormat, ObjectType, Oid } from "@gitstratum/core/git";
import type { Depth, PlanRequest } from "@gitstratum/core/rpc";
import { GitRepository } from "./testing/git_repository.ts";
import { type Dice, dice, writeHistory } from "./testing/history.ts";
import { packOids } from "./testing/pack_parts.ts";
import { runRecipe } from "./testing/recipe_runner.ts";
import { pushInSteps } from "./testing/push_history.ts";
import { TestNetwork, type TestRepository } from "./testing/test_network.ts";
import { askUploadPack, type UploadRequest } from "./testing/upload_pack.ts";

const FORMATS: readonly ObjectFormat[] = ["sha1", "sha256"];

interface World {
  readonly source: GitRepository;
  readonly network: TestNetwork;
  readonly repository: TestRepository;
  /** All that the repository reaches. */
  readonly reached: ReadonlySet<Oid>;
}

const PLAIN: PlanRequest = {
  wants: [],
  haves: [],
  clientShallow: [],
  thinPack: false,
  ofsDelta: true,
  includeTag: false,
};

/** What a planned pack holds; fails when an object comes twice or is none of the repository's. */
async function planned(world: World, request: PlanRequest) {
  const { network, repository, source, reached } = world;
  const recipe = await network.view.plan(repository, request);
  const pack = await runRecipe(recipe, network.extents);
  const oids = await packOids(pack, {
    format: source.format,
    findBase: async (oid) => {
      ok(request.thinPack, "Only a thin pack leaves bases out");
      const [type] = await source.lines(["cat-file", "-t", oid]);
      return { type: type as ObjectType, bytes: await source.run(["cat-file", type!, oid]) };
    },
  });
  equal(new Set(oids).size, oids.length, "No object comes twice");
  equal(recipe.header.objectCount, oids.length);
  for (const oid of oids) ok(reached.has(oid), "Nothing comes that the repository does not reach");
  return { recipe, pack, oids: new Set(oids) };
}

/** What git sends for the same fetch. */
async function expectedOids(world: World, request: UploadRequest) {
  const answer = await askUploadPack(world.source, request);
  if (answer === undefined) return undefined;
  const oids = await packOids(answer.pack, {
    format: world.source.format,
    findBase: () => Promise.reject(new Error("git sent a thin pack")),
  });
  return { ...answer, oids: new Set(oids) };
}

function capabilities(format: ObjectFormat, more: readonly string[] = []): string[] {
  return ["ofs-delta", `object-format=${format}`, ...more];
}

async function makeWorld(source: GitRepository, seed: number, count: number): Promise<World> {
  const roll = dice(seed);
  await writeHistory(source, roll, count);
  const network = new TestNetwork(source, { extentBytes: 3000 });
  const repository = network.repository();
  await pushInSteps(network, repository, roll);
  const reached = await source.reachable(["--all"]);
  return { source, network, repository, reached };
}

/** A client with everything that the given commits reach, and nothing else. */
async function clientWith(world: World, haves: readonly Oid[]): Promise<GitRepository> {
  const client = await GitRepository.create(world.source.format);
  if (haves.length > 0) {
    const args = ["pack-objects", "--stdout", "--revs", "-q"];
    const pack = await world.source.run(args, haves.join("\n") + "\n");
    await client.run(["index-pack", "--stdin"], pack);
  }
  return client;
}

function pick<T>(roll: Dice, from: readonly T[], count: number): T[] {
  return [...new Set(Array.from({ length: count }, () => from[roll(from.length)]!))];
}

for (const format of FORMATS) {
  Deno.test(`plan() of a clone holds exactly what git sends (${format})`, async () => {
    await using source = await GitRepository.create(format);
    const world = await makeWorld(source, 400 + 31, 60);
    const roll = dice(400 + 32);
    const tips = [...new Set(world.repository.tips())];
    for (let round = 0; round < 25; round++) {
      const wants = round === 0 ? tips : pick(roll, tips, 1 + roll(3));
      const ofsDelta = roll(3) > 0;
      const { oids, pack } = await planned(world, { ...PLAIN, wants, ofsDelta });
      deepEqual(oids, await source.reachable([], wants.join("\n") + "\n"), `round ${round}`);
      await using client = await clientWith(world, []);
      await client.run(["index-pack", "--strict", "--stdin"], pack);
    }
  });

  Deno.test(`plan() of a fetch holds what the client lacks (${format})`, async () => {
    await using source = await GitRepository.create(format);
    const world = await makeWorld(source, 400 + 41, 70);
    const roll = dice(400 + 42);
    const commits = await source.lines(["rev-list", "--all"]) as Oid[];
    let [ours, theirs] = [0, 0];
    for (let round = 0; round < 25; round++) {
      const wants = pick(roll, [...commits.slice(0, 30), ...world.repository.tips()], 1 + roll(3));
      const haves = pick(roll, commits, 1 + roll(3));
      const thinPack = roll(3) > 0;
      const request = { ...PLAIN, wants, haves, thinPack, ofsDelta: roll(3) > 0 };
      const { oids, pack } = await planned(world, request);
      await using client = await clientWith(world, haves);
      const res = await client.try(["index-pack", "--strict", "--fix-thin", "--stdin"], pack);
      if (res.code) {
        const clientHas = await source.reachable([], haves.join("\n") + "\n");
        const wanted = await source.reachable([], wants.join("\n") + "\n");
        const miss = [...wanted].filter((o) => !clientHas.has(o) && !oids.has(o));
        const info = async (l: Oid[]) =>
          await Promise.all(
            l.map(async (o) =>
              o.slice(0, 8) + " " + (await source.lines(["cat-file", "-t", o]))[0]
            ),
          );
        console.log(
          round,
          res.error,
          "missing for client",
          await info(miss),
          "wants",
          await info(wants),
          "haves",
          await info(haves),
        );
        const bad = res.error.match(/[0-9a-f]{40}/)?.[0] as Oid;
        console.log("bad", await info([bad]), clientHas.has(bad), wanted.has(bad), oids.has(bad));
        for (const o of oids) {
          const out = new TextDecoder().decode(await source.run(["cat-file", "-p", o]));
          if (out.includes(bad)) {
            console.log("linked by", o, clientHas.has(o), wanted.has(o), await info([o]));
          }
        }
      }
      await client.run(["rev-list", "--objects", "--stdin"], wants.join("\n") + "\n");
      const upload = {
        wants,
        haves,
        clientShallow: [],
        deepen: [],
        capabilities: capabilities(format),
      };
      theirs += (await expectedOids(world, upload))!.oids.size;
      ours += oids.size;
    }
    ok(ours <= theirs * 1.15 + 10, `Little is superfluous: ${ours} against ${theirs}`);
  });

  Deno.test(`plan() with a depth holds what a shallow client lacks (${format})`, async () => {
    await using source = await GitRepository.create(format);
    const world = await makeWorld(source, 400 + 51, 60);
    const roll = dice(400 + 52);
    const heads = [...world.repository.references].filter(([name]) => name.includes("heads"));
    for (let round = 0; round < 25; round++) {
      await using client = await GitRepository.create(format);
      let haves: Oid[] = [];
      let shallow: Oid[] = [];
      // A shallow clone, then two fetches that deepen, unshallow or just continue it.
      for (let step = 0; step < 3; step++) {
        const wants = pick(roll, heads, 1 + roll(2)).map(([, oid]) => oid);
        const depth = step === 0 || roll(2) === 0 ? randomDepth(roll, step > 0) : undefined;
        const upload: UploadRequest = {
          wants,
          haves,
          clientShallow: shallow,
          deepen: depth === undefined ? [] : [depth.line],
          capabilities: capabilities(format, depth?.capabilities),
        };
        const expected = await expectedOids(world, upload);
        const request = {
          ...PLAIN,
          wants,
          haves,
          clientShallow: shallow,
          thinPack: true,
          ...depth === undefined ? {} : { depth: depth.depth },
        };
        if (expected === undefined) {
          await rejects(planned(world, request), (error) => hasCode(error, "invalid"));
          continue;
        }
        const { recipe, pack } = await planned(world, request);
        deepEqual(new Set(recipe.header.shallow), expected.shallow, `round ${round}.${step}`);
        deepEqual(new Set(recipe.header.unshallow), expected.unshallow);
        shallow = [...new Set([...shallow, ...recipe.header.shallow])]
          .filter((oid) => !recipe.header.unshallow.includes(oid));
        await Deno.writeTextFile(
          `${client.directory}/shallow`,
          shallow.map((oid) => `${oid}\n`).join(""),
        );
        await client.run(["index-pack", "--fix-thin", "--stdin"], pack);
        haves = [...new Set([...haves, ...wants])];
        // Fails when an object is missing on this side of the boundary.
        await client.run(["rev-list", "--objects", "--stdin"], haves.join("\n") + "\n");
      }
    }
  });

  Deno.test(`plan() with a filter leaves out what git leaves out (${format})`, async () => {
    await using source = await GitRepository.create(format);
    const world = await makeWorld(source, 400 + 61, 50);
    const roll = dice(400 + 62);
    const patterns = await source.run(["hash-object", "-w", "--stdin"], "/d/\nfile1\n!e/file2\n");
    const sparse = new TextDecoder().decode(patterns).trim() as Oid;
    await source.run(["tag", "sparse", sparse]);
    await world.network.push(world.repository, { "refs/tags/sparse": "sparse" });
    const all = await source.reachable(["--all"]);
    const filtered = { ...world, reached: all };
    const tips = [...new Set(world.repository.tips())].filter((oid) => oid !== sparse);
    for (const [line, filter] of filters(sparse)) {
      const wants = pick(roll, tips, 1 + roll(3));
      const request = { ...PLAIN, wants, filter };
      const { oids } = await planned(filtered, request);
      const expected = await expectedOids(filtered, {
        wants,
        haves: [],
        clientShallow: [],
        deepen: [],
        filter: line,
        capabilities: capabilities(format, ["filter"]),
      });
      deepEqual(expected!.oids.difference(oids), new Set(), line);
      // What a wanted tag points at counts as wanted; git forgets that when a commit has it too.
      const tagged = await source.lines(["rev-parse", ...wants.map((oid) => `${oid}^{}`)]) as Oid[];
      deepEqual(oids.difference(expected!.oids).difference(new Set(tagged)), new Set(), line);
    }
    const blobs = (await source.lines(["ls-tree", "-r", "b0"])).map((line) =>
      line.split(/\s/)[2] as Oid
    );
    const lazy = await planned(filtered, {
      ...PLAIN,
      wants: blobs,
      filter: { kind: "blob:none" },
    });
    deepEqual(lazy.oids, new Set(blobs), "What is asked for by id comes in spite of the filter");
  });
}

function filters(sparse: Oid): [string, ObjectFilter][] {
  const none: ObjectFilter = { kind: "blob:none" };
  const tree = (depth: number): ObjectFilter => ({ kind: "tree", depth });
  const type = (name: ObjectType): ObjectFilter => ({ kind: "object:type", type: name });
  return [
    ["blob:none", none],
    ["blob:limit=300", { kind: "blob:limit", bytes: 300 }],
    ["tree:0", tree(0)],
    ["tree:1", tree(1)],
    ["tree:2", tree(2)],
    ["tree:3", tree(3)],
    ["object:type=commit", type("commit")],
    ["object:type=tree", type("tree")],
    ["object:type=blob", type("blob")],
    ["object:type=tag", type("tag")],
    [`sparse:oid=${sparse}`, { kind: "sparse:oid", oid: sparse }],
    ["combine:blob:none+tree:2", { kind: "combine", filters: [none, tree(2)] }],
  ];
}

function randomDepth(
  roll: Dice,
  isLater: boolean,
): { readonly line: string; readonly depth: Depth; readonly capabilities: string[] } {
  const depth = 1 + roll(7);
  switch (roll(isLater ? 4 : 2)) {
    case 0: {
      const sinceS = 1_600_000_000 + roll(60) * 60;
      const exclude: Depth = { kind: "exclude", sinceS, not: [] };
      return { line: `deepen-since ${sinceS}`, depth: exclude, capabilities: ["deepen-since"] };
    }
    case 2: {
      const relative: Depth = { kind: "commits", depth, relative: true };
      return { line: `deepen ${depth}`, depth: relative, capabilities: ["deepen-relative"] };
    }
    case 3: {
      const whole: Depth = { kind: "commits", depth: 0x7fffffff, relative: false };
      return { line: "deepen 2147483647", depth: whole, capabilities: [] };
    }
    default: {
      const plain: Depth = { kind: "commits", depth, relative: false };
      return { line: `deepen ${depth}`, depth: plain, capabilities: [] };
    }
  }
}

Deno.test("plan() sends tags along with what they point at", async () => {
  await using source = await GitRepository.create("sha1");
  const world = await makeWorld(source, 400 + 71, 30);
  const tagged = await source.oid("plain^{}");
  const { oids } = await planned(world, { ...PLAIN, wants: [tagged], includeTag: true });
  for (const name of ["plain", "nested", "deep"]) ok(oids.has(await source.oid(name)), name);
  const without = await planned(world, { ...PLAIN, wants: [tagged] });
  ok(!without.oids.has(await source.oid("plain")));
});

Deno.test("plan() refuses what only a fork reaches", async () => {
  await using source = await GitRepository.create("sha1");
  const world = await makeWorld(source, 400 + 81, 20);
  const fork = world.network.repository();
  await source.run(["tag", "-a", "-m", "x", "only-fork", "b0"]);
  await world.network.push(fork, { "refs/tags/only-fork": "only-fork" });
  const wants = [await source.oid("only-fork")];
  await rejects(
    world.network.view.plan(world.repository, { ...PLAIN, wants }),
    (error) => hasCode(error, "denied"),
  );
  ok((await world.network.view.plan(fork, { ...PLAIN, wants })).header.objectCount > 20);
});
