/**
 * Everybody asks for everything, by every way in: the answers are those of the matrix that is written
 * down in `permission_matrix.ts`. A route, a command or an operation that is not in it fails here.
 */

import assert from "node:assert/strict";
import { ManualClock, systemRandom } from "@gitstratum/core";
import { AccessGate } from "../../frontend/access/access_gate.ts";
import { OPEN_AUTHENTICATOR } from "../../frontend/access/authenticator.ts";
import { API } from "../../frontend/api/api.ts";
import { createApi } from "../../frontend/api/api_service.ts";
import { httpApp } from "../../frontend/http/http_app.ts";
import { SSH_SERVICES } from "../../frontend/ssh/ssh_command.ts";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { LocalCluster } from "../harness/local_cluster.ts";
import { temporaryDirectory } from "../harness/temp.ts";
import { AccessStage } from "./access_stage.ts";
import { askEverything } from "./matrix_questions.ts";
import { API_CASES, ROUTES } from "./permission_matrix.ts";

/** The routes of an app that answers nothing, as the real one has them. */
function routesOfApp(): Set<string> {
  const clock = new ManualClock();
  const gate = new AccessGate({ clock });
  const parts = { authenticator: OPEN_AUTHENTICATOR, gate, clock, random: systemRandom };
  const metadata = {} as never;
  const options = { ...parts, metadata, secrets: ["x"], readOnly: false, version: "0" };
  const app = httpApp({
    sessions: {} as never,
    authenticator: OPEN_AUTHENTICATOR,
    api: createApi(options as never),
    version: "0",
    autoCreate: false,
    ready: () => true,
    onFailure: () => {},
  } as never);
  return new Set(app.routes.map(({ method, path }) => `${method} ${path}`));
}

Deno.test("every route of the server is in the matrix", () => {
  const expected = new Set(Object.keys(ROUTES));
  for (const { method, path } of Object.values(API)) {
    expected.add(`${method} /api/v1${path.replaceAll(/\{([a-zA-Z]+)\}/g, ":$1")}`);
  }
  const routes = [...routesOfApp()].filter((route) => !route.startsWith("ALL "));
  assert.deepEqual(routes.filter((route) => !expected.has(route)), [], "routes without a row");
  const all = new Set(routes);
  assert.deepEqual([...expected].filter((route) => !all.has(route)), [], "rows without a route");
});

Deno.test("every operation of the API and every SSH command is in the matrix", () => {
  assert.deepEqual(Object.keys(API).sort(), Object.keys(API_CASES).sort());
  assert.deepEqual([...SSH_SERVICES].sort(), [
    "git-receive-pack",
    "git-upload-archive",
    "git-upload-pack",
  ]);
});

Deno.test("the matrix holds over HTTP, the API and SSH", async (test) => {
  await using temp = await temporaryDirectory();
  await using server = await GitStratumServer.start({ flags: ["--auth", "--no-access-log"] });
  const target = {
    origin: server.origin,
    sshOrigin: server.sshOrigin,
    firstToken: await server.firstToken(),
  };
  const stage = await AccessStage.open(target, { temp, withKeys: true });

  await askEverything(test, stage);
});

Deno.test("the matrix holds at a frontend of a cluster that heard of all from the control plane", async (test) => {
  await using temp = await temporaryDirectory();
  await using cluster = await LocalCluster.start({
    etcdCount: 1,
    controlCount: 1,
    metadataCount: 2,
    objectCount: 2,
    frontendFlags: ["--auth", "--no-access-log"],
  });
  const [one, two] = cluster.frontends.map(({ url, log }) => ({
    origin: url,
    sshOrigin: /ssh:\/\/[^\s"]+/.exec(log)![0],
  }));
  const [firstToken] = cluster.frontends.flatMap(({ log }) => log.match(/gst_\w+/) ?? []);
  const made = await AccessStage.open({ ...one!, firstToken: firstToken! }, {
    temp,
    withKeys: true,
  });
  await made.addToken("last", "stranger", { scopes: ["account"] });
  const heard = made.at(two!);
  // Changes arrive in their order: who knows the last one knows all.
  const deadline = AbortSignal.timeout(5000);
  for (let status = 401; status === 401; deadline.throwIfAborted()) {
    ({ status } = await heard.api("last", "GET", "/repos"));
  }
  await askEverything(test, heard);
});
