/**
 * An operator who lost the administrator's token starts the server in the way that gives another one.
 */

import assert from "node:assert/strict";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { temporaryDirectory } from "../harness/temp.ts";

Deno.test("--recover-administrator prints a token that administers, and no other start does", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const start = (...flags: string[]) =>
    GitStratumServer.start({ dataDirectory, flags: ["--auth", ...flags] });
  const statusWith = async (server: GitStratumServer, token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${server.origin}/api/v1/users`, { headers });
    await response.body?.cancel();
    return response.status;
  };
  let first: string;
  {
    await using server = await start();
    first = await server.firstToken();
    assert.equal(await statusWith(server, first), 200);
  }
  {
    await using server = await start();
    assert.doesNotMatch(server.log, /gst_/);
    assert.equal(await statusWith(server, first), 200, "tokens outlive a restart");
  }
  await using server = await start("--recover-administrator");
  const recovered = await server.firstToken();
  assert.notEqual(recovered, first);
  assert.equal(await statusWith(server, recovered), 200);
});
