import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError } from "@gitstratum/core";
import { parseArchiveRequest } from "./archive_request.ts";

const PLAIN = {
  kind: "archive",
  format: "tar",
  prefix: "",
  verbose: false,
  treeish: "main",
  paths: [],
};

Deno.test("parseArchiveRequest() reads options wherever they stand", () => {
  assert.deepEqual(parseArchiveRequest(["main"]), PLAIN);
  assert.deepEqual(
    parseArchiveRequest(["main", "--prefix=p/", "a", "-v", "--format", "zip", "-12", "-9", "b"]),
    { ...PLAIN, format: "zip", prefix: "p/", level: 9, verbose: true, paths: ["a", "b"] },
  );
  assert.deepEqual(parseArchiveRequest(["main", "--", "-v"]), { ...PLAIN, paths: ["-v"] });
  assert.deepEqual(parseArchiveRequest(["--mtime=@12", "main"]), { ...PLAIN, timeS: 12 });
  assert.deepEqual(parseArchiveRequest(["--mtime=1970-01-01T00:01:00Z", "main"]), {
    ...PLAIN,
    timeS: 60,
  });
});

Deno.test("parseArchiveRequest() reads a wish for the list of formats", () => {
  for (const word of ["-l", "--list"]) {
    assert.deepEqual(parseArchiveRequest([word]), { kind: "list" });
  }
});

for (
  const words of [
    [],
    ["-v"],
    ["--list", "main"],
    ["--format=rar", "main"],
    ["--format"],
    ["--output=/etc/passwd", "main"],
    ["-o", "x", "main"],
    ["--remote=x", "main"],
    ["--add-file=/etc/passwd", "main"],
    ["--mtime=soon", "main"],
    ["-9", "main"],
    ["--format=zip", "-10", "main"],
    ["--constructor=x", "main"],
  ]
) {
  Deno.test(`parseArchiveRequest() refuses ${JSON.stringify(words)}`, () => {
    assert.throws(() => parseArchiveRequest(words), { code: "invalid" });
  });
}

Deno.test("parseArchiveRequest() answers or throws, whatever it is given", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("--", "-", "-v", "--format", "--format=zip", "--prefix", "-9", "main"),
  );
  fc.assert(fc.property(fc.array(word, { maxLength: 8 }), (words) => {
    try {
      parseArchiveRequest(words);
    } catch (error) {
      assert.ok(error instanceof GitStratumError);
    }
  }));
});
