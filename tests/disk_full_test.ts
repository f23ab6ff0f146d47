/**
 * A disk that fills up during a push. `RLIMIT_FSIZE` stops every file of the server at a size, which
 * needs no privileges and no special file system; the kernel reports it like a full disk.
 */

import assert from "node:assert/strict";
import { assertSound } from "./harness/compare.ts";
import { git } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { cloneWorkTree, commitFile } from "./harness/pushed.ts";
import { SeededRandom } from "./harness/seeded_random.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const FILE_BYTES_MAX = 24 * 1024 * 1024;

Deno.test("a push that does not fit is refused, the repository and the server stay", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const work = await initRepository(temp.join("work"));
  await commitFile(work, { path: "small", content: "small\n" });
  const wrapper = ["sh", "-c", `ulimit -f ${FILE_BYTES_MAX / 512}; trap '' XFSZ; exec "$@"`, "sh"];
  await using server = await GitStratumServer.start({ dataDirectory, wrapper });
  const url = server.url("full/disk");
  await git(["-C", work, "push", "-q", url, "HEAD:refs/heads/main"]);
  const oid = (await git(["-C", work, "rev-parse", "HEAD"])).stdout.trim();
  await commitFile(work, { path: "big", content: new SeededRandom(7).bytes(40 * 1024 * 1024) });
  const refused = await git(["-C", work, "push", url, "HEAD:refs/heads/main"], { anyExit: true });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /disk|space|room|full|507/i);
  assert.equal((await fetch(`${server.origin}/healthz`)).status, 200, server.log);
  const copy = await cloneWorkTree(url, temp.join("copy"));
  assert.equal((await git(["-C", copy, "rev-parse", "HEAD"])).stdout.trim(), oid);
  await assertSound(copy);
});
