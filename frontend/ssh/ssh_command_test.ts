import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError } from "@gitstratum/core";
import { parseSshCommand, unquotePath } from "./ssh_command.ts";

const UPLOAD = { service: "git-upload-pack", name: "me/thing" };

for (
  const text of [
    "git-upload-pack '/me/thing.git'",
    "git-upload-pack 'me/thing.git'",
    "git-upload-pack '/me/thing'",
    "git-upload-pack 'me/thing/'",
    "git upload-pack '/me/thing.git'",
    "git-upload-pack me/thing.git",
    "git-upload-pack  '/me/thing.git' ",
  ]
) {
  Deno.test(`parseSshCommand() reads ${text}`, () => {
    assert.deepEqual(parseSshCommand(text), UPLOAD);
  });
}

Deno.test("parseSshCommand() knows the three services", () => {
  assert.equal(parseSshCommand("git-receive-pack 'a/b'").service, "git-receive-pack");
  assert.equal(parseSshCommand("git upload-archive 'a/b'").service, "git-upload-archive");
});

for (
  const text of [
    "",
    "ls",
    "git",
    "git-shell",
    "git-upload-pack-x 'a/b'",
    "git gc",
    "GIT-UPLOAD-PACK 'a/b'",
    "sh -c 'git-upload-pack a/b'",
    " git-upload-pack 'a/b'",
    "git-upload-pack\n'a/b'",
    `git-upload-pack '${"x".repeat(5000)}'`,
  ]
) {
  Deno.test(`parseSshCommand() refuses the command ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.throws(() => parseSshCommand(text), { code: "unsupported" });
  });
}

for (
  const text of [
    "git-upload-pack",
    "git-upload-pack ''",
    "git-upload-pack '/'",
    "git-upload-pack 'a/b",
    "git-upload-pack a/b'",
    "git-upload-pack 'a/b' 'c/d'",
    "git-upload-pack a/b c/d",
    "git-upload-pack --strict 'a/b'",
    "git-upload-pack 'a/b'; ls",
    "git-upload-pack 'a/b' && ls",
    "git-upload-pack $(ls)",
    'git-upload-pack "a/b"',
    "git-upload-pack '../a/b'",
    "git-upload-pack '/a/../b'",
    "git-upload-pack '/srv/a/b'",
    "git-upload-pack '//a/b'",
    "git-upload-pack 'a'\\''/b'",
    "git-upload-pack '~/a/b'",
  ]
) {
  Deno.test(`parseSshCommand() refuses the path of ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseSshCommand(text), { code: "invalid" });
  });
}

/** Git's `sq_quote`, the plain way. */
function quoted(text: string): string {
  return `'${[...text].map((c) => c === "'" || c === "!" ? `'\\${c}'` : c).join("")}'`;
}

Deno.test("unquotePath() takes off what git puts on", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.equal(unquotePath(quoted(text)), text);
  }));
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom("'", "!", "\\", "a", "/") }), (text) => {
    assert.equal(unquotePath(quoted(text)), text);
  }));
});

Deno.test("parseSshCommand() names a repository or throws, whatever it is given", () => {
  const line = fc.array(
    fc.constantFrom("git-upload-pack", "git", " ", "'", "\\", "!", "a/b", "/", ".git", "\0", "é"),
    { maxLength: 12 },
  ).map((parts) => parts.join(""));
  fc.assert(fc.property(line, (text) => {
    try {
      assert.match(parseSshCommand(text).name, /^[\w.-]+\/[\w.-]+$/);
    } catch (error) {
      assert.ok(error instanceof GitStratumError);
    }
  }));
});
