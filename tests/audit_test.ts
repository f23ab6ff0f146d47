/**
 * The audit trail and webhooks as their users meet them: over the API of a server with accounts, with
 * the real git client, across a kill.
 */

import assert from "node:assert/strict";
import { git, gitText } from "./harness/git.ts";
import { GitStratumServer } from "./harness/gitstratum_server.ts";
import { initRepository } from "./harness/history.ts";
import { commitFile } from "./harness/pushed.ts";
import { Receiver, RECEIVER_SECRET } from "./harness/receiver.ts";
import { temporaryDirectory } from "./harness/temp.ts";

const FLAGS = ["--auth", "--egress-allow", "127.0.0.0/8"];

interface Entry {
  readonly kind: string;
  readonly repository?: { readonly name: string };
  readonly by?: {
    readonly user?: string;
    readonly credential?: { readonly kind: string; readonly id: string };
    readonly remoteAddress?: string;
    readonly transport: string;
  };
  readonly details: Readonly<Record<string, unknown>>;
}

/** The API as somebody with a token asks it. */
function apiOf(origin: string, token: string) {
  return async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${origin}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text === "" ? {} : JSON.parse(text);
  };
}

/** The whole trail in pages of two. */
async function trailOf(api: ReturnType<typeof apiOf>, path: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let after = "";;) {
    const { events, next } = await api("GET", `${path}?limit=2${after}`);
    entries.push(...events);
    if (next === undefined) return entries;
    after = `&after=${encodeURIComponent(next)}`;
  }
}

Deno.test("the audit trail tells who did what by which token, whatever dies", async () => {
  await using temp = await temporaryDirectory();
  const dataDirectory = temp.join("data");
  const work = await initRepository(temp.join("work"));
  await commitFile(work, { path: "a", content: "a\n" });
  const tip = await gitText(["-C", work, "rev-parse", "HEAD"]);
  let token: string;
  {
    await using server = await GitStratumServer.start({ dataDirectory, flags: FLAGS });
    token = await server.firstToken();
    const api = apiOf(server.origin, token);
    await api("POST", "/repos", { name: "admin/tool" });
    const url = server.url("admin/tool").replace("://", `://admin:${token}@`);
    await git(["-C", work, "push", "-q", url, "HEAD:refs/heads/main", "HEAD:refs/heads/b"]);
    await api("PATCH", "/repos/admin/tool", { settings: { denyDeletes: true } });
    // What was acknowledged is in the trail, for the trail is in the log.
    await server.signal("SIGKILL");
  }
  await using server = await GitStratumServer.start({ dataDirectory, flags: FLAGS });
  const api = apiOf(server.origin, token);
  await api("DELETE", "/repos/admin/tool");
  const trail = await trailOf(api, "/audit");
  const short = trail.map(({ kind, details }) => [kind, details.reference]);
  const repositoryActs = short.filter(([kind]) => !/^(user|token|owner)-/.test(String(kind)));
  assert.deepEqual(repositoryActs, [
    ["repository-deleted", undefined],
    ["settings-changed", undefined],
    ["reference-updated", "refs/heads/b"],
    ["reference-updated", "refs/heads/main"],
    ["repository-created", undefined],
  ]);
  assert.ok(short.some(([kind]) => kind === "user-created"), JSON.stringify(short));
  assert.ok(short.some(([kind]) => kind === "token-created"));
  const ids = new Set<string>();
  for (const { kind, by, repository, details } of trail) {
    if (repository === undefined) continue;
    assert.equal(by?.user, "admin", kind);
    assert.equal(by.credential?.kind, "token");
    ids.add(by.credential!.id);
    assert.match(by.remoteAddress!, /127\.0\.0\.1/);
    assert.equal(by.transport, kind === "reference-updated" ? "http" : "api");
    if (kind === "reference-updated") assert.deepEqual([details.old, details.new], [null, tip]);
  }
  assert.equal(ids.size, 1, "one token did it all");
  assert.ok(!JSON.stringify(trail).includes(token), "and it stands nowhere");
});

Deno.test("webhooks are made, told, listed and replayed over the API", async () => {
  await using temp = await temporaryDirectory();
  await using receiver = new Receiver();
  const work = await initRepository(temp.join("work"));
  await commitFile(work, { path: "a", content: "a\n" });
  await using server = await GitStratumServer.start({ flags: FLAGS });
  const token = await server.firstToken();
  const api = apiOf(server.origin, token);
  const { id, secret } = await api("POST", "/owners/admin/webhooks", {
    url: `${receiver.url}/hook`,
    events: ["push"],
    secret: RECEIVER_SECRET,
  });
  assert.equal(secret, RECEIVER_SECRET);
  const url = server.url("admin/tool").replace("://", `://admin:${token}@`);
  await git(["-C", work, "push", "-q", url, "HEAD:refs/heads/main"]);
  await receiver.until(({ length }) => length === 1);
  assert.ok(receiver.received[0]!.isSigned);
  const path = `/owners/admin/webhooks/${id}/deliveries`;
  const { id: delivery } = receiver.received[0]!;
  const listed = async () => (await api("GET", `${path}?state=delivered`)).deliveries;
  // The server knows a moment after the receiver.
  while ((await listed()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual((await listed()).map((one: { readonly id: string }) => one.id), [delivery]);
  await api("POST", `${path}/${delivery}/replay`);
  await receiver.until(({ length }) => length === 2);
  assert.equal(receiver.received[1]!.id, delivery);
  const { events } = await api("GET", "/owners/admin/audit");
  const made = events.find(({ kind }: Entry) => kind === "webhook-created");
  assert.equal(made.by.user, "admin");
  assert.ok(!JSON.stringify(events).includes(RECEIVER_SECRET));
});
