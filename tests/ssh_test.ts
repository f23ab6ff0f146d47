/**
 * Git over SSH with the real clients: clone, fetch, push, archive, and everything that is refused.
 */

import assert from "node:assert/strict";
import { assertSameRepository, references } from "./harness/compare.ts";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { generateHistory } from "./harness/history.ts";
import { commitFile } from "./harness/pushed.ts";
import {
  gitSshEnvironment,
  makeSshKey,
  ssh,
  type SshKeyType,
  type SshTarget,
} from "./harness/ssh_client.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./harness/temp.ts";

interface SshFixture extends AsyncDisposable {
  readonly temp: TemporaryDirectory;
  readonly server: GitStratumServer;
  readonly target: SshTarget;
  readonly env: Record<string, string>;
}

async function sshFixture(): Promise<SshFixture> {
  const temp = await temporaryDirectory();
  const server = await GitStratumServer.start({ dataDirectory: temp.join("data") });
  const key = await makeSshKey(temp);
  return {
    temp,
    server,
    target: { origin: server.sshOrigin, key },
    env: gitSshEnvironment(key),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

for (const version of [0, 1, 2]) {
  Deno.test(`SSH serves push, clone and fetch in protocol version ${version}`, async () => {
    await using fixture = await sshFixture();
    const { temp, server, env } = fixture;
    const url = server.sshUrl("acme/mirror");
    const protocol = ["-c", `protocol.version=${version}`];
    const source = await generateHistory(temp.join("source.git"), { seed: 71, commits: 150 });
    await git([...protocol, "-C", source, "push", "-q", "--mirror", url], { env });
    const copy = temp.join("copy.git");
    await git([...protocol, "clone", "-q", "--mirror", url, copy], { env });
    await assertSameRepository(copy, source);

    const work = temp.join("work");
    await git([...protocol, "clone", "-q", url, work], { env });
    const oid = await commitFile(work, { path: "new/file", content: "new\n" });
    await git([...protocol, "-C", work, "push", "-q", "origin", "HEAD:refs/heads/later"], { env });
    await git([...protocol, "-C", copy, "fetch", "-q"], { env });
    assert.equal(await gitText(["-C", copy, "rev-parse", "later"]), oid);
    const removal = await git(
      [...protocol, "-C", work, "push", "--porcelain", "origin", ":later"],
      { env },
    );
    assert.match(removal.stdout, /^-\t:refs\/heads\/later\t\[deleted\]$/m);
  });
}

Deno.test("SSH serves sha256 repositories, shallow clones and lazy fetches", async () => {
  await using fixture = await sshFixture();
  const { temp, server, env } = fixture;
  const objectFormat = "sha256";
  const source = await generateHistory(temp.join("source.git"), {
    seed: 72,
    commits: 60,
    objectFormat,
  });
  await server.createRepository("acme/sha256", { objectFormat });
  const url = server.sshUrl("acme/sha256");
  await git(["-C", source, "push", "-q", "--mirror", url], { env });
  await git(["clone", "-q", "--depth=3", url, temp.join("shallow")], { env });
  await git(["-C", temp.join("shallow"), "fetch", "-q", "--unshallow"], { env });
  await git(["-C", temp.join("shallow"), "fsck", "--full", "--strict"]);
  await git(["clone", "-q", "--filter=blob:none", url, temp.join("lazy")], { env });
  const main = await gitText(["-C", source, "rev-parse", "main"]);
  assert.equal(await gitText(["-C", temp.join("lazy"), "rev-parse", "HEAD"]), main);
});

Deno.test("SSH tells of push options, rejected updates and an atomic push as HTTP does", async () => {
  await using fixture = await sshFixture();
  const { temp, server, env } = fixture;
  const source = await generateHistory(temp.join("source.git"), { seed: 73, commits: 20 });
  const url = server.sshUrl("acme/rules");
  await git(["-C", source, "push", "-q", "-o", "ci.skip", url, "main"], { env });
  const before = await gitText(["ls-remote", url], { env });
  const pushed = await git(
    ["-C", source, "push", "--atomic", url, "main:refs/heads/x", "main:refs/heads/x/y"],
    { env, anyExit: true },
  );
  assert.notEqual(pushed.code, 0);
  assert.match(pushed.stderr, /rejected/);
  assert.equal(await gitText(["ls-remote", url], { env }), before);
});

for (const [type, bits] of [["ecdsa", 256], ["ecdsa", 521], ["rsa", 2048]] as const) {
  Deno.test(`SSH lets in a client with a key of type ${type} ${bits}`, async () => {
    await using fixture = await sshFixture();
    const { temp, server } = fixture;
    const key = await makeSshKey(temp, { type: type as SshKeyType, bits });
    const listed = await git(["ls-remote", server.sshUrl("acme/none")], {
      env: gitSshEnvironment(key),
      anyExit: true,
    });
    assert.match(listed.stderr, /Find no such repository \(name="acme\/none"\)/);
  });
}

Deno.test("SSH refuses everything but git's services, in words and with an exit code", async () => {
  await using fixture = await sshFixture();
  const { target } = fixture;
  const shell = await ssh(target, []);
  assert.deepEqual([shell.code, shell.stdout], [1, ""]);
  assert.match(shell.stderr, /no shell/);
  const terminal = await ssh({ ...target, options: ["-tt"] }, []);
  assert.equal(terminal.code, 255);
  assert.match(terminal.stderr, /PTY allocation request failed/);
  const unknown = await ssh(target, ["ls", "/"]);
  assert.equal(unknown.code, 127);
  assert.match(unknown.stderr, /Run nothing but git's own services \(command="ls \/"/);
  const chained = await ssh(target, ["git-upload-pack 'a/b'; id"]);
  assert.equal(chained.code, 128);
  assert.match(chained.stderr, /Expect one path in single quotes/);
  const subsystem = await ssh({ ...target, options: ["-s"] }, ["sftp"]);
  assert.equal(subsystem.code, 1);
  assert.match(subsystem.stderr, /no subsystems/);
  const forwarding = { ...target, options: ["-o", "ExitOnForwardFailure=yes", "-R", "0:a:1"] };
  const forward = await ssh(forwarding, ["git-upload-pack 'a/b'"]);
  assert.equal(forward.code, 255);
  assert.match(forward.stderr, /remote port forwarding failed/i);
  const tunnel = await ssh({ ...target, options: ["-W", "127.0.0.1:1"] }, []);
  assert.equal(tunnel.code, 255);
  assert.match(tunnel.stderr, /forwarding failed/);
});

Deno.test("SSH refuses logins without a sound key", async () => {
  await using fixture = await sshFixture();
  const { temp, target } = fixture;
  const rsa = await makeSshKey(temp, { type: "rsa", bits: 2048 });
  const short = await makeSshKey(temp, { type: "rsa", bits: 1024 });
  const attempts: SshTarget[] = [
    { ...target, options: ["-o", "PreferredAuthentications=password"] },
    { ...target, options: ["-o", "PreferredAuthentications=keyboard-interactive"] },
    { ...target, key: rsa, options: ["-o", "PubkeyAcceptedAlgorithms=ssh-rsa"] },
    { ...target, key: short },
  ];
  for (const attempt of attempts) {
    const { code, stderr } = await ssh(attempt, ["git-upload-pack 'a/b'"]);
    assert.equal(code, 255);
    assert.match(stderr, /Permission denied \(publickey\)/);
  }
});

Deno.test("SSH lets in only the keys of authorized_keys once there is such a file", async () => {
  await using fixture = await sshFixture();
  const { temp, server, target } = fixture;
  const other = await makeSshKey(temp, { name: "other" });
  const known = await Deno.readTextFile(`${target.key}.pub`);
  await Deno.writeTextFile(`${server.dataDirectory}/ssh/authorized_keys`, `# keys\n${known}`);
  const list = (key: string) => ssh({ ...target, key }, ["git-upload-pack 'a/b'"]);
  assert.match((await list(target.key)).stderr, /Find no such repository/);
  assert.match((await list(other)).stderr, /Permission denied/);
});

Deno.test("SSH keeps its host keys over restarts", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const key = await makeSshKey(temp);
  const knownHosts = temp.join("known_hosts");
  const strict = ["-o", `UserKnownHostsFile=${knownHosts}`, "-o", "HostKeyAlias=server"];
  const seen: string[] = [];
  for (const check of ["accept-new", "yes"]) {
    await using server = await GitStratumServer.start({ dataDirectory });
    // The first word of an option counts, so these stand before the harness's own.
    const { stderr } = await new Deno.Command("ssh", {
      args: [
        "-F",
        "/dev/null",
        ...strict,
        "-o",
        `StrictHostKeyChecking=${check}`,
        "-i",
        key,
        "-p",
        server.sshOrigin.split(":").at(-1)!,
        "git@127.0.0.1",
      ],
      stdin: "null",
    }).output();
    assert.match(new TextDecoder().decode(stderr), /no shell/);
    seen.push(await Deno.readTextFile(knownHosts));
  }
  assert.equal(seen[0], seen[1]);
});

for (const type of ["ssh-ed25519", "ecdsa-sha2-nistp256"]) {
  Deno.test(`SSH shows a host key of type ${type} to a client that wants one`, async () => {
    await using fixture = await sshFixture();
    const { target } = fixture;
    const { stderr } = await ssh({ ...target, options: ["-o", `HostKeyAlgorithms=${type}`] }, []);
    assert.match(stderr, /no shell/);
  });
}

Deno.test("SSH takes many clients at once", async () => {
  await using fixture = await sshFixture();
  const { temp, server, env } = fixture;
  const source = await generateHistory(temp.join("source.git"), { seed: 74, commits: 40 });
  const url = server.sshUrl("acme/busy");
  await git(["-C", source, "push", "-q", url, "main"], { env });
  const pushes = Array.from(
    { length: 8 },
    (_, index) => git(["-C", source, "push", "-q", url, `main:refs/heads/b${index}`], { env }),
  );
  const clones = Array.from(
    { length: 8 },
    (_, index) => git(["clone", "-q", "--bare", url, temp.join(`copy${index}`)], { env }),
  );
  await Promise.all([...pushes, ...clones]);
  const copy = temp.join("copy");
  await git(["clone", "-q", "--bare", url, copy], { env });
  assert.equal((await references(copy)).split("\n").length, 9);
});

Deno.test("the start says when the SSH address is taken", async () => {
  await using temp = await temporaryDirectory();
  await using first = await GitStratumServer.start({ dataDirectory: temp.join("first") });
  const port = first.sshOrigin.split(":").at(-1);
  await assert.rejects(
    GitStratumServer.start({
      dataDirectory: temp.join("second"),
      flags: ["--ssh", `127.0.0.1:${port}`],
    }),
    /Find the SSH address taken or forbidden \(address=.*EADDRINUSE/,
  );
});
