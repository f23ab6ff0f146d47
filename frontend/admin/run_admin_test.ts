import assert from "node:assert/strict";
import { OPENPGP_FINGERPRINT, OPENPGP_PUBLIC_KEY } from "@gitstratum/core/access/gnupg";
import { publicKeyLine } from "../api/testing/account_stage.ts";
import { AdminStage } from "./testing/admin_stage.ts";

Deno.test("runAdmin() creates, shows, changes, lists and deletes repositories", () =>
  AdminStage.run(async (stage) => {
    const made = await stage.run([
      ...["repository", "create", "root/one", "--default-branch", "trunk"],
      ...["--visibility=internal", "--deny-force", "--settings", '{"denyDeletes":true}', "--json"],
    ]);
    assert.deepEqual([made.code, made.errors], [0, []]);
    const repository = JSON.parse(made.out.join("\n"));
    assert.equal(repository.defaultBranch, "trunk");
    const { visibility, denyNonFastForwards, denyDeletes } = repository.settings;
    assert.deepEqual([visibility, denyNonFastForwards, denyDeletes], ["internal", true, true]);
    const set = await stage.run(["repository", "set", "root/one", "--no-deny-force"]);
    assert.ok(set.out.includes("settings.denyNonFastForwards  false"), set.out.join("\n"));
    const listed = await stage.run(["repository", "list"]);
    assert.deepEqual(listed.out.map((line) => line.split(/ {2,}/).slice(0, 3)), [
      ["name", "visibility", "default branch"],
      ["root/one", "internal", "trunk"],
    ]);
    const gone = await stage.run(["repository", "delete", "root/one"]);
    assert.deepEqual(gone, { code: 0, out: ["root/one is deleted"], errors: [] });
    const none = await stage.run(["repository", "list"]);
    assert.deepEqual(none, { code: 0, out: [], errors: ["There are none"] });
  }));

Deno.test("runAdmin() guesses what a mistyped name was to be", () =>
  AdminStage.run(async (stage) => {
    for (const name of ["root/project", "root/other"]) await stage.ask("POST /repos", { name });
    const { code, errors } = await stage.run(["repository", "show", "root/porject"]);
    assert.equal(code, 3);
    assert.deepEqual(errors, [
      'Find no such repository (name="root/porject"); did you mean root/project?',
    ]);
    const owner = await stage.run(["repository", "show", "rot/project"]);
    assert.match(owner.errors[0]!, /; did you mean root\/project\?$/);
    await stage.ask("POST /users", { name: "alice" });
    const user = await stage.run(["user", "show", "alcie"]);
    assert.match(user.errors[0]!, /; did you mean alice\?$/);
    const far = await stage.run(["user", "show", "somebody"]);
    assert.doesNotMatch(far.errors[0]!, /did you mean/);
  }));

Deno.test("runAdmin() does a command with many arguments, and tries all whatever fails", () =>
  AdminStage.run(async (stage) => {
    const names = Array.from({ length: 20 }, (_, n) => `root/r${n}`);
    await stage.ask("POST /repos", { name: names[3] });
    const { code, out, errors } = await stage.run(["repository", "create", ...names]);
    assert.equal(code, 5);
    assert.deepEqual(out, names.toSpliced(3, 1).map((name) => `${name}: done`));
    assert.deepEqual(errors, ['Find the name taken (name="root/r3")']);
    const from = await stage.run(["repository", "delete", "--from", "-", names[0]!], {
      files: { "-": `${names.slice(1).join("\n")}\n\n` },
    });
    assert.equal(from.code, 0);
    assert.equal(from.out.length, 20);
    assert.deepEqual((await stage.ask("GET /repos")).body.repositories, []);
  }));

Deno.test("runAdmin() gives up when no other argument can fare better", () =>
  AdminStage.run(async (stage) => {
    const names = Array.from({ length: 20 }, (_, n) => `root/r${n}`);
    let asked = 0;
    const { code, errors } = await stage.run(["repository", "create", ...names], {
      fetcher: () => Promise.reject(new Error(`refused ${++asked}`)),
    });
    assert.equal(code, 6);
    assert.equal(asked, 4, "no more than those that were on their way");
    assert.equal(errors.filter((line) => line === "16 of 20 were not tried").length, 1);
  }));

Deno.test("runAdmin() does nothing while one of many arguments is wrong", () =>
  AdminStage.run(async (stage) => {
    const { code, errors } = await stage.run(["repository", "create", "root/a", "../b", "c"]);
    assert.equal(code, 2);
    assert.equal(errors.join("\n").split("\n").length, 2);
    assert.match(errors[0]!, /^OWNER\/NAME must not be "\.\.\/b": /);
    assert.deepEqual((await stage.ask("GET /repos")).body.repositories, []);
  }));

