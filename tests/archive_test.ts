/**
 * `git archive --remote` against git's own archives of the same trees.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { crc32, gunzipSync, inflateRawSync } from "node:zlib";
import { git, gitEnvironment, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { generateHistory, initRepository } from "./harness/history.ts";
import { commitFile } from "./harness/pushed.ts";
import { gitSshEnvironment, makeSshKey } from "./harness/ssh_client.ts";
import { temporaryDirectory } from "./harness/temp.ts";

interface ArchiveFixture extends AsyncDisposable {
  readonly work: string;
  readonly url: string;
  readonly env: Record<string, string>;
  /** The archive of the work tree's own repository. */
  local(...args: string[]): Promise<Uint8Array>;
  /** The archive of the server. */
  remote(...args: string[]): Promise<Uint8Array>;
}

/** Standard output of a git command as bytes. */
async function gitBytes(args: readonly string[], env: Record<string, string>): Promise<Uint8Array> {
  const { code, stdout, stderr } = await new Deno.Command("git", {
    args: [...args],
    env: { ...gitEnvironment(), ...env },
    clearEnv: true,
    stdin: "null",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return stdout;
}

async function archiveFixture(prepare: (work: string) => Promise<void>): Promise<ArchiveFixture> {
  const temp = await temporaryDirectory();
  const server = await GitStratumServer.start({ dataDirectory: temp.join("data") });
  const work = await initRepository(temp.join("work"));
  await prepare(work);
  const env = gitSshEnvironment(await makeSshKey(temp));
  const url = server.sshUrl("acme/archive");
  await git(["-C", work, "push", "-q", url, "--all"], { env });
  await git(["-C", work, "push", "-q", url, "--tags"], { env });
  return {
    work,
    url,
    env,
    local: (...args) => gitBytes(["-C", work, "archive", ...args], env),
    remote: (...args) => gitBytes(["archive", `--remote=${url}`, ...args], env),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

const long = (letter: string, count: number) => letter.repeat(count);

/** Every kind of name, mode and size that a tar header has a rule for. */
async function prepareOddTree(work: string): Promise<void> {
  await Deno.mkdir(`${work}/a/b/c`, { recursive: true });
  await Deno.writeTextFile(`${work}/a/b/c/deep`, "deep\n");
  await Deno.writeTextFile(`${work}/a/x.log`, "log\n");
  await Deno.mkdir(`${work}/docs`);
  await Deno.writeTextFile(`${work}/docs/page`, "page\n");
  await Deno.writeTextFile(`${work}/run.sh`, "#!/bin/sh\n", { mode: 0o755 });
  await Deno.writeTextFile(`${work}/empty`, "");
  await Deno.writeTextFile(`${work}/ümlaut`, "name\n");
  await Deno.symlink("a/b/c/deep", `${work}/link`);
  await Deno.symlink(long("z", 130), `${work}/long-link`);
  const split = `${work}/${long("d", 90)}/${long("e", 90)}`;
  await Deno.mkdir(split, { recursive: true });
  await Deno.writeTextFile(`${split}/file`, "split\n");
  await Deno.mkdir(`${work}/${long("p", 120)}`);
  await Deno.writeTextFile(`${work}/${long("p", 120)}/${long("q", 120)}`, "long\n");
  const big = new Uint8Array(3_000_001).map((_, index) => (index * index) >> 7);
  await Deno.writeFile(`${work}/big.bin`, big);
  await git(["-C", work, "add", "--", "."]);
  const submodule = `160000,${long("1", 40)},vendor/module`;
  await git(["-C", work, "update-index", "--add", "--cacheinfo", submodule]);
  await git(["-C", work, "commit", "-q", "-m", "odd tree"]);
  await git(["-C", work, "tag", "-a", "-m", "v1", "v1"]);
}

Deno.test("archives in tar are git's own, byte for byte", async () => {
  await using fixture = await archiveFixture(prepareOddTree);
  for (
    const args of [
      ["main"],
      ["HEAD"],
      ["refs/heads/main"],
      ["v1"],
      ["--prefix=project-1.0/", "main"],
      ["--prefix=project-", "v1"],
      ["--prefix", "a/b//", "main", "run.sh"],
      ["main", "a"],
      ["main", "a/b/c/deep", "docs/"],
      ["main", "*.log", "run.*"],
      ["main", ".", ":!a", ":(exclude)*.bin"],
      ["main", ":(glob)a/*", ":(icase)RUN.SH"],
    ]
  ) {
    const [wanted, found] = [await fixture.local(...args), await fixture.remote(...args)];
    assert.ok(Buffer.from(wanted).equals(found), `git archive ${args.join(" ")}`);
  }
});

Deno.test("archives leave out and fill in what attributes say", async () => {
  await using fixture = await archiveFixture(async (work) => {
    const attributes = [
      "[attr]private export-ignore",
      "*.secret private",
      "/top.txt export-ignore",
      "docs/ export-ignore",
      '"quoted \\"name\\"" export-ignore',
      "a/**/deep export-ignore",
      "kept.secret -export-ignore",
      "info export-subst",
    ];
    await Deno.mkdir(`${work}/sub/a/b/c`, { recursive: true });
    for (const path of ["top.txt", "sub/top.txt", "x.secret", "sub/x.secret", "kept.secret"]) {
      await Deno.writeTextFile(`${work}/${path}`, `${path}\n`);
    }
    for (const path of ['quoted "name"', "sub/a/b/c/deep", "sub/a/b/c/file"]) {
      await Deno.writeTextFile(`${work}/${path}`, `${path}\n`);
    }
    await Deno.mkdir(`${work}/sub/docs`);
    await Deno.writeTextFile(`${work}/sub/docs/page`, "page\n");
    await Deno.writeTextFile(`${work}/sub/.gitattributes`, "x.secret !export-ignore\na/b/ -x\n");
    await Deno.writeTextFile(`${work}/.gitattributes`, `${attributes.join("\n")}\n`);
    const people = "%an|%ae|%at|%ad|%aD|%ai|%as|%cn|%ce|%ct|%cd";
    const format = `%H|%h|%T|%t|%P|%p|${people}|%s|%f|%b|%d|%D|%n|%%|%x41|%zz`;
    await Deno.writeTextFile(`${work}/info`, `a $Format:${format}$ b $Format:%H\n`);
    await git(["-C", work, "add", "--", "."]);
    await git(["-C", work, "commit", "-q", "-m", "A subject\nof two lines\n\nBody\nof it"]);
    await git(["-C", work, "tag", "light"]);
  });
  const [wanted, found] = [await fixture.local("main"), await fixture.remote("main")];
  const shown = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replaceAll(/\0+/g, "\n");
  assert.equal(shown(found), shown(wanted));
  assert.ok(Buffer.from(wanted).equals(found));
});

Deno.test("archives compressed with gzip hold the same bytes", async () => {
  await using fixture = await archiveFixture(prepareOddTree);
  const tar = await fixture.local("main");
  for (const args of [["--format=tgz"], ["--format=tar.gz", "-9"], ["--format=tgz", "-1"]]) {
    const found = gunzipSync(await fixture.remote(...args, "main"));
    assert.ok(Buffer.from(tar).equals(found), args.join(" "));
  }
});

interface ZipMember {
  readonly name: string;
  readonly attributes: number;
  readonly madeBy: number;
  readonly isText: number;
  readonly content: Buffer;
}

/** Reads a zip file by its central directory. */
function zipMembers(bytes: Uint8Array): { members: ZipMember[]; comment: string } {
  const file = Buffer.from(bytes);
  const end = file.lastIndexOf("PK\x05\x06", undefined, "latin1");
  const members: ZipMember[] = [];
  let at = file.readUInt32LE(end + 16);
  for (let left = file.readUInt16LE(end + 10); left > 0; left--) {
    assert.equal(file.readUInt32LE(at), 0x02014b50);
    const nameBytes = file.readUInt16LE(at + 28);
    const packedSize = file.readUInt32LE(at + 20);
    const local = file.readUInt32LE(at + 42);
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28);
    const packed = file.subarray(start, start + packedSize);
    const content = file.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed);
    assert.equal(crc32(content), file.readUInt32LE(at + 16));
    assert.equal(content.length, file.readUInt32LE(at + 24));
    members.push({
      name: file.toString("utf8", at + 46, at + 46 + nameBytes),
      madeBy: file.readUInt16LE(at + 4),
      isText: file.readUInt16LE(at + 36),
      attributes: file.readUInt32LE(at + 38),
      content,
    });
    at += 46 + nameBytes + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
  }
  return { members, comment: file.toString("latin1", end + 22) };
}

Deno.test("archives in zip hold git's names, modes and contents", async () => {
  await using fixture = await archiveFixture(prepareOddTree);
  for (const level of ["-0", "-6", "-9"]) {
    const args = ["--format=zip", level, "--prefix=p/", "v1"];
    const found = zipMembers(await fixture.remote(...args));
    assert.deepEqual(found, zipMembers(await fixture.local(...args)));
    assert.equal(found.comment, await gitText(["-C", fixture.work, "rev-parse", "main"]));
  }
});

Deno.test("archives of a tree below a reference name no commit", async () => {
  await using fixture = await archiveFixture(prepareOddTree);
  const args = ["--format=zip", "main:a/b"];
  const { members, comment } = zipMembers(await fixture.remote(...args));
  assert.deepEqual(members.map(({ name }) => name), ["c/", "c/deep"]);
  assert.equal(comment, "");
});

Deno.test("archives are refused in git's words", async () => {
  await using fixture = await archiveFixture(prepareOddTree);
  const { work, url, env } = fixture;
  const oid = await gitText(["-C", work, "rev-parse", "main"]);
  for (
    const [args, words] of [
      [["nothing"], "no such ref: nothing"],
      [[oid], `no such ref: ${oid}`],
      [["main:nothing"], "not a valid object name: main:nothing"],
      [["main:run.sh"], "not a tree object"],
      [["main", "nothing"], "pathspec 'nothing' did not match any files"],
      [["main", "../x"], "Refuse a path outside the repository"],
      [["--format=rar", "main"], "Unknown archive format 'rar'"],
      [["-9", "main"], "Argument not supported for format 'tar': -9"],
      [["--nonsense", "main"], "unknown option `nonsense'"],
      [["--add-file=/etc/passwd", "main"], "add-file"],
    ] as const
  ) {
    const refused = await git(["archive", `--remote=${url}`, ...args], { env, anyExit: true });
    assert.notEqual(refused.code, 0);
    assert.equal(refused.stdout, "");
    assert.ok(refused.stderr.includes(words), `${args.join(" ")}: ${refused.stderr}`);
  }
  const listed = await gitText(["archive", `--remote=${url}`, "--list"], { env });
  assert.equal(listed, "tar\ntgz\ntar.gz\nzip");
  const told = await git(["archive", `--remote=${url}`, "-v", "-o", "/dev/null", "main", "a"], {
    env,
  });
  assert.match(told.stderr, /a\/\s+remote: a\/b\/\s[^]*a\/x\.log/);
});

for (const objectFormat of ["sha1", "sha256"] as const) {
  Deno.test(`archives of a generated ${objectFormat} history are git's own`, async () => {
    await using temp = await temporaryDirectory();
    await using server = await GitStratumServer.start({ dataDirectory: temp.join("data") });
    const env = gitSshEnvironment(await makeSshKey(temp));
    const source = await generateHistory(temp.join("source.git"), {
      seed: 81,
      commits: 80,
      objectFormat,
    });
    await server.createRepository("acme/history", { objectFormat });
    const url = server.sshUrl("acme/history");
    await git(["-C", source, "push", "-q", "--mirror", url], { env });
    const heads = await gitText([
      "-C",
      source,
      "for-each-ref",
      "--format=%(refname)",
      "refs/heads",
    ]);
    for (const head of heads.split("\n")) {
      const wanted = await gitBytes(["-C", source, "archive", head], env);
      const found = await gitBytes(["archive", `--remote=${url}`, head], env);
      assert.ok(Buffer.from(wanted).equals(found), head);
    }
  });
}

Deno.test("an archive of a commit whose file was pushed later is of that commit", async () => {
  await using fixture = await archiveFixture(async (work) => {
    await commitFile(work, { path: "a", content: "one\n" });
    await git(["-C", work, "branch", "old"]);
    await commitFile(work, { path: "b", content: "two\n" });
  });
  for (const name of ["old", "main"]) {
    assert.deepEqual(await fixture.remote(name), await fixture.local(name));
  }
});
