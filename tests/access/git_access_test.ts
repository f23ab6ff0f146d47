/**
 * A server with accounts as people meet it: the real git client, over HTTP and SSH, and what becomes of
 * those whose key or token is taken away.
 */

import assert from "node:assert/strict";
import { git, gitText } from "../harness/git.ts";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { initRepository } from "../harness/history.ts";
import { logRecords } from "../harness/log_records.ts";
import { commitFile } from "../harness/pushed.ts";
import { gitSshEnvironment, makeSshKey, spawnSsh, ssh } from "../harness/ssh_client.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../harness/temp.ts";
import { AccessStage } from "./access_stage.ts";

/** Revocation is known everywhere in this time. */
const REVOKED_MS_MAX = 2000;

interface Fixture extends AsyncDisposable {
  readonly temp: TemporaryDirectory;
  readonly server: GitStratumServer;
  readonly stage: AccessStage;
  /** A work tree with one commit on main. */
  readonly work: string;
  /** A repository's URL with somebody's token in it. */
  url(who: string, name: string): string;
}

async function fixture(): Promise<Fixture> {
  const temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const flags = ["--auth", "--log-level", "debug"];
  const server = await GitStratumServer.start({ dataDirectory, flags });
  const firstToken = await server.firstToken();
  const { origin, sshOrigin } = server;
  const stage = await AccessStage.open({ origin, sshOrigin, firstToken }, { temp });
  const work = await initRepository(temp.join("work"));
  await commitFile(work, { path: "a", content: "1\n" });
  return {
    temp,
    server,
    stage,
    work,
    url(who, name) {
      const token = stage.tokens.get(who);
      const login = token === undefined ? "" : `x-access-token:${token}@`;
      return `${origin.replace("://", `://${login}`)}/${name}.git`;
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

/** What git says when it fails, and undefined when it does not. */
async function complaint(args: readonly string[], env = {}): Promise<string | undefined> {
  const { code, stderr } = await git(args, { anyExit: true, env });
  return code === 0 ? undefined : stderr;
}

Deno.test("git clones, pushes and is refused as the matrix says, over HTTP", async () => {
  await using world = await fixture();
  const { temp, work, url } = world;
  const push = (who: string, name: string, ref = "main") =>
    complaint(["-C", work, "push", url(who, name), ref]);
  assert.equal(await push("writer", "acme/private"), undefined);
  assert.match((await push("reader", "acme/private"))!, /Lack the permission.* 403/s);
  assert.match((await push("stranger", "acme/private"))!, /Find no such repository|not found/);
  assert.match((await push("anonymous", "acme/public"))!, /could not read Username/);
  assert.equal(await push("writer:write", "acme/public"), undefined);
  const clone = (who: string, name: string) =>
    complaint(["clone", "-q", url(who, name), temp.join(`${who}-${name}`.replaceAll(/\W/g, "-"))]);
  assert.equal(await clone("anonymous", "acme/public"), undefined);
  assert.equal(await clone("reader", "acme/private"), undefined);
  assert.match((await clone("anonymous", "acme/private"))!, /could not read Username/);
  assert.match((await clone("stranger", "acme/private"))!, /not found/);
  // A first push makes a repository where its pusher may make one, and nowhere else.
  assert.equal(await push("acme", "acme/fresh"), undefined);
  assert.equal(await push("owner-writer", "acme/fresh-too"), undefined);
  assert.match((await push("writer", "acme/fresh-three"))!, /not found|Find no such repository/);
  assert.match((await push("acme:read", "acme/fresh-four"))!, /not found|Lack|Find no such/);
  assert.equal((await world.stage.api("anonymous", "GET", "/repos/acme/fresh")).status, 401);
  const foreign = temp.join("by-user-name");
  const asUser = url("reader", "acme/private").replace("x-access-token", "reader");
  assert.equal(await complaint(["clone", "-q", asUser, foreign]), undefined);
  const asOther = url("reader", "acme/private").replace("x-access-token", "writer");
  assert.match((await complaint(["ls-remote", asOther]))!, /Authentication failed/);
});

Deno.test("protected references tell each pusher what is not done to them", async () => {
  await using world = await fixture();
  const { stage, work, url } = world;
  const target = url("writer", "acme/private");
  await git(["-C", work, "push", "-q", target, "main", "main:release/1", "main:old"]);
  await stage.change("PATCH", "/repos/acme/private", {
    settings: {
      protectedReferences: [
        { pattern: "refs/heads/main", denyForce: true, linearHistory: true },
        { pattern: "refs/heads/release/*", pushers: { role: "admin" } },
        { pattern: "refs/heads/old", denyDelete: true },
      ],
    },
  });
  await commitFile(work, { path: "b", content: "2\n" });
  await git(["-C", work, "push", "-q", target, "main"]);
  const back = "+HEAD~1:main";
  const told = await complaint([
    "-C",
    work,
    "push",
    target,
    back,
    ":old",
    "main:release/1",
    "main:free",
  ]);
  const rejections = told!.split("\n").filter((line) => line.includes("[remote rejected]"));
  const reasons = rejections.map((line) => /(?:-> |\] +)([^ ]+ \(.*)$/.exec(line)![1]);
  assert.deepEqual(reasons.sort(), [
    "main (protected by refs/heads/main: it only moves forward)",
    "old (protected by refs/heads/old: it is not to be deleted)",
    "release/1 (protected by refs/heads/release/*: you may not push to it)",
  ]);
  // What is not protected went through.
  assert.match(await gitText(["ls-remote", target, "free"]), /refs\/heads\/free/);
  assert.match(
    (await complaint(["-C", work, "push", "--atomic", target, back, "main:next"]))!,
    /next \(atomic push failure\)/,
  );
  const admins = url("keeper", "acme/private");
  assert.equal(await complaint(["-C", work, "push", "-q", admins, "main:release/1"]), undefined);
  assert.match((await complaint(["-C", work, "push", admins, back]))!, /only moves forward/);
  await git(["-C", work, "checkout", "-q", "-b", "side", "HEAD~1"]);
  await commitFile(work, { path: "c", content: "3\n" });
  await git(["-C", work, "checkout", "-q", "main"]);
  await git(["-C", work, "merge", "-q", "--no-ff", "-m", "merge", "side"]);
  assert.match(
    (await complaint(["-C", work, "push", target, "main"]))!,
    /it takes no merge commits/,
  );
});

Deno.test("a reference that demands signed commits takes those that users signed", async () => {
  await using world = await fixture();
  const { stage, temp, work, url } = world;
  const target = url("writer", "acme/private");
  await git(["-C", work, "push", "-q", target, "main"]);
  await stage.change("PATCH", "/repos/acme/private", {
    settings: { protectedReferences: [{ pattern: "refs/heads/main", signed: true }] },
  });
  await stage.change("POST", "/users/reader/keys", { key: await stage.makeKey("reader") });
  const stranger = await makeSshKey(temp, { name: "nobody" });
  const signed = (key: string) => [
    ...["-c", "gpg.format=ssh", "-c", `user.signingKey=${key}.pub`, "-c", "commit.gpgSign=true"],
  ];
  const commit = async (message: string, flags: readonly string[]) => {
    await git([...flags, "-C", work, "commit", "-q", "--allow-empty", "-m", message]);
  };
  const refused = /protected by refs\/heads\/main: it takes only commits with a good signature/;
  const push = (refs: readonly string[]) => complaint(["-C", work, "push", target, ...refs]);
  await commit("signed", signed(stage.keys.get("reader")!));
  await commit("signed too", signed(stage.keys.get("reader")!));
  assert.equal(await push(["main"]), undefined);
  await commit("not signed", []);
  await commit("signed again", signed(stage.keys.get("reader")!));
  assert.match((await push(["main", "main:side"]))!, refused);
  // Now all of it is in the repository, and new to main all the same.
  assert.match((await push(["main"]))!, refused);
  await git(["-C", work, "reset", "-q", "--hard", "HEAD~2"]);
  await commit("by somebody", signed(stranger));
  assert.match((await push(["main"]))!, refused);
  await git(["-C", work, "reset", "-q", "--hard", "HEAD~1"]);
  // Many, and through a branch that asks for nothing.
  for (let n = 0; n < 3; n++) await commit(`${n}`, signed(stage.keys.get("reader")!));
  assert.equal(await push(["main:other"]), undefined);
  assert.equal(await push(["main"]), undefined);
  await stage.change("PATCH", "/users/reader", { disabled: true });
  await commit("by somebody disabled", signed(stage.keys.get("reader")!));
  assert.match((await push(["main"]))!, refused);
});

Deno.test("a token is worth nothing once it is revoked, expired or its user disabled", async () => {
  await using world = await fixture();
  const { stage, url } = world;
  const list = (who: string) => complaint(["ls-remote", url(who, "acme/private")]);
  const soon = (ms: number) => new Date(Date.now() + ms).toISOString();
  const scopes = ["repository:read"];
  await stage.addToken("later", "reader", { scopes, notBefore: soon(3_600_000) });
  await stage.addToken("short", "reader", { scopes, expiresAt: soon(3000) });
  assert.match((await list("later"))!, /Authentication failed/);
  assert.equal(await list("short"), undefined);
  assert.equal(await list("writer:read"), undefined);
  const startMs = performance.now();
  await stage.change("DELETE", `/users/writer/tokens/${stage.tokenIds.get("writer:read")}`);
  assert.match((await list("writer:read"))!, /Authentication failed/);
  assert.ok(performance.now() - startMs < REVOKED_MS_MAX + 2000);
  await stage.change("PATCH", "/users/keeper", { disabled: true });
  assert.match((await list("keeper"))!, /Authentication failed/);
  await stage.change("DELETE", "/repos/acme/private/members/reader");
  assert.match((await list("reader"))!, /not found/);
  // Nothing to wait for but the time itself.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.match((await list("short"))!, /Authentication failed/);
  const response = await stage.fetch("short", "/acme/public.git/info/refs?service=git-upload-pack");
  assert.equal(response.status, 401, "what is public is no proof of a token");
  assert.match(await response.text(), /it has expired/);
});

Deno.test("a download over HTTP ends with the token or the role that it began with", async () => {
  await using world = await fixture();
  const { stage, work, url } = world;
  // Too much for what lies between a server and a client that does not read.
  const content = crypto.getRandomValues(new Uint8Array(65_536));
  const large = new Uint8Array(24 * 1024 * 1024);
  for (let at = 0; at < large.length; at += content.length) {
    large.set(crypto.getRandomValues(content), at);
  }
  await commitFile(work, { path: "large", content: large });
  await git(["-C", work, "push", "-q", url("writer", "acme/private"), "main"]);
  const oid = await gitText(["-C", work, "rev-parse", "HEAD"]);
  const packet = (text: string) => (text.length + 4).toString(16).padStart(4, "0") + text;
  const downloading = async (who: string) => {
    const response = await stage.fetch(who, "/acme/private.git/git-upload-pack", {
      method: "POST",
      headers: {
        "content-type": "application/x-git-upload-pack-request",
        "git-protocol": "version=2",
      },
      body: `${packet("command=fetch")}0001${packet(`want ${oid}`)}${packet("done")}0000`,
    });
    assert.equal(response.status, 200);
    const reader = response.body!.getReader();
    assert.ok((await reader.read()).value!.length > 0);
    return reader;
  };
  const going = await downloading("keeper");
  const revocations = {
    "writer:read": `/users/writer/tokens/${stage.tokenIds.get("writer:read")}`,
    "reader": "/repos/acme/private/members/reader",
    "owner-reader": "/owners/acme/members/owner-reader",
  };
  for (const [who, path] of Object.entries(revocations)) {
    const reader = await downloading(who);
    await stage.change("DELETE", path);
    const startMs = performance.now();
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
    }, who);
    const tookMs = performance.now() - startMs;
    if (who === "writer:read") assert.ok(tookMs < REVOKED_MS_MAX, `${tookMs} ms`);
  }
  // Those of others run to their end.
  while (!(await going.read()).done);
});

Deno.test("SSH knows users and deploy keys by what is recorded, until it is taken away", async () => {
  await using world = await fixture();
  const { stage, temp, work, server } = world;
  const env = async (who: string, path: string, body = {}) => {
    const key = await stage.makeKey(who);
    const { id } = await stage.change("POST", path, { key, ...body });
    return { ...gitSshEnvironment(stage.keys.get(who)!), id: String(id) };
  };
  const writer = await env("writer", "/users/writer/keys");
  const robot = await env("robot", "/repos/acme/private/keys", { role: "write" });
  const target = server.sshUrl("acme/private");
  assert.equal(await complaint(["-C", work, "push", "-q", target, "main"], writer), undefined);
  assert.equal(await complaint(["-C", work, "push", "-q", target, "main:bot"], robot), undefined);
  const elsewhere = server.sshUrl("acme/other");
  assert.match((await complaint(["ls-remote", elsewhere], robot))!, /Find no such repository/);
  const unknown = gitSshEnvironment(await makeSshKey(temp, { name: "unknown" }));
  assert.match(
    (await complaint(["ls-remote", target], unknown))!,
    /Permission denied \(publickey\)/,
  );
  const weak = await makeSshKey(temp, { type: "rsa", bits: 1024, name: "weak" });
  const line = (await Deno.readTextFile(`${weak}.pub`)).trim();
  const refused = await stage.api("root", "POST", "/users/writer/keys", { key: line });
  assert.equal(refused.status, 400);

  // A command that waits in the middle of a conversation ends with the role by which it reads.
  await env("reader", "/users/reader/keys");
  const reading = { origin: stage.target.sshOrigin, key: stage.keys.get("reader")! };
  const waiting = spawnSsh(reading, ["git-upload-pack", "'acme/private'"]);
  const listing = waiting.stdout.getReader();
  assert.ok((await listing.read()).value!.length > 0);
  await stage.change("DELETE", "/repos/acme/private/members/reader");
  assert.equal((await waiting.status).success, false);
  await listing.cancel();
  await waiting.stderr.cancel();
  await waiting.stdin.close().catch(() => {});

  // A connection that waits in the middle of a conversation ends with its key.
  const sshTarget = { origin: stage.target.sshOrigin, key: stage.keys.get("writer")! };
  const held = spawnSsh(sshTarget, ["git-upload-pack", "'acme/private'"]);
  const output = held.stdout.getReader();
  assert.ok((await output.read()).value!.length > 0);
  const startMs = performance.now();
  await stage.change("DELETE", `/users/writer/keys/${writer.id}`);
  const { success } = await held.status;
  assert.equal(success, false);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < REVOKED_MS_MAX, `${tookMs} ms`);
  await output.cancel();
  await held.stderr.cancel();
  await held.stdin.close().catch(() => {});
  const again = await ssh(sshTarget, ["git-upload-pack", "'acme/private'"]);
  assert.match(again.stderr, /Permission denied/);

  // Who pushed is kept with the push.
  await server.signal("SIGTERM");
  const pushes = (await logRecords(server.dataDirectory)).filter(({ kind }) => kind === "push");
  const credentials = pushes.map(({ provenance }) => {
    const { user, credential } = provenance as { user?: string; credential: unknown };
    return [user, credential];
  });
  assert.deepEqual(credentials, [
    ["writer", { kind: "ssh-key", id: writer.id }],
    [undefined, { kind: "deploy-key", id: robot.id }],
  ]);
});

