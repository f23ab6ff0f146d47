import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import {
  type Clock,
  type ErrorCode,
  hasCode,
  ISSUER_KEYS_LIFE_MS,
  ISSUER_KEYS_MS_MAX,
  ISSUER_KEYS_RETRY_MS,
  ISSUER_KEYS_STALE_MS_MAX,
  ISSUER_TOKEN_LENGTH_MAX,
  JOB_TOKEN_LIFE_MS_MAX,
  ManualClock,
  silentLogger,
  systemRandom,
} from "@gitstratum/core";
import { type ClaimRule, hashAccessToken, type IssuerRecord } from "@gitstratum/core/access";
import { base64Url, encode, tokenSigner } from "@gitstratum/core/access/token-signer";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import { JsonClient, type RepositoryId } from "@gitstratum/core/rpc";
import { AccessClient } from "@gitstratum/core/rpc/access";
import { type ControlNode, openControlNode } from "@gitstratum/control";
import { IssuerKeys } from "./issuer_keys.ts";
import { type IssuerMood, TestIssuer } from "./testing/test_issuer.ts";
import { TokenExchange } from "./token_exchange.ts";

const NOW_MS = 1_700_000_000_000;
const NOW_S = NOW_MS / 1000;
const AUDIENCE = "https://git.test";
const failing = (code: ErrorCode) => (error: unknown) => hasCode(error, code);
const repositoryOf = (number: number) => number.toString(16).padStart(32, "0") as RepositoryId;
const MAIN: readonly ClaimRule[] = [
  { claim: "repository", pattern: "me/project" },
  { claim: "ref", pattern: "refs/heads/**" },
];

/** A job on a branch of a repository at the issuer. */
function job(claims: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    aud: AUDIENCE,
    sub: "repo:me/project:ref:refs/heads/main",
    repository: "me/project",
    ref: "refs/heads/main",
    iat: NOW_S,
    nbf: NOW_S,
    exp: NOW_S + 300,
    ...claims,
  };
}

interface StageParts {
  readonly node: ControlNode;
  readonly client: AccessClient;
  readonly clock: ManualClock;
  readonly issuer: TestIssuer;
  readonly record: IssuerRecord;
}

/** A control node, an issuer that it knows, and an exchange. */
class Stage {
  readonly parts: StageParts;
  readonly exchange: TokenExchange;

  private constructor(parts: StageParts) {
    this.parts = parts;
    const { node, client, clock } = parts;
    const keys = new IssuerKeys({ fetcher: fetch, clock, logger: silentLogger });
    this.exchange = new TokenExchange({ view: node.access.view, client, keys, clock });
  }

  static async run(
    test: (stage: Stage) => Promise<void>,
    options: { readonly algorithm?: "RS256" | "ES256" } = {},
  ): Promise<void> {
    const clock = new ManualClock(NOW_MS);
    // The control plane does nothing by itself meanwhile: a day of its looks would take long.
    const still = new ManualClock();
    const nodeClock: Clock = {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => still.monotonicMs(),
      sleep: (ms, signal) => still.sleep(ms, signal),
    };
    const world = { clock: nodeClock, random: systemRandom };
    const consensus = new MemoryConsensus(world);
    const node = await openControlNode({
      ...world,
      consensus,
      logger: silentLogger,
      isAlone: true,
    });
    const issuer = await TestIssuer.start(options.algorithm);
    try {
      const caller = new JsonClient((request) => node.service.fetch(request));
      const { view } = node.access;
      const client = new AccessClient({ ...world, route: (call) => call(caller), view });
      const record = await client.calls.createIssuer({
        id: client.newRecordId(),
        url: issuer.url,
        audience: AUDIENCE,
      });
      await test(new Stage({ node, client, clock, issuer, record }));
    } finally {
      await issuer.stop();
      await node.close();
      await consensus.close();
    }
  }

  trust(
    number: number,
    options: { readonly claims?: readonly ClaimRule[]; readonly role?: "read" },
  ) {
    const { client, record } = this.parts;
    return client.calls.createTrust({
      id: client.newRecordId(),
      issuer: record.id,
      repository: repositoryOf(number),
      role: options.role ?? "write",
      claims: options.claims ?? MAIN,
      label: "builds",
    });
  }
}

