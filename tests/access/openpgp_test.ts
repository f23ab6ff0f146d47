/**
 * Commits that gpg signed, and rules that demand signatures: the real git and gpg, over HTTP and SSH.
 */

import assert from "node:assert/strict";
import { GnuPg } from "@gitstratum/core/access/gnupg";
import { git, gitText } from "../harness/git.ts";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { gitSshEnvironment } from "../harness/ssh_client.ts";
import { temporaryDirectory } from "../harness/temp.ts";
import { AccessStage } from "./access_stage.ts";

const REFUSED = /protected by refs\/heads\/main: it takes only commits with a good signature/;

/** A server with accounts, a keyring, and work trees whose commits it signs. */
async function fixture() {
  const temp = await temporaryDirectory();
  const gpg = await GnuPg.open();
  const server = await GitStratumServer.start({
    dataDirectory: temp.join("data"),
    flags: ["--auth"],
  });
  const firstToken = await server.firstToken();
  const { origin, sshOrigin } = server;
  const stage = await AccessStage.open({ origin, sshOrigin, firstToken }, { temp });
  return {
    gpg,
    stage,
    /** Adds a key to a user; its id. */
    async register(user: string, key: string): Promise<string> {
      const body = { key: await gpg.exportKey(key) };
      return (await stage.change("POST", `/users/${user}/openpgp-keys`, body)).id;
    },
    /** A repository whose main demands signatures, with a work tree for it. */
    async repository(name: string, objectFormat: string) {
      const settings = { protectedReferences: [{ pattern: "refs/heads/main", signed: true }] };
      await stage.change("POST", "/repos", { name: `acme/${name}`, objectFormat, settings });
      const work = temp.join(name);
      await git(["init", "-q", "-b", "main", `--object-format=${objectFormat}`, work]);
      const token = stage.tokens.get("acme");
      const http = `${origin.replace("://", `://x-access-token:${token}@`)}/acme/${name}.git`;
      return new SignedWork(work, { http, ssh: `${sshOrigin}/acme/${name}.git`, home: gpg.home });
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await gpg[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

/** What a work tree works with. */
interface WorkPlaces {
  /** Where it pushes. */
  readonly http: string;
  readonly ssh: string;
  /** The keyring. */
  readonly home: string;
}

/** A work tree. */
class SignedWork {
  readonly path: string;
  readonly #to: WorkPlaces;

  constructor(path: string, to: WorkPlaces) {
    this.path = path;
    this.#to = to;
  }

  /** Commits with a signature by gpg, and with none without a key. */
  async commit(key: string | undefined, flags: readonly string[] = []): Promise<void> {
    const signing = key === undefined ? [] : ["-c", `user.signingKey=${key}`, "-c", OPENPGP];
    const sign = key === undefined ? [] : ["-S"];
    await git([...signing, ...flags, "-C", this.path, ...COMMIT, ...sign], {
      env: { GNUPGHOME: this.#to.home },
    });
  }

  /** Takes the newest commit back. */
  async takeBack(): Promise<void> {
    await git(["-C", this.path, "reset", "-q", "--hard", "HEAD~1"]);
  }

  /** What git says when a push is refused, and undefined when it is not. */
  async push(options: { readonly ssh?: string; readonly what?: string } = {}) {
    const { ssh, what = "main" } = options;
    const env = ssh === undefined ? {} : gitSshEnvironment(ssh);
    const target = ssh === undefined ? this.#to.http : this.#to.ssh;
    const { code, stderr } = await git(["-C", this.path, "push", "-q", target, what], {
      anyExit: true,
      env,
    });
    return code === 0 ? undefined : stderr;
  }
}

const OPENPGP = "gpg.format=openpgp";
const COMMIT = ["commit", "-q", "--allow-empty", "-m", "message"];

for (const objectFormat of ["sha1", "sha256"]) {
  Deno.test(`a reference of ${objectFormat} that demands signed commits takes those that users' gpg signed`, async () => {
    await using world = await fixture();
    const { gpg, stage, register } = world;
    const keys: string[] = [];
    for (const algorithm of ["ed25519", "rsa2048"]) {
      keys.push(await gpg.makeKey(algorithm, { algorithm }));
    }
    const parent = await gpg.makeKey("parent", { algorithm: "ed25519", usage: "cert" });
    await gpg.run(["--quick-add-key", parent, "ed25519", "sign", "1y"]);
    const stranger = await gpg.makeKey("stranger", { algorithm: "ed25519" });
    for (const key of [...keys, parent]) await register("reader", key);
    const work = await world.repository("signed", objectFormat);
    for (const key of [...keys, parent]) await work.commit(key);
    assert.equal(await work.push(), undefined, "keys of every kind, all in one push");
    const listing = await gitText(["-C", work.path, "cat-file", "commit", "HEAD"]);
    assert.match(listing, objectFormat === "sha1" ? /^gpgsig -/m : /^gpgsig-sha256 -/m);

    await work.commit(undefined);
    assert.match((await work.push())!, REFUSED, "no signature");
    await work.takeBack();
    await work.commit(stranger);
    assert.match((await work.push())!, REFUSED, "a key that is nobody's");
    await register("writer", stranger);
    assert.equal(await work.push(), undefined, "whichever user's");

    // SSH keys sign as before, in one push with the others.
    await stage.change("POST", "/users/acme/keys", { key: await stage.makeKey("acme") });
    const path = stage.keys.get("acme")!;
    await work.commit(`${path}.pub`, ["-c", "gpg.format=ssh"]);
    await work.commit(keys[0]);
    assert.equal(await work.push({ ssh: path }), undefined);
    await work.commit(undefined);
    assert.match((await work.push({ ssh: path }))!, REFUSED);
    await work.takeBack();

    await work.commit(keys[1]);
    const signed = await gitText(["-C", work.path, "cat-file", "commit", "HEAD"]);
    const altered = await git(["-C", work.path, "hash-object", "-t", "commit", "-w", "--stdin"], {
      stdin: `${signed} and more\n`,
    });
    const oid = altered.stdout.trim();
    assert.match((await work.push({ what: `${oid}:refs/heads/main` }))!, REFUSED, "altered");
    assert.equal(await work.push(), undefined);
  });
}

Deno.test("an OpenPGP key counts as long as it is registered, of somebody who is not kept out", async () => {
  await using world = await fixture();
  const { gpg, stage, register } = world;
  const key = await gpg.makeKey("Ann", { algorithm: "ed25519" });
  const work = await world.repository("signed", "sha1");
  await work.commit(key);
  assert.match((await work.push())!, REFUSED);
  const id = await register("reader", key);
  assert.equal(await work.push(), undefined);
  await work.commit(key);
  await stage.change("PATCH", "/users/reader", { disabled: true });
  assert.match((await work.push())!, REFUSED, "kept out");
  await stage.change("PATCH", "/users/reader", { disabled: false });
  await stage.change("DELETE", `/users/reader/openpgp-keys/${id}`);
  assert.match((await work.push())!, REFUSED, "taken away");
  await register("acme", key);
  assert.equal(await work.push(), undefined);
});

Deno.test("an OpenPGP key counts by the time at which it signed; lost and ended ones are not taken", async () => {
  await using world = await fixture();
  const { gpg, stage, register } = world;
  const in2020 = ["--faked-system-time", "20200110T000000!"];
  const program = `${gpg.home}/gpg-in-2020`;
  await Deno.writeTextFile(program, `#!/bin/sh\nexec gpg ${in2020.join(" ")} "$@"\n`);
  await Deno.chmod(program, 0o755);
  const flags = ["-c", `gpg.program=${program}`];
  const work = await world.repository("signed", "sha1");
  const lasting = await gpg.makeKey("lasting", { algorithm: "ed25519" }, in2020);
  await register("reader", lasting);
  await work.commit(lasting, flags);
  assert.equal(await work.push(), undefined, "signed long ago");

  const refusal = async (name: string) => {
    const body = { key: await gpg.exportKey(name) };
    const { status, body: told } = await stage.api(
      "first",
      "POST",
      "/users/reader/openpgp-keys",
      body,
    );
    assert.equal(status, 400);
    return JSON.stringify(told);
  };
  const ended = await gpg.makeKey("ended", { algorithm: "ed25519", expires: "10d" }, in2020);
  assert.match(await refusal(ended), /has expired/);
  const lost = await gpg.makeKey("lost", { algorithm: "ed25519" });
  const certificate = await Deno.readTextFile(`${gpg.home}/openpgp-revocs.d/${lost}.rev`);
  const stolen = await register("reader", lost);
  await work.commit(lost);
  await gpg.run(["--import"], certificate.replace(":-----BEGIN", "-----BEGIN"));
  await stage.change("DELETE", `/users/reader/openpgp-keys/${stolen}`);
  assert.match(await refusal(lost), /it is revoked/);
  assert.match((await work.push())!, REFUSED);
  await work.takeBack();

  // A subkey that was lost signs no more, whatever time it says; the one beside it does.
  const parent = await gpg.makeKey("parent", { algorithm: "ed25519", usage: "cert" }, in2020);
  const add = [...in2020, "--quick-add-key", parent, "ed25519", "sign", "never"];
  await gpg.run(add);
  await gpg.run(add);
  const subkeys = await gpg.run(["--with-colons", "--list-keys", parent]);
  const [, first, second] = [...subkeys.matchAll(/^fpr:+([0-9A-F]+):/gm)].map(([, name]) => name!);
  await work.commit(`${first}!`, flags);
  const edits = ["key 1", "revkey", "y", "1", "", "y", "save", ""].join("\n");
  await gpg.run(["--command-fd", "0", "--edit-key", parent], edits);
  await register("reader", parent);
  assert.match((await work.push())!, REFUSED);
  await work.takeBack();
  await work.commit(`${second}!`, flags);
  assert.equal(await work.push(), undefined);
});
