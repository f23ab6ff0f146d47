import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { hasCode } from "../error.ts";
import { checkObject, describeFinding } from "./fsck.ts";
import { DEFAULT_PUSH_POLICY, FSCK_MESSAGES, type FsckPolicy, fsckPolicy } from "./fsck_message.ts";
import type { ObjectType } from "./object_type.ts";
import type { ObjectFormat, Oid } from "./oid.ts";
import { maybeProtected, protectedName } from "./protected_name.ts";
import { SpecialBlobs } from "./special_blobs.ts";
import { A, B, commit, latin, ODD, type Odd, OID, tree, WHO } from "./testing/odd_objects.ts";

const STRICT = fsckPolicy();
/** Stores an object as it is; git itself would refuse many of them. */
function store(repository: string, odd: Odd, format: ObjectFormat): Oid {
  const bytes = latin(`${odd.type} ${odd.text.length}\0${odd.text}`);
  const oid = createHash(format).update(bytes).digest("hex");
  const directory = `${repository}/objects/${oid.slice(0, 2)}`;
  Deno.mkdirSync(directory, { recursive: true });
  Deno.writeFileSync(`${directory}/${oid.slice(2)}`, deflateSync(bytes));
  return oid as Oid;
}

/** What `git fsck --strict` says of the objects of a repository. */
function gitFsck(repository: string): { findings: Map<string, string[]>; unparsed: Set<string> } {
  const { stdout, stderr } = spawnSync("git", [
    "-C",
    repository,
    "fsck",
    "--strict",
    "--no-dangling",
  ], {
    encoding: "latin1",
  });
  const findings = new Map<string, string[]>();
  const unparsed = new Set<string>();
  for (const line of `${stdout}\n${stderr}`.split("\n")) {
    const found = /^(error|warning) in (\w+) ([0-9a-f]{40,64}): (\w+):/.exec(line);
    const bad = /([0-9a-f]{40,64}): object could not be parsed/.exec(line);
    if (bad !== null) unparsed.add(bad[1]!);
    if (found === null) continue;
    const [, severity, , oid, id] = found as unknown as [string, string, string, string, string];
    findings.set(oid, [
      ...findings.get(oid) ?? [],
      `${severity === "error" ? "error" : "warn"} ${id}`,
    ]);
  }
  return { findings, unparsed };
}

