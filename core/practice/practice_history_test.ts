import assert from "node:assert/strict";
import { PracticeHistory } from "./practice_history.ts";

Deno.test("PracticeHistory.next() adds commit on commit, each with what is new", () => {
  const history = new PracticeHistory();
  const [first, second, third] = [history.next(), history.next(), history.next()];
  assert.deepEqual([first.isFirst, second.isFirst], [true, false]);
  assert.deepEqual([second.from, third.from], [first.oid, second.oid]);
  assert.equal(first.objects.length, 4);
  assert.deepEqual(second.objects.map(({ type }) => type), ["commit", "tree", "blob"]);
  const [commit, tree, blob] = second.objects;
  assert.deepEqual([commit!.oid, tree!.oid], [second.oid, second.tree]);
  assert.deepEqual(tree!.links, [blob!.oid, first.objects[3]!.oid]);
});

Deno.test("PracticeHistory.next() gives what git takes for its own", async () => {
  const history = new PracticeHistory();
  history.next();
  const { objects } = history.next();
  for (const { type, oid, bytes } of objects) {
    const child = new Deno.Command("git", {
      args: ["hash-object", "-t", type, "--stdin"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(bytes);
    await writer.close();
    const { success, stdout } = await child.output();
    assert.ok(success, `${type} passes git's checks`);
    assert.equal(new TextDecoder().decode(stdout).trim(), oid);
  }
});
