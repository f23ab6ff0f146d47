/**
 * Webhooks and the policy over pushes, with the real git client, a server process that is killed, and
 * receivers that the test starts.
 */

import assert from "node:assert/strict";
import { systemClock, systemRandom } from "@gitstratum/core";
import { SqliteConsensus } from "@gitstratum/core/consensus";
import {
  newWebhookId,
  type SecretWebhook,
  WEBHOOK_HEAD_KEY,
  webhookKey,
} from "@gitstratum/core/rpc";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { logRecords } from "./harness/log_records.ts";
import { commitFile } from "./harness/pushed.ts";
import { temporaryDirectory } from "./harness/temp.ts";
import { type Received, Receiver, RECEIVER_SECRET } from "./harness/receiver.ts";

const LOOPBACK = ["--egress-allow", "127.0.0.0/8"];

/** Makes a webhook in the data directory of a server that is not running. */
async function makeWebhook(dataDirectory: string, url: string): Promise<void> {
  const webhook: SecretWebhook = {
    id: newWebhookId(systemRandom),
    target: { kind: "owner", owner: "acme" },
    url,
    secret: RECEIVER_SECRET,
    events: ["push"],
    active: true,
    createdAtMs: Date.now(),
  };
  await Deno.mkdir(`${dataDirectory}/consensus`, { recursive: true });
  const consensus = new SqliteConsensus(`${dataDirectory}/consensus/consensus.sqlite`, {
    clock: systemClock,
    random: systemRandom,
  });
  const value = new TextEncoder().encode(JSON.stringify(webhook));
  await consensus.transact({
    compares: [],
    then: [
      { kind: "put", key: WEBHOOK_HEAD_KEY, value: new TextEncoder().encode("{}") },
      { kind: "put", key: webhookKey(webhook.id), value },
    ],
  });
  await consensus.close();
}

/** A work tree, and how it pushes its next commit to a branch. */
async function pusher(directory: string) {
  const work = await initRepository(directory);
  let count = 0;
  return async (origin: string, branch: string) => {
    await commitFile(work, { path: "a", content: `${count++}\n` });
    const url = `${origin}/acme/tool.git`;
    return await git(["-C", work, "push", url, `HEAD:refs/heads/${branch}`], { anyExit: true });
  };
}

Deno.test("webhooks hear of pushes behind them, and again under the same id after a kill", async () => {
  await using temp = await temporaryDirectory();
  await using receiver = new Receiver();
  const dataDirectory = temp.join("data");
  const push = await pusher(temp.join("work"));
  await makeWebhook(dataDirectory, `${receiver.url}/hook`);
  await makeWebhook(dataDirectory, `${receiver.url.replace("127.0.0.1", "127.0.0.2")}/refused`);
  const start = () => GitStratumServer.start({ dataDirectory, flags: LOOPBACK });
  let released = Promise.withResolvers<Response>();
  receiver.behave = async () => (await released.promise).clone();
  {
    await using server = await start();
    // The receiver answers none of these, and no push waits for it.
    for (let number = 0; number < 6; number++) {
      assert.equal((await push(server.origin, `b${number}`)).code, 0);
    }
    await receiver.until(({ length }) => length === 4);
    await server.signal("SIGKILL");
  }
  released.resolve(new Response());
  const heard = receiver.received.map(({ id }) => id);
  assert.equal(new Set(heard).size, 4);
  released = Promise.withResolvers();
  released.resolve(new Response(null, { status: 204 }));
  {
    await using server = await start();
    const ids = (received: readonly Received[]) => new Set(received.map(({ id }) => id));
    await receiver.until((received) => ids(received.slice(4)).size === 6);
    assert.equal((await push(server.origin, "last")).code, 0);
    await receiver.until((received) => received.some(({ reference }) => /last$/.test(reference)));
  }
  // What was sent before the kill came again under its id; the outcome of the rest was kept.
  const again = receiver.received.slice(4);
  assert.equal(new Set(again.map(({ id }) => id)).size, 7);
  assert.deepEqual(heard.filter((id) => again.some((one) => one.id === id)), heard);
  assert.ok(receiver.received.every(({ isSigned, path }) => isSigned && path === "/hook"));
  const told = (await logRecords(dataDirectory)).filter(({ kind }) => kind === "webhooks-told");
  const deliveries = told.flatMap((record) => record.deliveries as Record<string, unknown>[]);
  const refused = deliveries.filter(({ state }) => state === "waiting");
  assert.ok(refused.length > 0, "nobody answers at the other address, so these wait");
});