Deno.test("runAdmin() asks people before it deletes", () =>
  AdminStage.run(async (stage) => {
    await stage.ask("POST /repos", { name: "root/one" });
    const command = ["repository", "delete", "root/one"];
    assert.equal((await stage.run(command, { answer: false })).code, 1);
    assert.deepEqual(stage.questions, ["Delete the repository root/one?"]);
    assert.equal((await stage.ask("GET /repos/root/one")).status, 200);
    assert.equal((await stage.run([...command, "--yes"], { answer: false })).code, 0);
    assert.equal(stage.questions.length, 1);
  }));

Deno.test("runAdmin() manages users, tokens, keys and roles", () =>
  AdminStage.run(async (stage) => {
    const ok = async (...args: string[]) => {
      const files = { "id.pub": publicKeyLine(1, "laptop"), "key.asc": OPENPGP_PUBLIC_KEY };
      const run = await stage.run(args, { files });
      assert.deepEqual([run.code, run.errors], [0, []], args.join(" "));
      return run.out;
    };
    await ok("user", "add", "alice", "bob");
    await ok("user", "set", "bob", "--disabled");
    assert.deepEqual((await ok("user", "list")).map((line) => line.split(/ {2,}/)[0]), [
      "name",
      "alice",
      "bob",
      "root",
    ]);
    const [token] = await ok(
      ...["token", "create", "alice", "--scope", "account,repository:write", "--label", "ci"],
      ...["--expires", "30d", "--json"],
    );
    const made = JSON.parse(token!);
    assert.equal(made.expiresAt, "2030-01-31T00:00:00.000Z");
    const asAlice = { environment: { GITSTRATUM_TOKEN: made.token } };
    const whoami = await stage.run(["whoami"], asAlice);
    assert.ok(whoami.out.some((line) => /^name +alice$/.test(line)));
    assert.equal((await stage.run(["user", "list"], asAlice)).code, 4);
    await ok("token", "revoke", "alice", made.id);
    assert.equal((await stage.run(["whoami"], asAlice)).code, 4);
    await ok("key", "add", "alice", "id.pub");
    assert.match((await ok("key", "list", "alice"))[1]!, /laptop +SHA256:/);
    await ok("openpgp-key", "add", "alice", "key.asc", "--json");
    const [head, key] = await ok("openpgp-key", "list", "alice");
    assert.match(head!, /^id +label +fingerprint +created +expires +key ends$/);
    assert.match(key!, new RegExp(` Alice <alice@example.org> +${OPENPGP_FINGERPRINT} .*never$`));
    await ok("openpgp-key", "remove", "alice", key!.split(" ")[0]!);
    assert.deepEqual((await stage.run(["openpgp-key", "list", "alice"])).errors, [
      "There are none",
    ]);
    await ok("owner", "add", "team");
    await ok("owner", "grant", "team", "alice", "--role", "write");
    assert.match((await ok("owner", "members", "team"))[1]!, /^alice +write/);
    assert.match((await ok("user", "roles", "alice"))[1]!, /^owner +team +write/);
    await ok("owner", "revoke", "team", "alice");
    await ok("user", "remove", "alice");
  }));

Deno.test("runAdmin() protects references one rule at a time", () =>
  AdminStage.run(async (stage) => {
    await stage.ask("POST /repos", { name: "root/one" });
    const rule = (...args: string[]) => stage.run(["protection", ...args]);
    await rule("set", "root/one", "refs/heads/main", "--deny-force", "--pusher-role", "admin");
    await rule("set", "root/one", "refs/tags/**", "--deny-delete");
    await rule("set", "root/one", "refs/heads/main", "--deny-force", "--signed");
    assert.deepEqual((await rule("list", "root/one")).out, [
      "pattern          refuses                  pushers",
      "refs/tags/**     deletion                 whoever may write",
      "refs/heads/main  force, unsigned commits  whoever may write",
    ]);
    assert.equal((await rule("remove", "root/one", "refs/tags/**")).code, 0);
    assert.equal((await rule("remove", "root/one", "refs/tags/**")).code, 3);
    const wrong = await rule("set", "root/one", "heads/main");
    assert.equal(wrong.code, 2);
    assert.match(wrong.errors[0]!, /does not begin with refs/);
  }));

