import assert from "node:assert/strict";
import {
  ADDRESS_BEGINNING_COUNT_MAX,
  ADDRESS_BEGINNING_MS_MAX,
  ManualClock,
  MIB,
  REFUSAL_DELAY_COUNT_MAX,
  REFUSAL_DELAY_MS,
  silentLogger,
} from "@gitstratum/core";
import type { Principal } from "@gitstratum/core/access";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { Releases } from "@gitstratum/core/process";
import type { ConcurrencyRules, RateRules } from "@gitstratum/core/rates";
import type { RepositoryId, RepositoryName } from "@gitstratum/core/rpc";
import type { GitSessions } from "../http/git_routes.ts";
import { textErrorAnswer } from "../http/error_answer.ts";
import { unguardedAsker } from "../access/asker.ts";
import type { SessionCaller, SessionInput } from "../session/session.ts";
import { AdmittedConversations, AdmittedSessions } from "./admitted_sessions.ts";
import { openAdmission } from "./open_admission.ts";
import { openRequestMemory, type RequestMemory } from "./request_memory.ts";

const NAME = "acme/tools" as RepositoryName;
const ONCE = { perSecond: 0.001, burst: 1 };

function admissionOf(
  limits: { readonly rates?: RateRules; readonly concurrency?: ConcurrencyRules },
) {
  const releases = new Releases();
  const clock = new ManualClock();
  const admission = openAdmission({
    rates: {},
    concurrency: {},
    memoryBytes: 0,
    quota: {},
    ...limits,
  }, {
    clock,
    logger: silentLogger,
    metrics: new PrometheusMetrics(),
    releases,
  });
  return { admission, clock, releases };
}

function memory(): RequestMemory {
  const clock = new ManualClock();
  return openRequestMemory(0, { clock, metrics: new PrometheusMetrics(), isWanted: () => false });
}

function callerOf(principal?: Principal, remoteAddress = "192.0.2.1"): SessionCaller {
  const open = unguardedAsker();
  const asker = principal === undefined ? open : { ...open, principal: () => principal };
  return { transport: "http", signal: new AbortController().signal, remoteAddress, asker };
}

function userOf(name: string, tokenId: string): Principal {
  const credential = { kind: "token", id: tokenId, scopes: [] } as const;
  return { kind: "user", name, administrator: false, credential } as unknown as Principal;
}

Deno.test("Admission.countCaller() counts users, tokens, deploy keys and repositories by themselves", async () => {
  const ada = callerOf(userOf("ada", "1"));
  const key = callerOf({
    kind: "deploy-key",
    id: "k",
    repository: "r" as RepositoryId,
    role: "read",
  });
  const cases: readonly [RateRules, SessionCaller, string, SessionCaller, string, boolean][] = [
    [{ user: ONCE }, ada, "a/b", callerOf(userOf("ADA", "2")), "c/d", false],
    [{ user: ONCE }, ada, "a/b", callerOf(userOf("bob", "1")), "a/b", true],
    [{ token: ONCE }, ada, "a/b", callerOf(userOf("ada", "1")), "c/d", false],
    [{ token: ONCE }, ada, "a/b", callerOf(userOf("ada", "2")), "a/b", true],
    [{ token: ONCE }, key, "a/b", key, "a/b", false],
    [{ repository: ONCE }, ada, "a/b", callerOf(), "A/B", false],
    [{ repository: ONCE }, ada, "a/b", ada, "a/c", true],
    [{ user: ONCE, token: ONCE }, callerOf(), "a/b", callerOf(), "a/b", true],
  ];
  for (const [rates, first, firstName, second, secondName, passes] of cases) {
    const { admission, releases } = admissionOf({ rates });
    admission.countCaller(first, firstName);
    const count = () => admission.countCaller(second, secondName);
    if (passes) count();
    else assert.throws(count, { code: "exhausted" });
    await releases.run();
  }
});

Deno.test("Admission.countAddress() counts those whose address is known", async () => {
  const { admission, releases } = admissionOf({ rates: { address: ONCE } });
  admission.countAddress("192.0.2.1");
  admission.countAddress("192.0.2.2");
  admission.countAddress(undefined);
  admission.countAddress(undefined);
  assert.throws(() => admission.countAddress("192.0.2.1"), { code: "exhausted" });
  await releases.run();
});

Deno.test("Admission.refusalDelay() makes a bounded number of clients wait", async () => {
  const { admission, clock, releases } = admissionOf({});
  const client = new AbortController();
  const gone = admission.refusalDelay(client.signal);
  client.abort();
  await gone;
  const waits = Array.from({ length: REFUSAL_DELAY_COUNT_MAX }, () => admission.refusalDelay());
  assert.equal(clock.sleeping, REFUSAL_DELAY_COUNT_MAX);
  await admission.refusalDelay();
  await clock.advance(REFUSAL_DELAY_MS);
  const { sleeping } = clock;
  assert.ok(sleeping > REFUSAL_DELAY_COUNT_MAX / 2 && sleeping < REFUSAL_DELAY_COUNT_MAX);
  await clock.advance(REFUSAL_DELAY_MS);
  await Promise.all(waits);
  await releases.run();
});