for (const algorithm of ["RS256", "ES256"] as const) {
  Deno.test(`exchange() gives a token of one repository for an issuer's, signed ${algorithm}`, () =>
    Stage.run(async (stage) => {
      const { node, issuer } = stage.parts;
      const trust = await stage.trust(1, {});
      const { token, record } = await stage.exchange.exchange(await issuer.sign(job()));
      assert.deepEqual(node.access.view.tokenByHash(hashAccessToken(token)), record);
      assert.equal(record.repository, repositoryOf(1));
      assert.equal(record.role, "write");
      assert.equal(record.subject, "repo:me/project:ref:refs/heads/main");
      assert.equal(record.expiresAtMs, NOW_MS + JOB_TOKEN_LIFE_MS_MAX);
      assert.equal(issuer.askedCount, 2, "discovery and keys");
      await stage.exchange.exchange(await issuer.sign(job()));
      assert.equal(issuer.askedCount, 2, "kept");
      await stage.parts.client.calls.removeTrust({ repository: repositoryOf(1), id: trust.id });
      assert.equal(node.access.view.tokenByHash(hashAccessToken(token)), undefined);
    }, { algorithm }));
}

Deno.test("exchange() refuses for nothing what strangers make up", () =>
  Stage.run(async (stage) => {
    const { issuer } = stage.parts;
    await stage.trust(1, {});
    const stranger = await tokenSigner("key-1");
    const bad = [
      "",
      "a.b.c",
      "gst_0",
      await stranger.sign(job({ iss: "https://other.test" })),
      await stranger.sign(job({ iss: `${issuer.url}/` })),
      await issuer.sign(job({ iss: undefined })),
      await issuer.sign(job({ aud: "https://other.test" })),
      await issuer.sign(job({ aud: [`${AUDIENCE}/`] })),
      await issuer.sign(job({ exp: NOW_S - 60 })),
      await issuer.sign(job({ nbf: NOW_S + 61 })),
      await issuer.sign(job({ more: "x".repeat(ISSUER_TOKEN_LENGTH_MAX) })),
      await issuer.sign(job(), { alg: "none" }),
      await issuer.sign(job(), { alg: "HS256" }),
    ];
    for (const text of bad) {
      await assert.rejects(stage.exchange.exchange(text), failing("unauthenticated"), text);
    }
    assert.equal(issuer.askedCount, 0);
  }));

Deno.test("exchange() takes no signature but the issuer's", () =>
  Stage.run(async (stage) => {
    const { issuer } = stage.parts;
    await stage.trust(1, {});
    const stranger = await tokenSigner("key-1", { algorithm: "RS256" });
    const head = encode({ alg: "RS256", kid: "key-1" });
    const body = encode({ iss: issuer.url, ...job() });
    const secret = Buffer.from(issuer.keys[0]!.publicKey.n!, "base64url");
    const mac = createHmac("sha256", secret).update(`${head}.${body}`).digest();
    const [first, , last] = (await issuer.sign(job({ ref: "refs/tags/x" }))).split(".");
    const bad = [
      await stranger.sign({ iss: issuer.url, ...job() }),
      `${head}.${body}.${base64Url(mac)}`,
      `${first}.${body}.${last}`,
      await issuer.sign(job(), { alg: "ES256" }),
      await issuer.sign(job(), { kid: "key-2" }),
    ];
    for (const text of bad) {
      await assert.rejects(stage.exchange.exchange(text), failing("unauthenticated"), text);
    }
    await stage.exchange.exchange(await issuer.sign(job(), { kid: undefined }));
  }, { algorithm: "RS256" }));

Deno.test("exchange() lets clocks differ by a minute", () =>
  Stage.run(async (stage) => {
    const { issuer, clock } = stage.parts;
    await stage.trust(1, {});
    await stage.exchange.exchange(await issuer.sign(job({ nbf: NOW_S + 60, iat: NOW_S + 60 })));
    await stage.exchange.exchange(await issuer.sign(job({ exp: NOW_S - 59 })));
    const text = await issuer.sign(job());
    clock.jumpWall(300_000 + 59_999);
    await stage.exchange.exchange(text);
    clock.jumpWall(1);
    await assert.rejects(stage.exchange.exchange(text), failing("unauthenticated"));
    clock.jumpWall(-300_000 - 2 * 60_000 - 1);
    await assert.rejects(stage.exchange.exchange(text), failing("unauthenticated"));
  }));

