/**
 * Accounts in a cluster: every frontend knows the same users, and hears of what is taken away.
 */

import assert from "node:assert/strict";
import { git } from "../harness/git.ts";
import { initRepository } from "../harness/history.ts";
import { LocalCluster } from "../harness/local_cluster.ts";
import { commitFile } from "../harness/pushed.ts";
import { temporaryDirectory } from "../harness/temp.ts";
import { AccessStage, VISIBILITIES } from "./access_stage.ts";
import { LETTERS, MATRIX } from "./permission_matrix.ts";

/** Revocation is known everywhere in this time. */
const REVOKED_MS_MAX = 2000;

Deno.test("frontends of a cluster decide alike, and forget a revoked token within two seconds", async (test) => {
  await using temp = await temporaryDirectory();
  await using cluster = await LocalCluster.start({
    etcdCount: 1,
    controlCount: 2,
    metadataCount: 1,
    objectCount: 3,
    frontendFlags: ["--auth"],
  });
  const [one, two] = cluster.frontends;
  const printed = cluster.frontends.flatMap(({ log }) => [...log.matchAll(/gst_\w+/g)]);
  assert.equal(printed.length, 1, "of all frontends one makes the first administrator");
  const target = { origin: one!.url, sshOrigin: "", firstToken: printed[0]![0] };
  const stage = await AccessStage.open(target, { temp });
  const at = (frontend: { readonly url: string }, who: string, path: string) => {
    const authorization = stage.authorization(who);
    return fetch(`${frontend.url}${path}`, authorization ? { headers: { authorization } } : {});
  };
  /** Resolves with the time until the second frontend answers with a status. */
  const until = async (who: string, path: string, status: number) => {
    const startMs = performance.now();
    for (;;) {
      const response = await at(two!, who, path);
      await response.body?.cancel();
      const tookMs = performance.now() - startMs;
      if (response.status === status) return tookMs;
      assert.ok(tookMs < 5 * REVOKED_MS_MAX, `${who} at ${path} is still told ${response.status}`);
    }
  };
  await until("root", "/acme/private.git/info/refs?service=git-upload-pack", 200);

  await test.step("the matrix of fetches and pushes holds at both", async () => {
    const found: string[] = [];
    for (const { who, letters } of MATRIX) {
      for (const visibility of VISIBILITIES) {
        for (const [service, operation] of [["upload", "read"], ["receive", "write"]]) {
          const path = `/acme/${visibility}.git/info/refs?service=git-${service}-pack`;
          const allowed = LETTERS[letters[visibility]];
          let expected = allowed.includes("read") ? 403 : 404;
          if (allowed.includes(operation!)) expected = 200;
          else if (who === "anonymous") expected = 401;
          for (const frontend of [one!, two!]) {
            const response = await at(frontend, who, path);
            await response.body?.cancel();
            if (response.status !== expected) {
              found.push(`${frontend.id}: ${who}, ${path}: ${response.status}, not ${expected}`);
            }
          }
        }
      }
    }
    assert.deepEqual(found, []);
  });

  await test.step("rules for references hold for pushes through any frontend", async () => {
    const work = await initRepository(temp.join("work"));
    await commitFile(work, { path: "a", content: "1\n" });
    await stage.change("PATCH", "/repos/acme/private", {
      settings: {
        protectedReferences: [{ pattern: "refs/heads/main", pushers: { role: "admin" } }],
      },
    });
    const push = async (who: string, frontend: { readonly url: string }) => {
      const login = `x-access-token:${stage.tokens.get(who)}@`;
      const url = `${frontend.url.replace("://", `://${login}`)}/acme/private.git`;
      const { code, stderr } = await git(["-C", work, "push", url, "main"], { anyExit: true });
      return code === 0 ? "" : stderr;
    };
    assert.match(await push("writer", two!), /protected by refs\/heads\/main: you may not push/);
    assert.equal(await push("keeper", two!), "");
  });

  await test.step("what is taken away at one frontend is gone at the other", async () => {
    const path = "/acme/private.git/info/refs?service=git-upload-pack";
    const times: Record<string, number> = {};
    await stage.change("DELETE", `/users/writer/tokens/${stage.tokenIds.get("writer:read")}`);
    times.token = await until("writer:read", path, 401);
    await stage.change("DELETE", "/repos/acme/private/members/reader");
    times.grant = await until("reader", path, 404);
    await stage.change("PATCH", "/users/owner-admin", { disabled: true });
    times.user = await until("owner-admin", path, 401);
    await stage.change("PATCH", "/repos/acme/private", { settings: { visibility: "public" } });
    times.visibility = await until("anonymous", path, 200);
    for (const [what, ms] of Object.entries(times)) {
      assert.ok(ms < REVOKED_MS_MAX, `${what}: ${ms} ms`);
    }
  });
});
