import assert from "node:assert/strict";
import fc from "fast-check";
import { findAuthorizedKey } from "./authorized_keys.ts";

const BLOB = new TextEncoder().encode("a key's bytes");
const KEY = BLOB.toBase64();

for (
  const [line, user] of [
    [`ssh-ed25519 ${KEY} ann@desk`, "ann@desk"],
    [`  ssh-rsa\t${KEY}  Ann of Desk `, "Ann of Desk"],
    [`ecdsa-sha2-nistp521 ${KEY}`, undefined],
    [`restrict,no-pty ssh-ed25519 ${KEY} ann`, "ann"],
    [`# old\n\nssh-ed25519 AAAA bob\r\nssh-ed25519 ${KEY} ann\r\n`, "ann"],
  ] as const
) {
  Deno.test(`findAuthorizedKey() finds the key in ${JSON.stringify(line)}`, () => {
    assert.deepEqual(findAuthorizedKey(line, BLOB), user === undefined ? {} : { user });
  });
}

for (
  const line of [
    "",
    `#ssh-ed25519 ${KEY} ann`,
    `# ssh-ed25519 ${KEY} ann`,
    `ssh-ed25519 ${KEY}A ann`,
    `ssh-dss ${KEY} ann`,
    `ssh-ed25519`,
    `from="10.0.0.1" ssh-ed25519 ${KEY} ann`,
    `restrict,command="a ssh-ed25519 ${KEY}" ssh-ed25519 AAAA ann`,
    `command="x y" ssh-ed25519 ${KEY} ann`,
    `expiry-time="20200101" ssh-ed25519 ${KEY}`,
    `cert-authority ssh-ed25519 ${KEY}`,
  ]
) {
  Deno.test(`findAuthorizedKey() finds nobody in ${JSON.stringify(line)}`, () => {
    assert.equal(findAuthorizedKey(line, BLOB), undefined);
  });
}

Deno.test("findAuthorizedKey() takes any text", () => {
  fc.assert(fc.property(fc.string(), fc.uint8Array({ minLength: 1 }), (text, blob) => {
    assert.equal(findAuthorizedKey(text, blob), undefined);
  }));
});
