/**
 * Repeated and simultaneous clones by git itself: whatever way a pack comes, it is the same.
 */

import assert from "node:assert/strict";
import { assertSameRepository, assertSound } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { generateHistory } from "./harness/history.ts";
import { temporaryDirectory } from "./harness/temp.ts";

async function storedPacks(server: GitStratumServer): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${server.dataDirectory}/cache`)) names.push(name);
  return names.filter((name) => name.endsWith(".pack")).sort();
}

function objectsOf(copy: string): Promise<string> {
  const command = ["-C", copy, "cat-file", "--batch-all-objects", "--batch-check"];
  return gitText(command, { env: { GIT_NO_LAZY_FETCH: "1" } });
}

/** Clones until a request of this kind has been stored, and once more. */
async function cloneRepeatedly(server: GitStratumServer, args: readonly string[], to: string) {
  const before = (await storedPacks(server)).length;
  let count = 0;
  do {
    assert.ok(count < 50, "equal clones are stored in the end");
    await git([...args, server.url("acme/one"), `${to}-${count++}`]);
  } while ((await storedPacks(server)).length === before);
  await git([...args, server.url("acme/one"), `${to}-${count++}`]);
  return Array.from({ length: count }, (_, index) => `${to}-${index}`);
}

for (const version of [0, 2]) {
  Deno.test(`clones made and found in the cache are the same, protocol version ${version}`, async () => {
    await using temp = await temporaryDirectory();
    await using server = await GitStratumServer.start();
    const source = await generateHistory(temp.join("source.git"), { seed: 11, commits: 120 });
    await server.createRepository("acme/one");
    await git(["-C", source, "push", "--quiet", "--mirror", server.url("acme/one")]);
    const clone = ["-c", `protocol.version=${version}`, "clone", "-q"];
    const whole = await cloneRepeatedly(server, [...clone, "--mirror"], temp.join("whole"));
    for (const copy of whole) await assertSameRepository(copy, source);
    for (const kind of [["--depth=1"], ["--filter=blob:none", "--no-checkout"], ["--no-tags"]]) {
      const path = temp.join(`part${kind.join("")}`);
      const copies = await cloneRepeatedly(server, [...clone, ...kind], path);
      const objects = await Promise.all(copies.map((copy) => objectsOf(copy)));
      assert.equal(new Set(objects).size, 1, String(kind));
      if (!kind.includes("--filter=blob:none")) await assertSound(copies.at(-1)!);
    }
  });
}

Deno.test("simultaneous clones share, and all of them are sound", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  const source = await generateHistory(temp.join("source.git"), { seed: 12, commits: 150 });
  await server.createRepository("acme/one");
  await git(["-C", source, "push", "--quiet", "--mirror", server.url("acme/one")]);
  const copies = Array.from({ length: 12 }, (_, index) => temp.join(`copy-${index}.git`));
  await Promise.all(
    copies.map((copy) => git(["clone", "-q", "--mirror", server.url("acme/one"), copy])),
  );
  for (const copy of copies) await assertSameRepository(copy, source);
});

Deno.test("a repository made anew under an old name serves nothing of the old one", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start({ flags: ["--pack-cache-from=1"] });
  for (const seed of [21, 22]) {
    const source = await generateHistory(temp.join(`source-${seed}.git`), { seed, commits: 40 });
    await server.createRepository("acme/one");
    await git(["-C", source, "push", "--quiet", "--mirror", server.url("acme/one")]);
    const copies = await cloneRepeatedly(
      server,
      ["clone", "-q", "--mirror"],
      temp.join(`c${seed}`),
    );
    for (const copy of copies) await assertSameRepository(copy, source);
    await fetch(`${server.origin}/api/v1/repos/acme/one`, { method: "DELETE" });
  }
  const gone = await fetch(`${server.url("acme/one")}/info/refs?service=git-upload-pack`);
  assert.equal(gone.status, 404);
  await gone.body?.cancel();
});

Deno.test("a push is seen by the clone after it, whatever was stored before", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start({ flags: ["--pack-cache-from=1"] });
  const source = await generateHistory(temp.join("source.git"), { seed: 31, commits: 60 });
  await server.createRepository("acme/one");
  await git(["-C", source, "push", "--quiet", "--mirror", server.url("acme/one")]);
  await cloneRepeatedly(server, ["clone", "-q", "--mirror"], temp.join("before"));
  await git(["-C", source, "tag", "-a", "-m", "late", "late", "main"]);
  await git(["-C", source, "push", "--quiet", "--mirror", server.url("acme/one")]);
  const after = temp.join("after.git");
  await git(["clone", "-q", "--mirror", server.url("acme/one"), after]);
  await assertSameRepository(after, source);
});
