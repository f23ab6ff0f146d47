import assert from "node:assert/strict";
import { git, gitText } from "./harness/git.ts";
import { generateHistory } from "./harness/history.ts";
import { joinBytes, NO_OBJECT, pack, pktLine, postPush } from "./harness/raw_pack.ts";
import { startServer } from "./harness/server.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const COUNT = 50_000;

/**
 * Body of a push that creates references to objects the server has. Hand-made, because the client's
 * own reading of 50,000 report lines takes time that grows with the square of their number.
 */
function createReferences(oids: readonly string[]): Uint8Array<ArrayBuffer> {
  const lines = Array.from({ length: COUNT }, (_, number) => {
    const group = String(number % 100).padStart(2, "0");
    const line = `${NO_OBJECT} ${oids[number % oids.length]} refs/heads/many/${group}/b${number}`;
    return pktLine(number === 0 ? `${line}\0 report-status` : line);
  });
  return joinBytes(lines.join(""), "0000", pack([]));
}

Deno.test(`a repository with ${COUNT} references is pushed, listed and cloned`, async () => {
  await using temp = await temporaryDirectory();
  await using server = await startServer();
  const source = await generateHistory(temp.join("source.git"), { seed: 81, commits: 40 });
  await server.createRepository("many/references");
  const url = server.url("many/references");
  await git(["-C", source, "push", "-q", "--mirror", url]);
  const oids = (await gitText(["-C", source, "rev-list", "main"])).split("\n");
  const { text } = await postPush(url, createReferences(oids));
  assert.match(text, /unpack ok/);
  assert.equal(text.match(/ok refs\/heads\/many\//g)?.length, COUNT);
  const listed = await gitText(["ls-remote", url, "refs/heads/many/*"]);
  assert.equal(listed.split("\n").length, COUNT);
  for (const version of [0, 2]) {
    const copy = temp.join(`copy${version}.git`);
    await git(["-c", `protocol.version=${version}`, "clone", "-q", "--mirror", url, copy]);
    const cloned = await gitText([
      "-C",
      copy,
      "for-each-ref",
      "--format=%(objectname)\t%(refname)",
    ]);
    assert.equal(cloned, await gitText(["ls-remote", "--refs", url]));
  }
});
