/**
 * What is kept in memory to answer quickly is never older than the last change: each question here was
 * answered a moment before, by the same server, to the same client.
 */

import assert from "node:assert/strict";
import { AccessStage } from "./access/access_stage.ts";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { commitFile } from "./harness/pushed.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const REPOSITORY = "acme/private";

Deno.test("git sees each change of references, settings, names and rights at once", async (test) => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start({
    dataDirectory: temp.join("data"),
    flags: ["--auth"],
  });
  const { origin, sshOrigin } = server;
  const firstToken = await server.firstToken();
  const stage = await AccessStage.open({ origin, sshOrigin, firstToken }, { temp });
  const url = (who: string, name = REPOSITORY) =>
    `${origin.replace("://", `://x-access-token:${stage.tokens.get(who)}@`)}/${name}.git`;
  const work = await initRepository(temp.join("work"));
  const commit = (content: string) => commitFile(work, { path: "a", content });
  const push = (...refs: string[]) => git(["-C", work, "push", "-q", url("writer"), ...refs]);
  const head = () => gitText(["-C", work, "rev-parse", "HEAD"]);
  /** Names of the references that a reader sees; what git says instead when it sees none of them. */
  const seen = async (name = REPOSITORY, who = "reader") => {
    const { code, stdout, stderr } = await git(["ls-remote", url(who, name)], { anyExit: true });
    if (code !== 0) return stderr;
    return stdout.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[1]);
  };
  let clones = 0;
  /** The commit that a shallow clone of a branch gets. */
  const cloned = async (branch: string) => {
    const path = temp.join(`clone-${clones++}`);
    await git(["clone", "-q", "--depth", "1", "-b", branch, url("reader"), path]);
    return await gitText(["-C", path, "rev-parse", "HEAD"]);
  };

  await commit("1\n");
  await push("-f", "HEAD:main");

  await test.step("a push between two listings, and between two equal clones", async () => {
    for (const content of ["2\n", "3\n"]) {
      await commit(content);
      await push("HEAD:main");
      assert.equal(await cloned("main"), await head());
      assert.equal(await cloned("main"), await head());
    }
    const before = await seen();
    assert.ok(Array.isArray(before) && before.includes("refs/heads/main"));
    await push("HEAD:refs/heads/topic");
    assert.deepEqual(await seen(), [...before, "refs/heads/topic"]);
    await push(":refs/heads/topic");
    assert.deepEqual(await seen(), before);
  });

  await test.step("references that become hidden, and what only they reach", async () => {
    await commit("hidden\n");
    const secret = await head();
    await push("HEAD:refs/secret/one");
    const fetchSecret = async () => {
      const into = await initRepository(temp.join(`fetch-${clones++}`));
      const args = ["-C", into, "fetch", "-q", "--depth", "1", url("reader"), secret];
      return (await git(args, { anyExit: true })).code;
    };
    const before = await seen();
    assert.ok(before.includes("refs/secret/one"));
    assert.deepEqual([await fetchSecret(), await fetchSecret()], [0, 0]);
    const hide = (hiddenReferences: string[]) =>
      stage.change("PATCH", `/repos/${REPOSITORY}`, { settings: { hiddenReferences } });
    await hide(["refs/secret/"]);
    assert.ok(!(await seen()).includes("refs/secret/one"));
    assert.notEqual(await fetchSecret(), 0);
    await hide([]);
    assert.deepEqual(await seen(), before);
    assert.equal(await fetchSecret(), 0);
  });

  await test.step("another default branch, and another name", async () => {
    await push("HEAD:refs/heads/next");
    const headOf = async (name: string) =>
      (await gitText(["ls-remote", "--symref", url("reader", name), "HEAD"])).split(/\s/)[1];
    assert.equal(await headOf(REPOSITORY), "refs/heads/main");
    await stage.change("PATCH", `/repos/${REPOSITORY}`, { defaultBranch: "next" });
    assert.equal(await headOf(REPOSITORY), "refs/heads/next");
    assert.match(String(await seen("acme/renamed")), /not found/);
    await stage.change("POST", `/repos/${REPOSITORY}/rename`, { name: "acme/renamed" });
    assert.equal(await headOf("acme/renamed"), "refs/heads/next");
    // The name is free for another repository, which is empty.
    await stage.change("POST", "/repos", { name: REPOSITORY });
    await stage.change("PUT", `/repos/${REPOSITORY}/members/reader`, { role: "read" });
    assert.deepEqual(await seen(), []);
    assert.ok((await seen("acme/renamed")).includes("refs/heads/next"));
  });

  await test.step("a right, and a repository, that are taken away", async () => {
    const name = "acme/renamed";
    assert.ok(Array.isArray(await seen(name)));
    await stage.change("DELETE", `/repos/${name}/members/reader`);
    assert.match(String(await seen(name)), /not found/);
    assert.ok(Array.isArray(await seen(name, "writer")));
    await stage.change("DELETE", `/repos/${name}`);
    assert.match(String(await seen(name, "writer")), /not found/);
  });
});
