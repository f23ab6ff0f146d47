/**
 * A CI job as it works: it shows its issuer's token, gets one of ours, and clones and pushes with it.
 */

import assert from "node:assert/strict";
import { TestIssuer } from "../../frontend/oidc/testing/test_issuer.ts";
import { git, gitText } from "../harness/git.ts";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { initRepository } from "../harness/history.ts";
import { commitFile } from "../harness/pushed.ts";
import { temporaryDirectory } from "../harness/temp.ts";
import { AccessStage } from "./access_stage.ts";

const AUDIENCE = "gitstratum";

Deno.test("a CI job exchanges its issuer's token and pushes to its repository alone", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const flags = ["--auth", "--log-level", "debug"];
  await using server = await GitStratumServer.start({ dataDirectory, flags });
  const { origin, sshOrigin } = server;
  const firstToken = await server.firstToken();
  const stage = await AccessStage.open({ origin, sshOrigin, firstToken }, { temp });
  const issuer = await TestIssuer.start("RS256");
  try {
    const known = await stage.change("POST", "/issuers", { url: issuer.url, audience: AUDIENCE });
    const trust = await stage.change("POST", "/repos/acme/private/trusts", {
      issuer: known.id,
      role: "write",
      claims: [{ claim: "repository", pattern: "acme/private" }, {
        claim: "ref",
        pattern: "refs/heads/*",
      }],
    });
    const exp = Math.floor(Date.now() / 1000) + 300;
    const claims = { aud: AUDIENCE, sub: "build", repository: "acme/private", exp };
    const jwt = await issuer.sign({ ...claims, ref: "refs/heads/main" });
    const exchange = (token: string, repository = "acme/private") =>
      stage.api("anonymous", "POST", "/oidc/token", { token, repository });
    const tagged = await issuer.sign({ ...claims, ref: "refs/tags/v1" });
    assert.equal((await exchange(tagged)).status, 403, "no trust fits");
    assert.equal((await exchange(jwt, "acme/public")).status, 403);
    assert.deepEqual(
      (await exchange(jwt, "acme/missing")).body,
      (await exchange(jwt, "acme/public")).body,
      "one that is not there is like one that does not trust",
    );
    const late = await issuer.sign({ ...claims, ref: "refs/heads/main", exp: exp - 400 });
    assert.equal((await exchange(late)).status, 401);
    assert.equal((await exchange("x".repeat(20_000))).status, 400);
    const { status, body } = await exchange(jwt);
    assert.equal(status, 201, JSON.stringify(body));
    const { token } = body as { readonly token: string };
    const url = (name: string) =>
      `${origin.replace("://", `://x-access-token:${token}@`)}/acme/${name}.git`;
    const work = await initRepository(temp.join("work"));
    await commitFile(work, { path: "a", content: "1\n" });
    await gitText(["-C", work, "push", "-q", url("private"), "main"]);
    await gitText(["clone", "-q", url("private"), temp.join("clone")]);
    for (const name of ["internal", "other"]) {
      const { code } = await git(["ls-remote", url(name)], { anyExit: true });
      assert.notEqual(code, 0, `a job has no business in acme/${name}`);
    }
    const push = await git(["-C", work, "push", url("public"), "main"], { anyExit: true });
    assert.notEqual(push.code, 0);
    await stage.change("DELETE", `/repos/acme/private/trusts/${trust.id}`);
    const { code } = await git(["ls-remote", url("private")], { anyExit: true });
    assert.notEqual(code, 0, "it ended with the trust");
    for (const secret of [token, jwt, jwt.split(".")[2]!]) assert.ok(!server.log.includes(secret));
  } finally {
    await issuer.stop();
  }
});