Deno.test("what is hidden is answered as what is not there: bytes, headers, time", async () => {
  await using world = await fixture();
  const { stage } = world;
  const paths = (name: string) => [
    `/acme/${name}.git/info/refs?service=git-upload-pack`,
    `/acme/${name}.git/info/refs?service=git-receive-pack`,
    `/acme/${name}.git/bundles/${"1".repeat(40)}.bundle`,
    `/api/v1/repos/acme/${name}`,
    `/api/v1/repos/acme/${name}/members`,
  ];
  const ask = async (who: string, path: string) => {
    const startMs = performance.now();
    const response = await stage.fetch(who, path);
    const text = await response.text();
    const tookMs = performance.now() - startMs;
    const headers = [...response.headers].filter(([name]) => name !== "date");
    return { told: JSON.stringify([response.status, headers, text]), tookMs };
  };
  const median = (times: number[]) => times.sort((a, b) => a - b)[times.length >> 1]!;
  const times: { readonly hidden: number[]; readonly missing: number[] } = {
    hidden: [],
    missing: [],
  };
  for (let round = 0; round < 12; round++) {
    for (const who of ["anonymous", "stranger"]) {
      for (const [index, path] of paths("private").entries()) {
        // As long a name, so that nothing but its being there differs.
        const hidden = await ask(who, path);
        const missing = await ask(who, paths("nothing")[index]!);
        assert.equal(hidden.told, missing.told.replaceAll("nothing", "private"));
        times.hidden.push(hidden.tookMs);
        times.missing.push(missing.tookMs);
      }
    }
  }
  const difference = Math.abs(median(times.hidden) - median(times.missing));
  assert.ok(difference < 5, `${median(times.hidden)} ms and ${median(times.missing)} ms`);
});

