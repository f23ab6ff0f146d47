import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError, hasCode } from "../error.ts";
import { parseCommit } from "./commit.ts";
import type { ObjectFormat } from "./oid.ts";
import { parseTag } from "./tag.ts";
import { isSubmoduleMode, isSymlinkMode, isTreeMode, linkedTypeOf, TreeCursor } from "./tree.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const A = "a".repeat(40);
const B = "B1".repeat(20);
const IDENTITY = "A U Thor <a@b> 1234567890 +0200";
const invalid = (error: unknown) => hasCode(error, "invalid");

Deno.test("parseCommit() reads tree, parents and committer time", () => {
  const commit = bytes(
    `tree ${A}\nparent ${A}\nparent ${B}\nauthor ${IDENTITY}\ncommitter C <c> 42 +0000\n` +
      `gpgsig x\n y\nencoding latin1\n\nmessage`,
  );
  assert.deepEqual(parseCommit(commit, "sha1"), {
    tree: A,
    parents: [A, B.toLowerCase()],
    committerTimeS: 42,
  });
});

Deno.test("parseCommit() finds the time in odd committer lines as git does", () => {
  const time = (committer: string) =>
    parseCommit(bytes(`tree ${A}\nauthor x\n${committer}\n`), "sha1").committerTimeS;
  assert.equal(time("committer A <b> 12+0100"), 12);
  assert.equal(time("committer A <b>> \t 13 junk"), 13);
  assert.equal(time("committer A b 14 +0000"), 0);
  assert.equal(time("committer A <b> x"), 0);
  assert.equal(time("committer A <b> 99999999999999999999999 +0000"), Number.MAX_SAFE_INTEGER);
  assert.equal(time("other A <b> 15 +0000"), 0);
});

Deno.test("parseCommit() rejects ids that can not be read", () => {
  for (
    const bad of [
      "",
      "tree",
      `tree ${A}`,
      `tree ${A.slice(1)}\n`,
      `tree ${A}0\n`,
      `tree ${"g".repeat(40)}\n`,
      `tree ${A}\nparent ${A} \n`,
      `parent ${A}\n`,
    ]
  ) {
    assert.throws(() => parseCommit(bytes(bad), "sha1"), invalid, bad);
  }
});

Deno.test("parseTag() reads object, type and name of both formats", () => {
  const long = "c".repeat(64);
  assert.deepEqual(
    parseTag(bytes(`object ${long}\ntype tag\ntag v1\n\nmessage`), "sha256"),
    { target: long, type: "tag", name: "v1" },
  );
  for (
    const bad of [
      `object ${A}\ntype tag\ntag v1`,
      `object ${A}\ntype taag\ntag v\n`,
      `object ${A}\ntag v\n`,
    ]
  ) {
    assert.throws(() => parseTag(bytes(bad), "sha1"), invalid, bad);
  }
  assert.throws(() => parseTag(bytes(`object ${A}\ntype toString\ntag v\n`), "sha1"), invalid);
});

function treeOf(entries: readonly (readonly [string, string])[], format: ObjectFormat) {
  const oid = new Uint8Array(format === "sha1" ? 20 : 32).fill(7);
  const parts = entries.flatMap(([mode, name]) => [...bytes(`${mode} ${name}\0`), ...oid]);
  return Uint8Array.from(parts);
}

Deno.test("TreeCursor walks over entries of any mode", () => {
  const entries = [
    ["100644", "a"],
    ["40000", "b"],
    ["120000", "ü"],
    ["160000", "s"],
    ["0100664", "z z"],
    ["7", "odd"],
  ] as const;
  for (const format of ["sha1", "sha256"] as const) {
    const tree = treeOf(entries, format);
    const cursor = new TreeCursor(tree, format);
    const found: (readonly [string, string])[] = [];
    while (cursor.next()) {
      assert.equal(tree[cursor.oidOffset], 7);
      const digits = new TextDecoder().decode(
        tree.subarray(cursor.entryOffset, cursor.nameStart - 1),
      );
      assert.equal(cursor.mode, parseInt(digits, 8));
      found.push([digits, cursor.name()]);
    }
    assert.deepEqual(found, entries);
  }
});

Deno.test("linkedTypeOf() takes unknown kinds for submodules", () => {
  assert.equal(linkedTypeOf(0o40755), "tree");
  assert.equal(linkedTypeOf(0o100600), "blob");
  assert.equal(linkedTypeOf(0o120777), "blob");
  assert.equal(linkedTypeOf(0o160000), undefined);
  assert.equal(linkedTypeOf(0o644), undefined);
  assert.ok(isTreeMode(0o40000) && isSymlinkMode(0o120000) && isSubmoduleMode(0o160000));
  assert.ok(!isTreeMode(0o100000) && !isTreeMode(0o60000));
});

Deno.test("TreeCursor rejects every cut of a tree but those between entries", () => {
  const tree = treeOf([["100644", "a"], ["40000", "bc"]], "sha1");
  const borders = new Set([0, 29, tree.length]);
  for (let length = 0; length <= tree.length; length++) {
    const walk = () => {
      const cursor = new TreeCursor(tree.subarray(0, length), "sha1");
      while (cursor.next());
    };
    if (borders.has(length)) walk();
    else assert.throws(walk, invalid, `length ${length}`);
  }
});

Deno.test("TreeCursor rejects empty modes, empty names and digits that are not octal", () => {
  for (const bad of [["", "a"], ["100644", ""], ["108", "a"], ["-1", "a"]] as const) {
    const cursor = new TreeCursor(treeOf([bad], "sha1"), "sha1");
    assert.throws(() => cursor.next(), invalid, bad.join(" "));
  }
});

Deno.test("parsers answer random bytes with a result or `invalid`", () => {
  const start = fc.constantFrom("", `tree ${A}\n`, `object ${A}\ntype blob\n`, "100644 a\0");
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 80 }), (text, random) => {
      const input = Uint8Array.from([...bytes(text), ...random]);
      const walk = () => {
        const cursor = new TreeCursor(input, "sha1");
        while (cursor.next());
      };
      for (const parse of [() => parseCommit(input, "sha1"), () => parseTag(input, "sha1"), walk]) {
        try {
          parse();
        } catch (error) {
          assert.ok(error instanceof GitStratumError && error.code === "invalid", String(error));
        }
      }
    }),
    { numRuns: 500 },
  );
});
