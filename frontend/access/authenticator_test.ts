import assert from "node:assert/strict";
import { type GitStratumError, hasCode, ManualClock } from "@gitstratum/core";
import { MemoryAccessView, recordKey } from "@gitstratum/core/access";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { RecordAuthenticator } from "./authenticator.ts";
import { keyRecord, tokenRecord, userRecord } from "./testing/accounts.ts";

const ANN = userRecord("ann");
const GOOD = tokenRecord(ANN, { expiresAtMs: 5000 });
const KEY = keyRecord("SHA256:ann", { kind: "user-key", user: ANN });

function setUp(records = [ANN, GOOD.record, KEY]) {
  const view = new MemoryAccessView(records);
  const clock = new ManualClock(1000);
  const metrics = new PrometheusMetrics();
  const authenticator = new RecordAuthenticator({ view, clock, metrics });
  const ask = (header?: string) =>
    authenticator.ofRequest(
      new Request(
        "http://host/",
        header === undefined ? {} : { headers: { authorization: header } },
      ),
      { remoteAddress: "192.0.2.1" },
    );
  return { view, clock, metrics, authenticator, ask };
}

const reasonOf = (error: unknown) =>
  hasCode(error, "unauthenticated") ? String(error.data.reason) : String(error);

Deno.test("RecordAuthenticator.ofRequest() knows the anonymous from users", async () => {
  const { ask } = setUp();
  assert.equal((await ask()).principal().kind, "anonymous");
  const asker = await ask(`Bearer ${GOOD.token}`);
  assert.equal(asker.principal().kind, "user");
  assert.equal(asker.actor().user, "ann");
  assert.equal(asker.actor().userId, ANN.id);
});

Deno.test("RecordAuthenticator.ofRequest() refuses what is good for nothing, and counts it", async () => {
  const { ask, clock, metrics } = setUp();
  await assert.rejects(ask("Bearer nonsense"), (error) => /no token/.test(reasonOf(error)));
  const stranger = tokenRecord(ANN).token;
  await assert.rejects(ask(`Bearer ${stranger}`), (error) => {
    assert.ok(!(error as GitStratumError).describe().includes(stranger));
    return /not known/.test(reasonOf(error));
  });
  await clock.advance(4000);
  await assert.rejects(ask(`Bearer ${GOOD.token}`), (error) => /expired/.test(reasonOf(error)));
  const { body } = await metrics.render();
  for (const outcome of ["malformed", "unknown", "expired"]) {
    assert.match(body, new RegExp(`authentications_total.*outcome="${outcome}".* 1`));
  }
});

Deno.test("RecordAuthenticator.ofRequest() calls no token unknown while it knows nothing", async () => {
  const { ask } = setUp([]);
  await assert.rejects(ask(`Bearer ${GOOD.token}`), (error) => hasCode(error, "unavailable"));
});

Deno.test("askers lose what their credential was worth when it is taken away", async () => {
  const { ask, authenticator, view } = setUp();
  const byToken = await ask(`Bearer ${GOOD.token}`);
  const byKey = await authenticator.ofKey("SHA256:ann");
  const { signal } = new AbortController();
  const lost = [byToken.lost(signal), byKey!.lost(signal)];
  view.apply([{ kind: "remove", key: recordKey(GOOD.record) }], 2);
  assert.throws(() => byToken.principal(), (error) => hasCode(error, "unauthenticated"));
  assert.equal(byKey!.principal().kind, "user");
  await lost[0];
  view.apply([{ kind: "put", record: { ...ANN, disabled: true } }], 3);
  await lost[1];
  assert.throws(() => byKey!.actor(), (error) => /disabled/.test(reasonOf(error)));
});

Deno.test("RecordAuthenticator.ofKey() knows recorded keys only", async () => {
  const { authenticator } = setUp();
  assert.equal(await authenticator.ofKey("SHA256:other"), undefined);
});
