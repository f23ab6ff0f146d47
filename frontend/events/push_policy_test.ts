import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import {
  ManualClock,
  PUSH_POLICY_COMMAND_COUNT_MAX,
  silentLogger,
  systemClock,
} from "@gitstratum/core";
import {
  type Egress,
  type EgressRequest,
  NetworkEgress,
  parseAddressRange,
} from "@gitstratum/core/egress";
import { type Oid, zeroOid } from "@gitstratum/core/git";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import {
  isWebhookSignature,
  type ReferenceCommand,
  type RepositoryId,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import { HttpPushPolicy, type HttpPushPolicyOptions, type PushQuestion } from "./push_policy.ts";
import { PushPolicyMetrics } from "./push_policy_metrics.ts";

const A = "a".repeat(40) as Oid;
const SECRET = "a secret of some length";

function question(options: Partial<PushQuestion> = {}): PushQuestion {
  return {
    repository: {
      repositoryId: "1".repeat(32) as RepositoryId,
      name: "acme/tool" as RepositoryName,
    },
    actor: { user: "alice", credential: { kind: "token", id: "t1" } },
    transport: "http",
    remoteAddress: "192.0.2.1",
    commands: [{ name: "refs/heads/main", oldOid: zeroOid("sha1"), newOid: A }],
    pushOptions: ["ci.skip"],
    signal: new AbortController().signal,
    ...options,
  };
}

function policy(egress: Egress, options: Partial<HttpPushPolicyOptions> = {}) {
  const metrics = new PrometheusMetrics();
  const made = new HttpPushPolicy({
    url: "http://policy.test/ask",
    egress,
    clock: systemClock,
    timeoutMs: 60_000,
    failOpen: false,
    secret: SECRET,
    logger: silentLogger,
    metrics: new PushPolicyMetrics(metrics),
    ...options,
  });
  return { ask: (one = question()) => made.ask(one), metrics };
}

/** Answers as told, and keeps the questions. */
function answering(answer: string, status = 200) {
  const asked: EgressRequest[] = [];
  const egress: Egress = {
    post(request) {
      asked.push(request);
      return Promise.resolve({ status, body: new TextEncoder().encode(answer) });
    },
  };
  return { asked, egress };
}

const verdictOf = (verdict: Awaited<ReturnType<ReturnType<typeof policy>["ask"]>>) =>
  verdict.allowed ? "allowed" : verdict.lines;

Deno.test("HttpPushPolicy.ask() tells who wants to change what, signed, and takes the verdict", async () => {
  const yes = answering('{"allow":true}');
  deepEqual(await policy(yes.egress).ask(), { allowed: true });
  const [{ body, headers }] = yes.asked as [EgressRequest];
  ok(isWebhookSignature(headers["x-gitstratum-signature-256"]!, { secret: SECRET, body }));
  deepEqual(JSON.parse(new TextDecoder().decode(body)), {
    event: "pre-receive",
    repository: { id: "1".repeat(32), name: "acme/tool", owner: "acme" },
    actor: {
      user: "alice",
      credential: { kind: "token", id: "t1" },
      transport: "http",
      remoteAddress: "192.0.2.1",
    },
    pushOptions: ["ci.skip"],
    changes: [{ reference: "refs/heads/main", old: null, new: A }],
    firstChange: 0,
    changeCount: 1,
  });
  const no = answering(
    JSON.stringify({ allow: false, message: "No.\n\u001b[31mRead\u0007 this\n" }),
  );
  const { ask, metrics } = policy(no.egress);
  deepEqual(verdictOf(await ask()), ["No.", " [31mRead  this"]);
  const { body: counts } = await metrics.render();
  ok(counts.includes('gitstratum_push_policy_verdicts_total{verdict="denied"} 1'));
});

Deno.test("HttpPushPolicy.ask() asks about all of many references and stops at the first refusal", async () => {
  const count = 2 * PUSH_POLICY_COMMAND_COUNT_MAX + 1;
  const commands = Array.from({ length: count }, (_, index): ReferenceCommand => ({
    name: `refs/heads/n${index}`,
    oldOid: zeroOid("sha1"),
    newOid: A,
  }));
  const yes = answering('{"allow":true}');
  deepEqual(await policy(yes.egress).ask(question({ commands })), { allowed: true });
  const bodies = yes.asked.map(({ body }) => JSON.parse(new TextDecoder().decode(body)));
  const told = bodies.flatMap(({ changes }) => changes.map((one: never) => one["reference"]));
  deepEqual(told, commands.map(({ name }) => name));
  const no = answering('{"allow":false}');
  deepEqual(verdictOf(await policy(no.egress).ask(question({ commands }))), []);
  equal(no.asked.length, 1);
});

Deno.test("HttpPushPolicy.ask() takes whatever is no verdict for a failure, closed unless told", async () => {
  const closed = ["the service that decides on pushes gives no answer; try again later"];
  for (
    const [answer, status] of [
      ["", 200],
      ["{}", 200],
      ['{"allow":"yes"}', 200],
      [`{"allow":true,"message":"${"m".repeat(5000)}"}`, 200],
      ['{"allow":true}', 500],
      ['{"allow":true}', 302],
      ['{"allow":true}', 204],
    ] as const
  ) {
    const { egress } = answering(answer, status);
    deepEqual(verdictOf(await policy(egress).ask()), closed, answer);
    equal(verdictOf(await policy(egress, { failOpen: true }).ask()), "allowed");
  }
  const broken: Egress = { post: () => Promise.reject(new Error("broken")) };
  deepEqual(verdictOf(await policy(broken).ask()), closed);
});

Deno.test("HttpPushPolicy.ask() ends at its deadline, and with its client", async () => {
  const hanging: Egress = {
    post: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("cut")), { once: true });
      }),
  };
  const clock = new ManualClock();
  const asked = policy(hanging, { clock, timeoutMs: 5000 }).ask();
  await clock.advance(4999);
  await clock.advance(1);
  equal((await asked).allowed, false);
  const gone = new AbortController();
  const cut = policy(hanging, { clock, failOpen: true }).ask(question({ signal: gone.signal }));
  gone.abort(new Error("the client is gone"));
  await rejects(cut, /the client is gone/);
});

Deno.test("HttpPushPolicy.ask() works over a network", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (got) => {
      const { changes } = await got.json();
      return Response.json({ allow: false, message: `not ${changes[0].reference}` });
    },
  );
  const egress = new NetworkEgress({ allowed: [parseAddressRange("127.0.0.1")] });
  const { ask } = policy(egress, { url: `http://127.0.0.1:${server.addr.port}/` });
  deepEqual(verdictOf(await ask()), ["not refs/heads/main"]);
});
