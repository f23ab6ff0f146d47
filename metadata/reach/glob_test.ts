import { deepEqual, equal, ok } from "node:assert/strict";
import { GitRepository } from "./testing/git_repository.ts";
import { Glob } from "./glob.ts";
import { SparsePatterns } from "./sparse_patterns.ts";
import { dice } from "./testing/history.ts";

Deno.test("SparsePatterns.includes() follows git rev-list --filter=sparse:oid", async () => {
  await using repository = await GitRepository.create("sha1");
  const roll = dice(2);
  const names = ["a", "b", "ab", "aab", "b-c", "c"];
  const directories = ["", ...names.map((name) => `${name}/`)];
  // Directories and files never share a name: files end with a digit.
  const paths = directories.flatMap((outer) =>
    directories.flatMap((inner) => names.map((name) => `${outer}${outer && inner}${name}1`))
  );
  const unique = [...new Set(paths)];
  const script = unique.map((path) => `M 100644 inline ${path}\ndata ${path.length}\n${path}\n`);
  const head = "commit refs/heads/main\ncommitter C <c@example.org> 1600000000 +0000\ndata 1\nx\n";
  await repository.run(["fast-import", "--quiet"], head + script.join(""));
  const parts = [
    "a",
    "b1",
    "ab",
    "*",
    "?",
    "a*",
    "**",
    "[ab]",
    "[!a]*",
    "a?b1",
    "\\a",
    "b-c1",
    "*1",
  ];
  let included = 0;
  for (let round = 0; round < 40; round++) {
    const lines = Array.from({ length: 1 + roll(4) }, () => {
      const path = Array.from({ length: 1 + roll(3) }, () => parts[roll(parts.length)]!).join("/");
      return (roll(4) === 0 ? "!" : "") + (roll(3) === 0 ? "/" : "") + path +
        (roll(4) === 0 ? "/" : "");
    });
    const text = lines.join("\n") + "\n";
    const [blob] = await repository.lines(["hash-object", "-w", "--stdin"], text);
    const args = ["rev-list", "--objects", `--filter=sparse:oid=${blob}`, "main"];
    const listed = (await repository.lines(args)).map((line) => line.slice(41));
    const patterns = new SparsePatterns(text);
    const found = unique.filter((path) => patterns.includes(path));
    const expected = unique.filter((path) => listed.includes(path));
    deepEqual(found, expected, JSON.stringify(lines));
    included += found.length;
  }
  ok(included > 100, "Some paths are in");
});

Deno.test("Glob.matches() takes no longer for patterns made to hurt", () => {
  const glob = new Glob("*a".repeat(40) + "b");
  equal(glob.matches("a".repeat(4000)), false);
  equal(glob.matches("a".repeat(4000) + "b"), true);
});
