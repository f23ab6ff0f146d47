/**
 * A cluster whose processes all show certificates: clients, nodes and etcd speak TLS, and whoever does
 * not trust their authority, or is not known to it, gets nowhere.
 */

import assert from "node:assert/strict";
import { git } from "../harness/git.ts";
import { initRepository } from "../harness/history.ts";
import { LocalCluster } from "../harness/local_cluster.ts";
import { runProgram } from "../harness/node_process.ts";
import { commitFile } from "../harness/pushed.ts";
import { makeCertificates } from "../harness/test_certificates.ts";
import { checkClone } from "./traffic.ts";

/** Fails unless a server can not even be spoken to. */
async function assertUnreachable(url: string, client?: Deno.HttpClient): Promise<void> {
  const options = client === undefined ? {} : { client };
  await assert.rejects(fetch(url, options), TypeError, url);
  client?.close();
}

Deno.test("a cluster with certificates serves those who trust them, over TLS only", async (t) => {
  await using cluster = await LocalCluster.start({
    hasTls: true,
    etcdCount: 1,
    controlCount: 1,
    metadataCount: 1,
    objectCount: 1,
    frontendCount: 1,
  });
  const { caFile } = cluster.tls!;
  const [control] = cluster.control;
  const url = cluster.url("acme/widget");
  const env = { GIT_SSL_CAINFO: caFile };
  const work = await initRepository(cluster.directory.join("work"));
  const oid = await commitFile(work, { path: "file", content: "text\n" });

  await t.step("git pushes and clones", async () => {
    await git(["-C", work, "push", "-q", url, "HEAD:refs/heads/main"], { env });
    const path = cluster.directory.join("clone");
    await git(["clone", "-q", "--bare", url, path], { env });
    await checkClone(path, oid);
  });

  await t.step("a client that does not know the authority refuses the server", async () => {
    const { code, stderr } = await git(["ls-remote", url], { anyExit: true });
    assert.notEqual(code, 0);
    assert.match(stderr, /certificate/);
    await assertUnreachable(control!.url);
  });

  await t.step("nobody answers plain HTTP", async () => {
    for (const node of cluster.nodes) {
      await assertUnreachable(`${node.url.replace("https", "http")}/healthz`);
    }
  });

  await t.step("etcd knows only clients with a certificate", async () => {
    const caCerts = [await Deno.readTextFile(caFile)];
    const [endpoint] = cluster.etcd.endpoints;
    await assertUnreachable(`${endpoint}/health`, Deno.createHttpClient({ caCerts }));
  });

  await t.step("operators are told by the same authority, and by no other", async () => {
    const told = await runProgram("control/operator", ["nodes", ...cluster.operatorFlags]);
    for (const { id } of cluster.nodes) assert.match(told.text, new RegExp(`^${id} `, "m"));
    const other = await makeCertificates(cluster.directory.join("others"));
    const flags = cluster.operatorFlags.map((flag) => flag === caFile ? other.caFile : flag);
    const refused = await runProgram("control/operator", ["nodes", ...flags]);
    assert.equal(refused.success, false);
    assert.match(refused.text, /Reach a service/);
  });
});