Deno.test("webhooks reach no address of the server's own network unless it is allowed", async () => {
  await using temp = await temporaryDirectory();
  await using receiver = new Receiver();
  const dataDirectory = temp.join("data");
  const push = await pusher(temp.join("work"));
  const { port } = new URL(receiver.url);
  const hosts = ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"];
  for (const host of hosts) await makeWebhook(dataDirectory, `http://${host}:${port}/`);
  {
    await using server = await GitStratumServer.start({ dataDirectory });
    assert.equal((await push(server.origin, "main")).code, 0);
    await waitForDead(server, hosts.length);
  }
  const told = (await logRecords(dataDirectory)).filter(({ kind }) => kind === "webhooks-told");
  const deliveries = told.flatMap((record) => record.deliveries as Record<string, unknown>[]);
  assert.deepEqual(deliveries.map(({ state }) => state), hosts.map(() => "dead"));
  for (const { reason } of deliveries) assert.match(String(reason), /not public/);
  assert.deepEqual(receiver.received, []);
});

/** Waits until a server has given so many deliveries up, as its metrics tell. */
async function waitForDead(server: GitStratumServer, count: number): Promise<void> {
  const [, url] = /Metrics: (\S+)/.exec(server.log)!;
  for (let round = 0; round < 600; round++) {
    const metrics = await (await fetch(url!)).text();
    if (metrics.includes(`webhook_attempts_total{state="dead"} ${count}`)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("The server gives no deliveries up");
}

Deno.test("the policy decides on pushes, and git shows what it says", async () => {
  await using temp = await temporaryDirectory();
  const asked: Record<string, unknown>[] = [];
  let answer = () => Response.json({ allow: true });
  const policy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      asked.push(await request.json());
      return answer();
    },
  );
  const push = await pusher(temp.join("work"));
  const flags = ["--push-policy", `http://127.0.0.1:${policy.addr.port}/`];
  const dataDirectory = temp.join("data");
  {
    await using server = await GitStratumServer.start({ dataDirectory, flags });
    assert.equal((await push(server.origin, "main")).code, 0);
    const [{ changes, repository }] = asked as [Record<string, Record<string, unknown>[]>];
    assert.deepEqual((repository as unknown as { name: string }).name, "acme/tool");
    assert.equal(changes![0]!.reference, "refs/heads/main");
    assert.equal(changes![0]!.old, null);

    answer = () => Response.json({ allow: false, message: "No pushing on Fridays.\nSee /wiki." });
    const refused = await push(server.origin, "main");
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /remote: No pushing on Fridays\.\s*\nremote: See \/wiki\./);
    assert.match(refused.stderr, /\[remote rejected\] HEAD -> main \(pre-receive hook declined\)/);
    const tip = await gitText(["ls-remote", server.url("acme/tool"), "refs/heads/main"]);
    assert.equal(tip.split("\t")[0], changes![0]!.new);

    await policy.shutdown();
    const unanswered = await push(server.origin, "main");
    assert.notEqual(unanswered.code, 0);
    assert.match(unanswered.stderr, /remote: the service that decides on pushes gives no answer/);
  }
  await using server = await GitStratumServer.start({
    dataDirectory,
    flags: [...flags, "--push-policy-fail-open"],
  });
  assert.equal((await push(server.origin, "main")).code, 0);
});
