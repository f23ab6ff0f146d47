import assert from "node:assert/strict";
import { DEFAULT_PUSH_POLICY } from "./fsck_message.ts";
import type { Oid } from "./oid.ts";
import { SpecialBlobs } from "./special_blobs.ts";

const POLICY = { policy: DEFAULT_PUSH_POLICY };

Deno.test("SpecialBlobs.pending names a blob again that gets a second name after its check", () => {
  const oid = "1".repeat(40) as Oid;
  const bytes = new TextEncoder().encode('[submodule "../x"]\n\tpath = x\n\turl = y\n');
  const special = new SpecialBlobs();
  special.addAttributes(oid);
  assert.deepEqual(special.check(oid, { kind: "blob", bytes }, POLICY), []);
  special.addAttributes(oid);
  assert.deepEqual(special.pending, []);
  special.addModules(oid);
  assert.deepEqual(special.pending, [oid]);
  const findings = special.check(oid, { kind: "blob", bytes }, POLICY);
  assert.deepEqual(new Set(findings.map((finding) => finding.id)), new Set(["gitmodulesName"]));
  assert.deepEqual(special.pending, []);
});