function withRepository(format: ObjectFormat, use: (path: string) => void): void {
  const path = Deno.makeTempDirSync({ prefix: "fsck" });
  try {
    spawnSync("git", ["init", "-q", "--bare", `--object-format=${format}`, path]);
    use(path);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
}

/** The same object with ids of the given length. */
function inFormat(odd: Odd, format: ObjectFormat): Odd {
  if (format === "sha1") return odd;
  const text = odd.text.replaceAll(A, "a".repeat(64)).replaceAll(B, "b".repeat(64))
    .replaceAll(OID, "\x11".repeat(32)).replaceAll("\0".repeat(20), "\0".repeat(32));
  return { ...odd, text };
}

function compareObjects(path: string, format: ObjectFormat): number {
  const stored = ODD.map((odd) => inFormat(odd, format))
    .map((odd) => ({ odd, oid: store(path, odd, format) }));
  const git = gitFsck(path);
  let compared = 0;
  for (const { odd, oid } of stored) {
    const options = { format, policy: STRICT, specialBlobs: new SpecialBlobs() };
    const mine = checkObject(odd.type, latin(odd.text), options)
      .map(({ severity, id }) => `${severity} ${id}`);
    const what = `${format} ${odd.type} ${JSON.stringify(odd.text.slice(0, 200))}`;
    if (git.unparsed.has(oid)) {
      assert.ok(mine.some((finding) => finding.startsWith("error ")), `${what} passes`);
      continue;
    }
    compared++;
    assert.deepEqual(mine.toSorted(), (git.findings.get(oid) ?? []).toSorted(), what);
  }
  return compared;
}

Deno.test("checkObject() finds what git fsck --strict finds, in both formats", () => {
  for (const format of ["sha1", "sha256"] as const) {
    withRepository(format, (path) => {
      const compared = compareObjects(path, format);
      assert.ok(compared > 200, `only ${compared} compared`);
    });
  }
});

const MODULES = [
  "",
  '[submodule "a"]\n\tpath = a\n\turl = ../a\n',
  '[submodule ".."]\n\tpath = a\n',
  '[submodule "a/../b"]\nx\n',
  '[submodule "a\\\\..\\\\b"]\nx\n',
  '[submodule "..a"]\nx\n',
  '[submodule ""]\nx\n',
  "[submodule.a]\nurl=-x\n",
  '[submodule "a"]\nurl = -x\n',
  '[submodule "a"]\nurl = "--upload-pack=x"\n',
  '[submodule "a"]\npath = -x\n',
  '[submodule "a"]\nupdate = !rm\n',
  '[submodule "a"]\nupdate = rebase\n',
  '[submodule "a"]\nURL = -x ; y\n',
  '[Submodule "a"]\nurl = "-x"\n',
  '[submodule "a"] url = -x\n',
  '[submodule "a"]\nurl = https://a/b%0ac\n',
  '[submodule "a"]\nurl = https://a/b\n',
  '[submodule "a"]\nurl = git://a/%0a\n',
  '[submodule "a"]\nurl = ../%0a\n',
  '[submodule "a"]\nurl = ./..//a\n',
  '[submodule "a"]\nurl = ../:a\n',
  '[submodule "a"]\nurl = ../../a\n',
  '[submodule "a"]\nurl = ssh://a/%0a\n',
  '[submodule "a"]\nurl = http::https://a/%0a\n',
  '[submodule "a"]\nurl = https://\n',
  '[submodule "a"]\nurl = https:///a\n',
  '[submodule "a"]\nurl = \\-x\n',
  '[submodule "a"]\nurl = "x\n',
  '[submodule "a"\nurl = x\n',
  "junk\n[",
  "[]\nx\n",
  "a=b\n",
  '[submodule "a"]\nurl = \\\n-x\n',
  '[submodule "a"]\nurl\n',
  "=\n",
  '# [\n; x\n[submodule "a"]\r\nurl = -x\r\n',
  '[submodule "a"]\nurl = x#\n',
  '[submodule "a"]\nurl = a\\tb\\n\n',
];

const ATTRIBUTES = [
  "",
  "* text\n",
  "x".repeat(2047),
  "x".repeat(2048),
  `${"x".repeat(2047)}\n${"y".repeat(2047)}\n`,
  `a\n${"y".repeat(5000)}\n`,
  `a\0${"y".repeat(5000)}\n`,
  `${"x".repeat(2048)}\n`,
];

/** A repository with one special blob in a tree; what git and this package say of the blob. */
function compareBlobs(name: string, texts: readonly string[]): void {
  withRepository("sha1", (path) => {
    const blobs = texts
      .map((text) => ({ text, oid: store(path, { type: "blob", text }, "sha1") }));
    for (const { oid } of blobs) {
      const id = String.fromCharCode(...Uint8Array.fromHex(oid));
      store(path, { type: "tree", text: `100644 ${name}\0${id}` }, "sha1");
    }
    const git = gitFsck(path);
    for (const { text, oid } of blobs) {
      const special = new SpecialBlobs();
      const entry = latin(`100644 ${name}\0${String.fromCharCode(...Uint8Array.fromHex(oid))}`);
      checkObject("tree", entry, { format: "sha1", policy: STRICT, specialBlobs: special });
      assert.deepEqual(special.pending, [oid]);
      const mine = special.check(oid, { kind: "blob", bytes: latin(text) }, { policy: STRICT });
      assert.deepEqual(special.pending, []);
      assert.deepEqual(
        mine.map(({ severity, id }) => `${severity} ${id}`).toSorted(),
        (git.findings.get(oid) ?? []).toSorted(),
        JSON.stringify(text),
      );
    }
  });
}

Deno.test("SpecialBlobs judges .gitmodules as git fsck does", () => {
  compareBlobs(".gitmodules", MODULES);
});

Deno.test("SpecialBlobs sees through a byte order mark, as a client does", () => {
  // Git's own check stumbles over it, but its reader of checked-out files does not.
  const special = new SpecialBlobs();
  special.addModules(A as Oid);
  const bytes = latin('\xef\xbb\xbf[submodule "a"]\nurl = -x\n');
  const findings = special.check(A as Oid, { kind: "blob", bytes }, { policy: STRICT });
  assert.deepEqual(findings.map(({ id }) => id), ["gitmodulesUrl"]);
});

Deno.test("SpecialBlobs judges .gitattributes as git fsck does", () => {
  compareBlobs(".gitattributes", ATTRIBUTES);
});

Deno.test("SpecialBlobs reports what is missing, large or no blob", () => {
  const special = new SpecialBlobs();
  assert.equal(special.any, false);
  special.addModules(A as Oid);
  special.addAttributes(A as Oid);
  assert.ok(special.any && special.has(A as Oid));
  const ids = (kind: "missing" | "large" | "other") =>
    special.check(A as Oid, { kind }, { policy: STRICT }).map(({ id }) => id);
  assert.deepEqual(ids("missing"), ["gitmodulesMissing", "gitattributesMissing"]);
  assert.deepEqual(ids("large"), ["gitmodulesLarge", "gitattributesLarge"]);
  assert.deepEqual(ids("other"), ["gitmodulesBlob", "gitattributesBlob"]);
});

Deno.test("fsckPolicy() changes severities by id and refuses unknown and fatal ones", () => {
  const policy = fsckPolicy({ HASDOTGIT: "warn", extraHeaderEntry: "error", badDate: "ignore" });
  assert.equal(policy.hasDotgit, "warn");
  assert.equal(policy.extraHeaderEntry, "error");
  assert.equal(policy.badDate, "ignore");
  assert.equal(policy.nullSha1, "error");
  assert.throws(() => fsckPolicy({ frob: "warn" }), (error) => hasCode(error, "invalid"));
  assert.throws(() => fsckPolicy({ nulInHeader: "warn" }), (error) => hasCode(error, "invalid"));
});

Deno.test("DEFAULT_PUSH_POLICY takes what real histories have", () => {
  const check = (type: ObjectType, text: string, policy?: FsckPolicy) =>
    checkObject(type, latin(text), {
      format: "sha1",
      specialBlobs: new SpecialBlobs(),
      ...(policy === undefined ? {} : { policy }),
    });
  const cases: readonly [ObjectType, string, string][] = [
    ["commit", commit("A <a@b> 1 +7"), "badTimezone"],
    ["commit", commit("A <a@b>1 +0000"), "missingSpaceBeforeDate"],
    ["tree", tree("0100644 a"), "zeroPaddedFilemode"],
  ];
  for (const [type, text, id] of cases) {
    const strict = check(type, text, STRICT);
    assert.deepEqual(strict.map((finding) => [finding.id, finding.severity]), [[id, "error"]]);
    assert.deepEqual(check(type, text), []);
  }
  assert.equal(Object.keys(DEFAULT_PUSH_POLICY).length, Object.keys(FSCK_MESSAGES).length);
  assert.equal(
    describeFinding(check("tree", tree("100644 .git"))[0]!),
    "hasDotgit: contains '.git'",
  );
});

Deno.test("checkObject() takes any bytes", () => {
  const start = fc.constantFrom(
    "",
    `tree ${A}\n`,
    `object ${A}\ntype tag\n`,
    "100644 .git",
    commit(WHO),
    tree("40000 a"),
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 60 }), (text, random) => {
      const bytes = Uint8Array.from([...latin(text), ...random]);
      const specialBlobs = new SpecialBlobs();
      for (const type of ["commit", "tree", "tag", "blob"] as const) {
        checkObject(type, bytes, { format: "sha1", specialBlobs });
      }
      specialBlobs.addModules(A as Oid);
      specialBlobs.check(A as Oid, { kind: "blob", bytes }, { policy: STRICT });
    }),
    { numRuns: 500 },
  );
});

Deno.test("SpecialBlobs takes any text for a configuration", () => {
  const piece = fc.constantFrom(
    "[",
    "]",
    '"',
    "\\",
    "\n",
    "submodule",
    " ",
    "a",
    "=",
    "#",
    ".",
    "url",
    "-x",
    "\r",
    "\0",
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
    const special = new SpecialBlobs();
    special.addModules(A as Oid);
    special.check(A as Oid, { kind: "blob", bytes: latin(pieces.join("")) }, { policy: STRICT });
  }));
});

Deno.test("maybeProtected() lets no protected name pass", () => {
  const piece = fc.constantFrom(
    ".",
    "g",
    "G",
    "i",
    "t",
    "~",
    "1",
    "git",
    "modules",
    "mailmap",
    "gi7eba",
    "maba30",
    "attributes",
    " ",
    ":",
    "\u200c",
    "\ufeff",
    "x",
    "9",
    "gitmod",
    "ignore",
  );
  const names = fc.array(piece, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(names, (pieces) => {
      const name = new TextEncoder().encode(pieces.join(""));
      const found = Object.values(protectedName(name)).includes(true);
      assert.ok(maybeProtected(name, 0, name.length) || !found, pieces.join(""));
    }),
    { numRuns: 3000 },
  );
});