Deno.test("exchange() goes by the trusts that fit, of one repository", () =>
  Stage.run(async (stage) => {
    const { issuer } = stage.parts;
    const none = stage.exchange.exchange(await issuer.sign(job()));
    await assert.rejects(none, failing("denied"));
    await stage.trust(1, { role: "read" });
    await stage.trust(1, {});
    assert.equal((await stage.exchange.exchange(await issuer.sign(job()))).record.role, "write");
    for (const other of [{ repository: "me/project2" }, { ref: "refs/tags/v1" }, { ref: 7 }]) {
      const text = await issuer.sign(job(other));
      await assert.rejects(stage.exchange.exchange(text), failing("denied"));
    }
    await stage.trust(2, {});
    const text = await issuer.sign(job());
    await assert.rejects(stage.exchange.exchange(text), failing("invalid"));
    const found = (repository: RepositoryId | undefined) => () => Promise.resolve(repository);
    const named = await stage.exchange.exchange(text, { repository: found(repositoryOf(2)) });
    assert.equal(named.record.repository, repositoryOf(2));
    const told: string[] = [];
    for (const repository of [repositoryOf(3), undefined]) {
      const exchanged = stage.exchange.exchange(text, { repository: found(repository) });
      await assert.rejects(exchanged, (error) => {
        assert.ok(hasCode(error, "denied"));
        told.push(error.describe());
        return true;
      });
    }
    assert.equal(told[0], told[1], "who fits nothing learns nothing");
    const never = () => Promise.reject(new Error("Not asked for a token that is not good"));
    const late = await issuer.sign(job({ exp: NOW_S - 60 }));
    const unasked = stage.exchange.exchange(late, { repository: never });
    await assert.rejects(unasked, failing("unauthenticated"));
  }));

Deno.test("IssuerKeys ask anew for an unknown key, once in a while, and once for many", () =>
  Stage.run(async (stage) => {
    const { issuer, clock } = stage.parts;
    await stage.trust(1, {});
    await stage.exchange.exchange(await issuer.sign(job()));
    const before = await issuer.sign(job());
    await issuer.rotate("key-2");
    const text = await issuer.sign(job());
    await assert.rejects(stage.exchange.exchange(text), failing("unauthenticated"));
    assert.equal(issuer.askedCount, 2, "asked a moment ago");
    await clock.advance(ISSUER_KEYS_RETRY_MS);
    await Promise.all(Array.from({ length: 20 }, () => stage.exchange.exchange(text)));
    assert.equal(issuer.askedCount, 4, "one question for all");
    await assert.rejects(stage.exchange.exchange(before), failing("unauthenticated"));
    const flood = await (await tokenSigner("made-up")).sign({ iss: issuer.url, ...job() });
    for (let count = 0; count < 50; count++) {
      await assert.rejects(stage.exchange.exchange(flood), failing("unauthenticated"));
    }
    assert.equal(issuer.askedCount, 4);
    await clock.advance(ISSUER_KEYS_RETRY_MS);
    for (let count = 0; count < 50; count++) {
      await assert.rejects(stage.exchange.exchange(flood), failing("unauthenticated"));
    }
    assert.equal(issuer.askedCount, 6);
  }));

Deno.test("IssuerKeys go on with the keys at hand while the issuer is away, for a day", () =>
  Stage.run(async (stage) => {
    const { issuer, clock } = stage.parts;
    await stage.trust(1, {});
    const lasting = await issuer.sign(job({ exp: NOW_S + 10 * 86_400 }));
    await stage.exchange.exchange(lasting);
    issuer.mood = "with an error";
    await clock.advance(ISSUER_KEYS_LIFE_MS);
    await stage.exchange.exchange(lasting);
    assert.equal(issuer.askedCount, 3, "asked, in vain");
    await clock.advance(ISSUER_KEYS_STALE_MS_MAX - ISSUER_KEYS_LIFE_MS);
    await assert.rejects(stage.exchange.exchange(lasting), failing("unavailable"));
    issuer.mood = "well";
    await clock.advance(ISSUER_KEYS_RETRY_MS);
    await stage.exchange.exchange(lasting);
  }));

const MOODS: readonly IssuerMood[] = [
  "with an error",
  "with a redirection",
  "with too much",
  "for another",
  "with keys elsewhere",
];
for (const mood of MOODS) {
  Deno.test(`IssuerKeys take nothing from an issuer that answers ${mood}`, () =>
    Stage.run(async (stage) => {
      const { issuer } = stage.parts;
      await stage.trust(1, {});
      issuer.mood = mood;
      const text = await issuer.sign(job());
      await assert.rejects(stage.exchange.exchange(text), failing("unavailable"));
      assert.equal(issuer.askedCount, 1);
    }));
}

Deno.test("IssuerKeys wait for an issuer for a bounded time", () =>
  Stage.run(async (stage) => {
    const { issuer, clock } = stage.parts;
    await stage.trust(1, {});
    issuer.mood = "never";
    const waiting = stage.exchange.exchange(await issuer.sign(job()));
    const refused = assert.rejects(waiting, failing("unavailable"));
    while (issuer.askedCount === 0) await clock.advance(0);
    await clock.advance(ISSUER_KEYS_MS_MAX);
    await refused;
  }));
