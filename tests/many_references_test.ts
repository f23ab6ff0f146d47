import assert from "node:assert/strict";
import { git, gitText } from "./harness/git.ts";
import { fastImport, generateHistory } from "./harness/history.ts";
import { startServer } from "./harness/server.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const COUNT = 50_000;

Deno.test(`a repository with ${COUNT} references is pushed, listed and cloned`, async () => {
  await using temp = await temporaryDirectory();
  await using server = await startServer();
  const source = await generateHistory(temp.join("source.git"), { seed: 81, commits: 40 });
  const oids = (await gitText(["-C", source, "rev-list", "main"])).split("\n");
  const lines: string[] = [];
  for (let number = 0; number < COUNT; number++) {
    const group = String(number % 100).padStart(2, "0");
    lines.push(`reset refs/heads/many/${group}/b${number}\nfrom ${oids[number % oids.length]}\n\n`);
  }
  await fastImport(source, lines.join(""));
  await git(["-C", source, "pack-refs", "--all"]);
  await server.createRepository("many/references");
  const url = server.url("many/references");
  await git(["-C", source, "push", "-q", "--mirror", url]);
  const all = await gitText(["ls-remote", url, "refs/heads/many/*"]);
  assert.equal(all.split("\n").length, COUNT);
  for (const version of [0, 2]) {
    const copy = temp.join(`copy${version}.git`);
    await git(["-c", `protocol.version=${version}`, "clone", "-q", "--mirror", url, copy]);
    assert.equal(
      await gitText(["-C", copy, "for-each-ref"]),
      await gitText(["-C", source, "for-each-ref"]),
    );
  }
});
