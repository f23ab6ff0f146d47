/**
 * The command line for whoever manages a server, as a process of its own, against a server with and
 * without accounts.
 */

import assert from "node:assert/strict";
import { git } from "./harness/git.ts";
import { GitStratumServer, projectRoot } from "./harness/gitstratum_server.ts";
import { generateHistory } from "./harness/history.ts";
import { LocalCluster } from "./harness/local_cluster.ts";
import { temporaryDirectory } from "./harness/temp.ts";

/** What a run printed, and its exit code. */
interface Run {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** Runs the command line; nothing of the tester's own home is seen or changed. */
async function admin(
  server: { readonly origin: string },
  args: readonly string[],
  options: { readonly home: string; readonly token?: string; readonly input?: string },
): Promise<Run> {
  const { home, token, input = "" } = options;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "frontend/admin/main.ts", ...args],
    cwd: projectRoot,
    env: {
      NO_COLOR: "1",
      HOME: home,
      XDG_CONFIG_HOME: "",
      DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
      GITSTRATUM_SERVER: server.origin,
      GITSTRATUM_TOKEN: token ?? "",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), errors: decoder.decode(stderr) };
}

Deno.test("the command line manages the repositories of a server without accounts", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start();
  const run = (...args: string[]) => admin(server, args, { home: temp.path });
  const made = await run("repository", "create", "acme/one", "acme/two");
  assert.deepEqual(made, { code: 0, out: "acme/one: done\nacme/two: done\n", errors: "" });
  const listed = await run("repository", "list", "--json", "--owner", "acme");
  const names = listed.out.trimEnd().split("\n").map((line) => JSON.parse(line).name);
  assert.deepEqual(names, ["acme/one", "acme/two"]);
  const missing = await run("repository", "show", "acme/oen");
  assert.deepEqual([missing.code, missing.out], [3, ""]);
  assert.match(missing.errors, /did you mean acme\/one\?/);
  assert.equal((await run("repository", "delete", "acme/one", "acme/two")).code, 0);
  assert.equal((await run("nonsense")).code, 2);
  await server.signal("SIGTERM");
  assert.equal((await run("repository", "list")).code, 6);
});

Deno.test("an administrator logs in, and lets somebody push", async () => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start({ flags: ["--auth"] });
  const secret = /gst_[0-9A-Za-z_]+/.exec(server.log)?.[0];
  assert.ok(secret !== undefined, server.log);
  const options = { home: temp.path };
  const login = await admin(server, ["login"], { ...options, input: `${secret}\n` });
  assert.equal(login.code, 0, login.errors);
  assert.ok(!login.out.includes(secret));
  const run = async (...args: string[]) => {
    const { code, out, errors } = await admin(server, args, options);
    assert.equal(code, 0, errors);
    return out;
  };
  await run("user", "add", "alice");
  const scopes = "repository:write";
  const { token } = JSON.parse(await run("token", "create", "alice", "--scope", scopes, "--json"));
  await run("repository", "create", "alice/one", "--visibility", "private");
  const url = new URL(server.url("alice/one"));
  Object.assign(url, { username: "alice", password: token });
  await git(["ls-remote", `${url}`]);
  await run(
    "token",
    "revoke",
    "alice",
    JSON.parse(await run("token", "list", "alice", "--json")).id,
  );
  const refused = await git(["ls-remote", `${url}`], { anyExit: true });
  assert.notEqual(refused.code, 0);
  assert.equal((await admin(server, ["user", "list"], { ...options, token })).code, 4);
});

Deno.test("an administrator sees who pushed, and has webhooks told again", async () => {
  await using temp = await temporaryDirectory();
  const told = Promise.withResolvers<string>();
  await using receiver = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      told.resolve(request.headers.get("user-agent") ?? "");
      return new Response(null, { status: 204 });
    },
  );
  await using server = await GitStratumServer.start({
    flags: ["--auth", "--egress-allow", "127.0.0.1"],
  });
  const token = /gst_[0-9A-Za-z_]+/.exec(server.log)![0];
  const run = async (...args: string[]) => {
    const { code, out, errors } = await admin(server, [...args, "--json"], {
      home: temp.path,
      token,
    });
    assert.equal(code, 0, errors);
    return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  };
  await run("repository", "create", "admin/one");
  const url = `http://127.0.0.1:${receiver.addr.port}/hook`;
  const [{ id }] = await run("webhook", "add", "admin/one", "--url", url, "--events", "push");
  const source = await generateHistory(temp.join("source.git"), { seed: 7, commits: 2 });
  const remote = new URL(server.url("admin/one"));
  Object.assign(remote, { username: "admin", password: token });
  await git(["-C", source, "push", "-q", `${remote}`, "main"]);
  await told.promise;
  const [event] = await run("audit", "--of", "admin/one", "--user", "admin", "--limit", "1");
  assert.equal(event.kind, "reference-updated");
  assert.equal(event.by.transport, "http");
  const [delivery] = await run("webhook", "deliveries", "admin/one", id);
  assert.equal(delivery.event, "push");
  const [again] = await run("webhook", "replay", "admin/one", id, delivery.id);
  assert.equal(again.id, delivery.id);
});

Deno.test("every frontend of a cluster manages the same, and goes on with the pages of another", async () => {
  await using temp = await temporaryDirectory();
  await using cluster = await LocalCluster.start({
    etcdCount: 1,
    controlCount: 1,
    metadataCount: 2,
    objectCount: 3,
    frontendFlags: ["--auth"],
  });
  const token = cluster.frontends.flatMap(({ log }) => log.match(/gst_\w+/g) ?? [])[0]!;
  const run = async (frontend: number, ...args: string[]) => {
    const server = { origin: cluster.frontends[frontend]!.url };
    const { code, out, errors } = await admin(server, [...args, "--json"], {
      home: temp.path,
      token,
    });
    assert.equal(code, 0, errors);
    return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  };
  const names = Array.from({ length: 5 }, (_, n) => `admin/r${n}`);
  await run(0, "repository", "create", ...names);
  await run(1, "user", "add", "alice");
  const hook = ["--url", "https://hook.example/x", "--events", "push"];
  await run(0, "webhook", "add", "admin/r1", ...hook);
  assert.equal((await run(1, "webhook", "list", "admin/r1")).length, 1);
  const found: string[] = [];
  let path = "/api/v1/repos?limit=2";
  for (let page = 0; path !== ""; page++) {
    const response = await fetch(cluster.frontends[page % 2]!.url + path, {
      headers: { authorization: `Bearer ${token}` },
    });
    assert.equal(response.status, 200);
    const { repositories } = await response.json();
    found.push(...repositories.map(({ name }: { readonly name: string }) => name));
    path = /^<(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
  }
  assert.deepEqual(found, names);
  const kinds = (await run(1, "audit", "--user", "admin")).map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === "repository-created").length, 5);
  assert.ok(kinds.includes("user-created") && kinds.includes("webhook-created"));
});
