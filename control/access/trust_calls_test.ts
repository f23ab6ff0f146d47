import assert from "node:assert/strict";
import {
  type ErrorCode,
  hasCode,
  JOB_TOKEN_COUNT_MAX,
  JOB_TOKEN_LIFE_MS_MAX,
  ManualClock,
  REPOSITORY_TRUST_COUNT_MAX,
  silentLogger,
} from "@gitstratum/core";
import {
  type AccessTokenHash,
  hashAccessToken,
  MemoryAccessView,
  type RecordId,
  type TrustRecord,
} from "@gitstratum/core/access";
import { prefixRange } from "@gitstratum/core/consensus";
import type { AccessClient } from "@gitstratum/core/rpc/access";
import { AccountAudit } from "../audit/account_audit.ts";
import { AccessFeed } from "./access_feed.ts";
import { AccessLedger } from "./access_ledger.ts";
import { sweepJobTokens } from "./access_node.ts";
import { AccessStage, repositoryOf, STAGE_NOW_MS } from "./testing/access_stage.ts";

const failing = (code: ErrorCode) => (error: unknown) => hasCode(error, code);
const END_MS = STAGE_NOW_MS + JOB_TOKEN_LIFE_MS_MAX;

/** An issuer, and a trust in it for a repository. */
async function trustOf(client: AccessClient, number = 1): Promise<TrustRecord> {
  const issuer = client.newRecordId();
  await client.calls.createIssuer({
    id: issuer,
    url: `https://ci-${number}.test`,
    audience: "git",
  });
  return await client.calls.createTrust({
    id: client.newRecordId(),
    issuer,
    repository: repositoryOf(number),
    role: "write",
    claims: [{ claim: "ref", pattern: "refs/heads/main" }],
    label: "builds",
  });
}

function jobOf(trust: RecordId) {
  return { trust, subject: "job", label: "", expiresAtMs: END_MS };
}

Deno.test("createIssuer() takes each address once, and none that is not safe", () =>
  AccessStage.run(async ({ client, ...stage }) => {
    const { createIssuer, removeIssuer, listIssuers } = client.calls;
    const first = { id: stage.id(), url: "https://ci.test", audience: "git" };
    const record = await createIssuer(first);
    assert.deepEqual(await createIssuer(first), record, "said twice");
    await assert.rejects(createIssuer({ ...first, id: stage.id() }), failing("already-exists"));
    const bad = [
      { url: "http://ci.test" },
      { url: "https://a:b@ci.test" },
      { url: "" },
      { url: "https://ci-2.test", keysUrl: "http://ci.test/keys" },
      { url: "https://ci-2.test", audience: "" },
      { url: "https://ci-2.test", audience: "two\nlines" },
    ];
    for (const part of bad) {
      const request = { ...first, id: stage.id(), ...part };
      await assert.rejects(createIssuer(request), failing("invalid"), JSON.stringify(part));
    }
    await removeIssuer({ id: first.id });
    await assert.rejects(removeIssuer({ id: first.id }), failing("not-found"));
    assert.deepEqual((await listIssuers({})).records, []);
  }));

Deno.test("createTrust() wants an issuer, claims that bind, and has a limit", () =>
  AccessStage.run(async ({ client, ...stage }) => {
    const { createTrust, listTrusts, removeTrust } = client.calls;
    const { kind: _, createdAtMs: __, ...trust } = await trustOf(client);
    const repository = trust.repository;
    const bad = [
      { claims: [] },
      { claims: [{ claim: "ref", pattern: "**" }] },
      { claims: [{ claim: "", pattern: "x" }] },
      { claims: Array(17).fill({ claim: "ref", pattern: "x" }) },
      { role: "admin" as never },
      { label: "a\u0000b" },
    ];
    for (const part of bad) {
      const request = { ...trust, id: stage.id(), ...part };
      await assert.rejects(createTrust(request), failing("invalid"), JSON.stringify(part));
    }
    const nowhere = createTrust({ ...trust, id: stage.id(), issuer: stage.id() });
    await assert.rejects(nowhere, failing("not-found"));
    for (let count = 1; count < REPOSITORY_TRUST_COUNT_MAX; count++) {
      await createTrust({ ...trust, id: stage.id() });
    }
    await assert.rejects(createTrust({ ...trust, id: stage.id() }), failing("exhausted"));
    assert.equal((await listTrusts({ repository })).records.length, REPOSITORY_TRUST_COUNT_MAX);
    const elsewhere = { repository: repositoryOf(9), id: trust.id };
    await assert.rejects(removeTrust(elsewhere), failing("not-found"));
    await removeTrust({ repository, id: trust.id });
  }));

