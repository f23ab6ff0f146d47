import { deepEqual, equal } from "node:assert/strict";
import { MemoryAccessView, type OpenPgpKeyRecord } from "@gitstratum/core/access";
import { keyVerdict, openPgpKeyOfUser, tokenVerdict } from "./credential_verdict.ts";
import { keyRecord, tokenRecord, userRecord } from "./testing/accounts.ts";

const NOW_MS = 1000;
const ANN = userRecord("Ann");
const GONE = userRecord("gone");
const OUT = userRecord("out", { disabled: true });
const GOOD = tokenRecord(ANN, { notBeforeMs: NOW_MS, expiresAtMs: NOW_MS + 1 });
const OVER = tokenRecord(ANN, { expiresAtMs: NOW_MS });
const EARLY = tokenRecord(ANN, { notBeforeMs: NOW_MS + 1 });
const KEPT_OUT = tokenRecord(OUT);
const ORPHAN = tokenRecord(GONE);
const ANNS_KEY = keyRecord("SHA256:ann", { kind: "user-key", user: ANN });
const OUTS_KEY = keyRecord("SHA256:out", { kind: "user-key", user: OUT });
const DEPLOY_KEY = keyRecord("SHA256:deploy", {
  kind: "deploy-key",
  repository: "a".repeat(32),
  role: "read",
});

function view() {
  const tokens = [GOOD, OVER, EARLY, KEPT_OUT, ORPHAN].map(({ record }) => record);
  return new MemoryAccessView([ANN, OUT, ...tokens, ANNS_KEY, OUTS_KEY, DEPLOY_KEY]);
}

Deno.test("tokenVerdict() says what is wrong with a token", () => {
  const ask = ({ record: { hash } }: typeof GOOD, user?: string) => {
    const verdict = tokenVerdict(view(), { hash, ...(user && { user }) }, NOW_MS);
    return verdict.kind === "good" ? "good" : verdict.problem;
  };
  equal(ask(GOOD), "good");
  equal(ask(GOOD, "ann"), "good", "accounts do not differ in case");
  equal(ask(GOOD, "bob"), "other-user");
  equal(ask(OVER), "expired");
  equal(ask(EARLY), "not-yet-valid");
  equal(ask(KEPT_OUT), "disabled");
  equal(ask(ORPHAN), "unknown");
  equal(ask(tokenRecord(ANN)), "unknown");
});

Deno.test("tokenVerdict() gives the user and the limits of the token", () => {
  const { hash, id, scopes } = GOOD.record;
  deepEqual(tokenVerdict(view(), { hash }, NOW_MS), {
    kind: "good",
    principal: {
      kind: "user",
      name: "Ann",
      administrator: false,
      credential: { kind: "token", id, scopes, expiresAtMs: NOW_MS + 1 },
    },
    actor: { user: "Ann", userId: ANN.id, credential: { kind: "token", id } },
  });
});

Deno.test("keyVerdict() tells users' keys from those of repositories", () => {
  const ask = (fingerprint: string) => keyVerdict(view(), fingerprint, NOW_MS);
  deepEqual(ask("SHA256:ann"), {
    kind: "good",
    principal: {
      kind: "user",
      name: "Ann",
      administrator: false,
      credential: { kind: "ssh-key", id: ANNS_KEY.id },
    },
    actor: { user: "Ann", userId: ANN.id, credential: { kind: "ssh-key", id: ANNS_KEY.id } },
  });
  const { id } = DEPLOY_KEY;
  deepEqual(ask("SHA256:deploy"), {
    kind: "good",
    principal: { kind: "deploy-key", id, repository: "a".repeat(32), role: "read" },
    actor: { credential: { kind: "deploy-key", id } },
  });
  deepEqual(ask("SHA256:out"), { kind: "bad", problem: "disabled" });
  deepEqual(ask("SHA256:nobody"), { kind: "bad", problem: "unknown" });
});

Deno.test("openPgpKeyOfUser() finds keys that stand for a user now, by id and fingerprint", () => {
  const key = (name: string, user: typeof ANN, expiresAtMs = NOW_MS + 1): OpenPgpKeyRecord => {
    const { id } = keyRecord(name, { kind: "user-key", user });
    const kept = { label: "", type: "ed25519", blob: "", createdAtMs: 0 };
    const fingerprint = name.padEnd(40, "0");
    const keyIds = [name.padEnd(16, "0"), name.padEnd(16, "1")];
    return { kind: "openpgp-key", id, user: user.id, fingerprint, keyIds, expiresAtMs, ...kept };
  };
  const good = key("a", ANN);
  const others = [key("b", ANN, NOW_MS), key("c", OUT), key("d", GONE)];
  const records = new MemoryAccessView([ANN, OUT, good, ...others]);
  const ask = (name: string, nowMs = NOW_MS) => openPgpKeyOfUser(records, name, nowMs);
  for (const name of [good.fingerprint, ...good.keyIds]) deepEqual(ask(name), good);
  equal(ask(good.fingerprint, NOW_MS + 1), undefined, "no longer registered");
  for (const { fingerprint } of others) equal(ask(fingerprint), undefined);
  equal(ask("e".padEnd(16, "0")), undefined);
  records.apply([{ kind: "remove", key: `openpgp-key/${good.id}` as never }], 2);
  for (const name of [good.fingerprint, ...good.keyIds]) equal(ask(name), undefined);
});