Deno.test("no secret gets into the log, and nothing that a client sends begins a line of it", async () => {
  await using world = await fixture();
  const { stage, server, work, url } = world;
  await git(["-C", work, "push", "-q", url("writer", "acme/private"), "main"]);
  const wrong = `gst_${"A".repeat(32)}_000000`;
  const nasty: [string, string][] = [
    ["authorization", `Bearer ${wrong}`],
    ["authorization", "Basic " + btoa("evil%0a{}:x")],
    ["authorization", "x".repeat(30_000)],
    ["user-agent", 'evil","level":"error'],
    ["git-protocol", "version=2:" + "x=".repeat(2000)],
  ];
  for (const [name, value] of nasty) {
    const path = "/acme/private.git/info/refs?service=git-upload-pack&secret=hunter2";
    const response = await fetch(`${server.origin}${path}`, { headers: { [name]: value } });
    await response.body?.cancel();
    assert.ok([400, 401, 431].includes(response.status), `${name}: ${response.status}`);
  }
  const text = server.log;
  const lines = text.split("\n").filter((line) => line.includes('"level"'));
  assert.ok(lines.length > 20, "the server logs at all");
  for (const line of lines) assert.equal(typeof JSON.parse(line).message, "string", line);
  const first = stage.target.firstToken;
  assert.equal(text.split(first).length - 1, 1, "the first token is printed once");
  for (const [who, token] of stage.tokens) {
    if (token !== first) assert.ok(!text.includes(token), `${who}'s token is in the log`);
    assert.ok(!text.includes(btoa(`x-access-token:${token}`)));
  }
  assert.ok(!text.includes(wrong));
  assert.ok(!text.includes("hunter2"));
});

Deno.test("a second start makes no administrator, and accounts live on", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  let token: string;
  {
    await using server = await GitStratumServer.start({ dataDirectory, flags: ["--auth"] });
    token = await server.firstToken();
  }
  await using server = await GitStratumServer.start({ dataDirectory, flags: ["--auth"] });
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${server.origin}/api/v1/users`, { headers });
  assert.equal(response.status, 200);
  await response.body?.cancel();
  assert.ok(!server.log.includes("gst_"));
});

Deno.test("other machines are served only with accounts, or when the risk is named", async () => {
  await assert.rejects(
    GitStratumServer.start({ flags: ["--http", "0.0.0.0:0"] }),
    /serves other machines: it needs --auth, or --insecure-open-access/,
  );
});
