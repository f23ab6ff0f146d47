/**
 * What is kept of a push beside its references and objects: options, certificate, who and how. Nothing
 * shows it to clients yet, so it is read from the log of a server that has stopped.
 */

import assert from "node:assert/strict";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { type LoggedRecord, logRecords } from "./harness/log_records.ts";
import { commitFile } from "./harness/pushed.ts";
import { gitSshEnvironment, makeSshKey } from "./harness/ssh_client.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./harness/temp.ts";

type Format = "sha1" | "sha256";

/** A work tree with one commit on `main`. */
async function workTree(temp: TemporaryDirectory, format: Format): Promise<string> {
  const work = temp.join(`work-${format}`);
  await git(["init", "-q", `--object-format=${format}`, "--initial-branch=main", work]);
  await commitFile(work, { path: "a", content: `${format}\n` });
  return work;
}

/** The pushes in the log that made a reference. */
function pushesOf(records: readonly LoggedRecord[], reference: string): LoggedRecord[] {
  return records.filter(({ kind, updates }) =>
    kind === "push" && (updates as string[][]).some(([name]) => name === reference)
  );
}

Deno.test("the log keeps the options of a push, over both transports and object formats", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const options = ["ci.skip", "reason=ünï cödé", "", "x".repeat(1000)];
  const pushed: { readonly branch: string; readonly transport: string }[] = [];
  {
    await using server = await GitStratumServer.start({ dataDirectory });
    const env = gitSshEnvironment(await makeSshKey(temp));
    const flags = options.flatMap((option) => ["-o", option]);
    for (const format of ["sha1", "sha256"] as const) {
      const work = await workTree(temp, format);
      const name = `acme/${format}`;
      await server.createRepository(name, { objectFormat: format });
      for (const [transport, url] of [["http", server.url(name)], ["ssh", server.sshUrl(name)]]) {
        const branch = `refs/heads/${transport}-${format}`;
        await git(["-C", work, "push", "-q", ...flags, url!, `main:${branch}`], { env });
        await git(["-C", work, "push", "-q", url!, `main:${branch}-plain`], { env });
        pushed.push({ branch, transport: transport! });
      }
    }
  }
  const records = await logRecords(dataDirectory);
  for (const { branch, transport } of pushed) {
    const [record, ...others] = pushesOf(records, branch);
    assert.equal(others.length, 0);
    assert.deepEqual(record!.pushOptions, options);
    const provenance = record!.provenance as Record<string, unknown>;
    assert.equal(provenance.transport, transport);
    assert.match(String(provenance.agent), /^git\//);
    assert.match(String(provenance.remoteAddress), /127\.0\.0\.1/);
    assert.equal(provenance.certificate, undefined);
    assert.deepEqual(pushesOf(records, `${branch}-plain`)[0]!.pushOptions, []);
  }
});

Deno.test("the log keeps the certificate of a signed push as its client signed it", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const work = await workTree(temp, "sha1");
  const key = await makeSshKey(temp);
  {
    await using server = await GitStratumServer.start({ dataDirectory });
    await server.createRepository("acme/signed");
    const url = server.url("acme/signed");
    const signing = ["-c", "gpg.format=ssh", "-c", `user.signingKey=${key}.pub`];
    await git(["-C", work, ...signing, "push", "-q", "--signed=true", "-o", "one", url, "main"]);
  }
  const [record] = pushesOf(await logRecords(dataDirectory), "refs/heads/main");
  const certificate = String((record!.provenance as Record<string, unknown>).certificate);
  const tip = await gitText(["-C", work, "rev-parse", "HEAD"]);
  assert.match(certificate, /^certificate version 0\.1\npusher /);
  assert.match(certificate, /^push-option one$/m);
  assert.match(certificate, new RegExp(`^${"0".repeat(40)} ${tip} refs/heads/main$`, "m"));
  const at = certificate.indexOf("-----BEGIN SSH SIGNATURE-----");
  await Deno.writeTextFile(temp.join("signature"), certificate.slice(at));
  await Deno.writeTextFile(
    temp.join("signers"),
    `pusher ${await Deno.readTextFile(`${key}.pub`)}`,
  );
  const verify = new Deno.Command("ssh-keygen", {
    args: [
      ...["-Y", "verify", "-f", temp.join("signers"), "-I", "pusher", "-n", "git"],
      ...["-s", temp.join("signature")],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = verify.stdin.getWriter();
  await writer.write(new TextEncoder().encode(certificate.slice(0, at)));
  await writer.close();
  const { success, stderr } = await verify.output();
  assert.ok(success, new TextDecoder().decode(stderr));
});

Deno.test("the log keeps nothing of a push that changed nothing", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const work = await initRepository(temp.join("work"));
  await commitFile(work, { path: "a", content: "a\n" });
  {
    await using server = await GitStratumServer.start({ dataDirectory });
    const url = server.url("acme/refused");
    await git(["-C", work, "push", "-q", url, "main"]);
    const flags = ["-C", work, "push", "-q", "-o", "lost", url, ":main"];
    assert.notEqual((await git(flags, { anyExit: true })).code, 0);
  }
  const pushes = (await logRecords(dataDirectory)).filter(({ kind }) => kind === "push");
  assert.deepEqual(pushes.map(({ pushOptions }) => pushOptions), [[]]);
});