Deno.test("createJobToken() gives what the trust says, once, for an hour at most", () =>
  AccessStage.run(async ({ client, node, ...stage }) => {
    const trust = await trustOf(client);
    const { token, record } = await client.makeJobToken(jobOf(trust.id));
    assert.equal(record.repository, trust.repository);
    assert.equal(record.role, "write");
    assert.deepEqual(node.view.tokenByHash(hashAccessToken(token)), record);
    const { hash, id } = record;
    const { createJobToken } = client.calls;
    assert.deepEqual(await createJobToken({ ...jobOf(trust.id), id, hash }), record, "said twice");
    const fresh = () => ({ id: stage.id(), hash: `${stage.id()}${stage.id()}` as AccessTokenHash });
    const again = createJobToken({ ...jobOf(trust.id), id: stage.id(), hash });
    await assert.rejects(again, failing("already-exists"));
    for (const expiresAtMs of [END_MS + 1, STAGE_NOW_MS, 0]) {
      const request = { ...jobOf(trust.id), ...fresh(), expiresAtMs };
      await assert.rejects(createJobToken(request), failing("invalid"), String(expiresAtMs));
    }
    const lost = createJobToken({ ...jobOf(stage.id()), ...fresh() });
    await assert.rejects(lost, failing("not-found"));
  }));

Deno.test("createJobToken() stands a burst, beside changes of accounts, up to its limit", () =>
  AccessStage.run(async ({ client, node, ...stage }) => {
    const trust = await trustOf(client);
    const { access } = node;
    const request = () => ({
      ...jobOf(trust.id),
      id: stage.id(),
      hash: `${stage.id()}${stage.id()}` as AccessTokenHash,
    });
    const burst = Array.from(
      { length: JOB_TOKEN_COUNT_MAX },
      () => access.createJobToken(request()),
    );
    const users = Array.from({ length: 20 }, (_, number) => stage.user(`u${number}`));
    const tokens = await Promise.all(burst);
    await Promise.all(users);
    for (const token of tokens) assert.deepEqual(node.view.tokenByHash(token.hash), token);
    await assert.rejects(access.createJobToken(request()), failing("exhausted"));
    const { repository, id } = trust;
    await client.calls.removeTrust({ repository, id });
    for (const token of tokens) assert.equal(node.view.tokenByHash(token.hash), undefined);
    assert.ok(node.view instanceof MemoryAccessView);
    assert.deepEqual(node.view.ofKind("job-token"), []);
  }));

Deno.test("removeTrust() that races tokens leaves none that is worth anything", () =>
  AccessStage.run(async ({ client, node, ...stage }) => {
    const trust = await trustOf(client);
    const { repository, id } = trust;
    const making = Array.from({ length: 50 }, () =>
      node.access.createJobToken({
        ...jobOf(trust.id),
        id: stage.id(),
        hash: `${stage.id()}${stage.id()}` as AccessTokenHash,
      }));
    const removing = node.access.removeTrust({ repository, id });
    const outcomes = await Promise.allSettled(making);
    await removing;
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") {
        assert.ok(hasCode(outcome.reason, "not-found") || hasCode(outcome.reason, "unavailable"));
      } else assert.equal(node.view.tokenByHash(outcome.value.hash), undefined);
    }
  }));

Deno.test("sweepJobTokens() takes away those that ended", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  await AccessStage.run(async ({ client, consensus, node }) => {
    const trust = await trustOf(client);
    const short = { ...jobOf(trust.id), expiresAtMs: STAGE_NOW_MS + 1000 };
    for (let count = 0; count < 150; count++) await client.makeJobToken(short);
    const kept = await client.makeJobToken(jobOf(trust.id));
    const random = { bytes: (count: number) => new Uint8Array(count) };
    const world = { consensus, clock, logger: silentLogger };
    const feed = new AccessFeed(world);
    await feed.open();
    const audit = new AccountAudit({ consensus, clock, random });
    const ledger = new AccessLedger({ ...world, feed, audit });
    clock.jumpWall(1000);
    await sweepJobTokens(ledger);
    await feed.close();
    const { entries } = await consensus.range(prefixRange("access/records/job-token/"));
    assert.equal(entries.length, 1);
    await client.calls.listUsers({});
    assert.deepEqual(node.view.tokenByHash(hashAccessToken(kept.token)), kept.record);
  }, { clock });
});