Deno.test("runAdmin() keeps the rules of people who write at the same moment", () =>
  AdminStage.run(async (stage) => {
    await stage.ask("POST /repos", { name: "root/one" });
    const rule = (...args: string[]) => stage.run(["protection", ...args]);
    const names = ["a", "b", "c", "d"].map((name) => `refs/heads/${name}`);
    const set = await Promise.all(names.map((name) => rule("set", "root/one", name, "--signed")));
    assert.deepEqual(set.map(({ code }) => code), [0, 0, 0, 0]);
    const listed = async () =>
      (await rule("list", "root/one")).out.slice(1).map((line) => line.split(" ")[0]);
    assert.deepEqual((await listed()).sort(), names);
    const [removed, added] = await Promise.all([
      rule("remove", "root/one", names[0]!),
      rule("set", "root/one", "refs/tags/**", "--deny-delete"),
    ]);
    assert.deepEqual([removed.code, added.code], [0, 0]);
    assert.deepEqual((await listed()).sort(), [...names.slice(1), "refs/tags/**"]);
  }));

Deno.test("runAdmin() keeps a token for its server and for no other", () =>
  AdminStage.run(async (stage) => {
    const nothing = { GITSTRATUM_TOKEN: "" };
    const login = await stage.run(["login"], {
      environment: nothing,
      files: { "-": `${stage.token}\n` },
    });
    assert.deepEqual([login.code, login.out], [
      0,
      ["Logged in as root; the token is in kept for http://127.0.0.1:8080"],
    ]);
    assert.equal((await stage.run(["user", "list"], { environment: nothing })).code, 0);
    const other = { ...nothing, GITSTRATUM_SERVER: "http://localhost:1" };
    assert.equal((await stage.run(["user", "list"], { environment: other })).code, 4);
    const wrong = await stage.run(["login"], { environment: nothing, files: { "-": "secret" } });
    assert.equal(wrong.code, 2);
    assert.doesNotMatch(wrong.errors.join(), /secret/);
  }));

Deno.test("runAdmin() sends no token in plain text to other machines", () =>
  AdminStage.run(async (stage) => {
    const server = (url: string) => ["user", "list", "--server", url];
    const refused = await stage.run(server("http://git.example"));
    assert.equal(refused.code, 4);
    assert.match(refused.errors[0]!, /^Send no token over plain HTTP without --allow-http/);
    assert.equal((await stage.run([...server("http://git.example"), "--allow-http"])).code, 0);
    assert.equal((await stage.run(server("https://git.example"))).code, 0);
    assert.equal((await stage.run(server("http://127.0.0.1.example"))).code, 4);
  }));

Deno.test("runAdmin() tells programs what went wrong by its exit code", () =>
  AdminStage.run(async (stage) => {
    const answering = (status: number, body: string) => ({
      fetcher: () => Promise.resolve(new Response(body, { status })),
    });
    const error = (code: string) => JSON.stringify({ error: { code, message: "No", data: {} } });
    const cases: readonly [number, Parameters<AdminStage["run"]>[1]][] = [
      [6, { fetcher: () => Promise.reject(new TypeError("connection refused")) }],
      [6, answering(502, "<html>bad gateway</html>")],
      [6, answering(413, error("exhausted"))],
      [1, answering(200, "<html>another server</html>")],
      [1, answering(500, error("corrupt"))],
      [3, answering(404, error("not-found"))],
      [4, answering(401, error("unauthenticated"))],
      [5, answering(409, error("conflict"))],
      [2, answering(400, error("invalid"))],
    ];
    for (const [code, options] of cases) {
      const { errors, ...run } = await stage.run(["user", "list"], options);
      assert.equal(run.code, code, errors.join());
      assert.equal(errors.length, 1);
    }
  }));

Deno.test("runAdmin() comes again when the server asks for time", () =>
  AdminStage.run(async (stage) => {
    let asked = 0;
    const body = { error: { code: "exhausted", message: "Wait", data: { retryAfterS: 0 } } };
    const { out } = await stage.run(["user", "list", "--json"], {
      fetcher: (request) =>
        ++asked < 3
          ? Promise.resolve(Response.json(body, { status: 429 }))
          : stage.accounts.api.fetcher(request),
    });
    assert.equal(asked, 3);
    assert.equal(out.length, 1);
  }));

Deno.test("runAdmin() prints nothing that moves a terminal's cursor", () =>
  AdminStage.run(async (stage) => {
    const name = "a\x1b[2Jb\u202ec";
    const page = { users: [{ name, administrator: false, disabled: false, createdAt: "2030" }] };
    const fetcher = () => Promise.resolve(Response.json(page));
    const { out } = await stage.run(["user", "list"], { fetcher });
    assert.match(out[1]!, /^a\\u\{1b\}\[2Jb\\u\{202e\}c/);
  }));
