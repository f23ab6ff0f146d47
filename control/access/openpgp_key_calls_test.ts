import assert from "node:assert/strict";
import {
  type ErrorCode,
  GitStratumError,
  hasCode,
  systemRandom,
  USER_OPENPGP_KEY_COUNT_MAX,
} from "@gitstratum/core";
import { GnuPg, OPENPGP_FINGERPRINT, OPENPGP_PUBLIC_KEY } from "@gitstratum/core/access/gnupg";
import { prefixRange } from "@gitstratum/core/consensus";
import { AccountAudit } from "../audit/account_audit.ts";
import { accessNodeOver, AccessStage, STAGE_NOW_MS } from "./testing/access_stage.ts";

const failing = (code: ErrorCode) => (error: unknown) => hasCode(error, code);

Deno.test("addOpenPgpKey() records a key, once among all users", () =>
  AccessStage.run(async ({ client: { calls }, node: { view }, ...stage }) => {
    const { id: user } = await stage.user("alice");
    const { id: other } = await stage.user("bob");
    const request = { id: stage.id(), user, key: OPENPGP_PUBLIC_KEY, expiresAtMs: 2e12 };
    const record = await calls.addOpenPgpKey(request);
    const { blob, ...facts } = record;
    assert.deepEqual(facts, {
      kind: "openpgp-key",
      id: request.id,
      user,
      label: "Alice <alice@example.org>",
      type: "ed25519",
      fingerprint: OPENPGP_FINGERPRINT,
      keyIds: [OPENPGP_FINGERPRINT.slice(-16)],
      createdAtMs: STAGE_NOW_MS,
      expiresAtMs: 2e12,
    });
    assert.ok(Uint8Array.fromBase64(blob).length > 0);
    assert.deepEqual(await calls.addOpenPgpKey(request), record, "said twice");
    for (const name of [OPENPGP_FINGERPRINT, OPENPGP_FINGERPRINT.slice(-16)]) {
      assert.deepEqual(view.openPgpKey(name), record);
    }
    assert.deepEqual((await calls.listOpenPgpKeys({ user })).records, [record]);
    assert.deepEqual((await calls.listUserKeys({ user })).records, []);
    for (const holder of [user, other]) {
      const again = { ...request, id: stage.id(), user: holder };
      await assert.rejects(calls.addOpenPgpKey(again), failing("already-exists"));
    }
    await assert.rejects(
      calls.removeOpenPgpKey({ user: other, id: request.id }),
      failing("not-found"),
    );
    await calls.removeOpenPgpKey({ user, id: request.id });
    assert.equal(view.openPgpKey(OPENPGP_FINGERPRINT), undefined);
    await calls.addOpenPgpKey({ ...request, id: stage.id(), user: other });
  }));

Deno.test("removeUser() takes OpenPGP keys away, too", () =>
  AccessStage.run(async ({ client: { calls }, consensus, ...stage }) => {
    const { id: user } = await stage.user("alice");
    await calls.addOpenPgpKey({ id: stage.id(), user, key: OPENPGP_PUBLIC_KEY });
    await calls.removeUser({ user });
    const { entries } = await consensus.range(prefixRange("access/records/openpgp-key/"));
    assert.deepEqual(entries, []);
  }));

Deno.test("addOpenPgpKey() refuses keys that are none, with the reason, and those of nobody", () =>
  AccessStage.run(async ({ client: { calls }, ...stage }) => {
    const { id: user } = await stage.user("alice");
    const key = OPENPGP_PUBLIC_KEY.replace("PUBLIC KEY", "PRIVATE KEY");
    await assert.rejects(calls.addOpenPgpKey({ id: stage.id(), user, key }), (error: unknown) => {
      assert.ok(error instanceof GitStratumError && error.code === "invalid");
      assert.match(String(error.data["reason"]), /private key/);
      return true;
    });
    const nobody = { id: stage.id(), user: stage.id() as never, key: OPENPGP_PUBLIC_KEY };
    await assert.rejects(calls.addOpenPgpKey(nobody), failing("not-found"));
  }));

Deno.test("addOpenPgpKey() waits until all nodes know such keys", () =>
  AccessStage.run(async ({ consensus, clock, ...stage }) => {
    const { id: user } = await stage.user("alice");
    let level = 1;
    await using stack = new AsyncDisposableStack();
    const node = await accessNodeOver(consensus, clock, () => level);
    stack.defer(() => node.close());
    const request = { id: stage.id(), user, key: OPENPGP_PUBLIC_KEY };
    await assert.rejects(node.access.addOpenPgpKey(request), failing("unsupported"));
    level = 2;
    assert.equal((await node.access.addOpenPgpKey(request)).user, user);
  }));

Deno.test("addOpenPgpKey() holds its limit, and is in the audit trail", () =>
  AccessStage.run(async ({ client, consensus, clock, ...stage }) => {
    await using gpg = await GnuPg.open();
    const { id: user } = await stage.user("alice");
    const by = { user: "root", transport: "api", atMs: 7 } as const;
    const { calls } = client.as(by);
    const names = Array.from({ length: USER_OPENPGP_KEY_COUNT_MAX }, (_, n) => `key-${100 + n}`);
    const wanted = ["%no-protection", "Key-Type: EDDSA", "Key-Curve: ed25519", "Expire-Date: 0"];
    const all = names.map((name) => [...wanted, `Name-Real: ${name}`, "%commit"].join("\n"));
    await gpg.run(["--full-generate-key"], all.join("\n") + "\n");
    for (const name of names) {
      const key = await gpg.exportKey(`=${name}`);
      await calls.addOpenPgpKey({ id: stage.id(), user, key, label: "laptop" });
    }
    const one = { id: stage.id(), user, key: OPENPGP_PUBLIC_KEY };
    await assert.rejects(calls.addOpenPgpKey(one), failing("exhausted"));
    const { records: [record] } = await calls.listOpenPgpKeys({ user, limit: 1 });
    await calls.removeOpenPgpKey({ user, id: record!.id });
    const audit = new AccountAudit({ consensus, clock, random: systemRandom });
    const events = await audit.query({ limit: 100 });
    const kinds = events.map(({ kind }) => kind);
    assert.equal(kinds.filter((kind) => kind === "openpgp-key-created").length, names.length);
    const removed = events.find(({ kind }) => kind === "openpgp-key-removed");
    assert.equal(removed?.owner, "alice");
    assert.equal(removed?.details?.["fingerprint"], record!.fingerprint);
    assert.ok(!JSON.stringify(events).includes(record!.blob));
  }));