Deno.test("Admission.begin() lets each address begin a few requests at a time", async () => {
  const { admission, clock, releases } = admissionOf({ rates: { address: ONCE } });
  const { signal } = new AbortController();
  const begin = (address: string) => admission.begin(address, signal);
  const flood = Array.from({ length: ADDRESS_BEGINNING_COUNT_MAX }, () => begin("192.0.2.1"));
  const begun = await Promise.all(flood);
  let isNextBegun = false;
  const next = begin("192.0.2.1").finally(() => isNextBegun = true);
  (await begin("192.0.2.2"))();
  assert.equal(isNextBegun, false);
  begun[0]!();
  (await next)();
  // Whatever takes long does not hold others up.
  const late = Array.from({ length: 2 * ADDRESS_BEGINNING_COUNT_MAX }, () => begin("192.0.2.1"));
  await clock.advance(ADDRESS_BEGINNING_MS_MAX);
  await clock.advance(ADDRESS_BEGINNING_MS_MAX);
  await Promise.all(late);
  await releases.run();
});

Deno.test("Admission.begin() bounds nobody where addresses are not limited", async () => {
  const { admission, releases } = admissionOf({ rates: { user: ONCE } });
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 100 }, () => admission.begin("192.0.2.1", signal)));
  await releases.run();
});

Deno.test("Admission.countHandshake() lets twice as many through, by themselves", async () => {
  const { admission, releases } = admissionOf({
    rates: { address: { perSecond: 0.001, burst: 2 } },
  });
  admission.countAddress("192.0.2.1");
  for (let count = 0; count < 4; count++) admission.countHandshake("192.0.2.1");
  assert.throws(() => admission.countHandshake("192.0.2.1"), { code: "exhausted" });
  admission.countAddress("192.0.2.1");
  admission.countHandshake(undefined);
  await releases.run();
});

/** Sessions whose answers the test ends. */
class HeldSessions implements GitSessions {
  readonly started: string[] = [];
  readonly end = Promise.withResolvers<void>();

  async *advertise(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1);
  }
  async *respond(_service: string, name: string): AsyncGenerator<Uint8Array> {
    this.started.push(name);
    yield new Uint8Array(1);
    await this.end.promise;
  }
  bundle(name: string): AsyncGenerator<Uint8Array> {
    return this.respond("bundle", name);
  }
  async *converse(_service: string, name: string): AsyncGenerator<Uint8Array, "answered"> {
    yield* this.respond("ssh", name);
    return "answered";
  }
}

function inputOf(caller: SessionCaller): SessionInput {
  return { ...caller, version: 2, body: new Response(new Uint8Array()).body! };
}

Deno.test("AdmittedSessions hold their place until the last byte is out", async () => {
  const { admission, releases } = admissionOf({
    concurrency: { repository: { running: 1, waiting: 1 } },
  });
  const held = new HeldSessions();
  const sessions = new AdmittedSessions(held, admission, memory());
  const first = sessions.respond("git-upload-pack", NAME, inputOf(callerOf()));
  await first.next();
  const second = sessions.bundle(NAME, "0".repeat(40), callerOf());
  const waiting = second.next();
  const third = sessions.respond("git-upload-pack", NAME, inputOf(callerOf()));
  await assert.rejects(third.next(), { code: "exhausted" });
  assert.equal(held.started.length, 1);
  held.end.resolve();
  assert.equal((await first.next()).done, true);
  assert.equal((await waiting).done, false);
  await second.return(undefined);
  await sessions.advertise("git-upload-pack", NAME, { ...callerOf(), version: 2 }).next();
  await releases.run();
});

Deno.test("AdmittedSessions hold memory for a request until its answer begins", async () => {
  const { admission, releases } = admissionOf({});
  const { bodies, ...others } = memory();
  const sessions = new AdmittedSessions(new HeldSessions(), admission, { ...others, bodies });
  const all = await bodies.acquire({ bytes: Infinity, lane: "large" });
  const rest = await Promise.all(
    Array.from({ length: 16 }, () => bodies.acquire({ bytes: MIB, lane: "small" })),
  );
  const answer = sessions.respond("git-receive-pack", NAME, inputOf(callerOf()));
  const beginning = answer.next();
  all.release();
  await beginning;
  assert.equal(bodies.usedBytes, 16 * MIB);
  await answer.return(undefined);
  for (const permit of rest) permit.release();
  const refused = sessions.respond("git-upload-pack", NAME, inputOf(callerOf()));
  await refused.return(undefined);
  assert.equal(bodies.usedBytes, 0);
  await releases.run();
});

Deno.test("AdmittedSessions let their place go when the client is gone", async () => {
  const { admission, releases } = admissionOf({
    concurrency: { address: { running: 1, waiting: 0 } },
  });
  const sessions = new AdmittedSessions(new HeldSessions(), admission, memory());
  for (let count = 0; count < 3; count++) {
    const answer = sessions.respond("git-upload-pack", NAME, inputOf(callerOf()));
    await answer.next();
    await answer.return(undefined);
  }
  await releases.run();
});

Deno.test("AdmittedConversations count the address of a client without requests", async () => {
  const { admission, releases } = admissionOf({ rates: { address: ONCE } });
  const conversations = new AdmittedConversations(new HeldSessions(), admission);
  const converse = () =>
    conversations.converse("git-upload-pack", NAME, inputOf(callerOf())).next();
  await converse();
  await assert.rejects(converse(), { code: "exhausted" });
  await releases.run();
});

Deno.test("a refused request is told in words, with the time to come again", async () => {
  const { admission, releases } = admissionOf({ rates: { address: { perSecond: 0.1, burst: 1 } } });
  admission.countAddress("192.0.2.1");
  let answer: Response | undefined;
  try {
    admission.countAddress("192.0.2.1");
  } catch (error) {
    answer = textErrorAnswer(error);
  }
  assert.equal(answer?.status, 429);
  assert.equal(answer.headers.get("retry-after"), "10");
  assert.equal(
    await answer.text(),
    "too many requests from your address; try again in 10 seconds\n",
  );
  await releases.run();
});
