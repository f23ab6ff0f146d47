import assert from "node:assert/strict";
import { drawSigningKey, openHostKeys } from "./host_keys.ts";
import { signingKey } from "./signing_key.ts";
import { utils } from "./ssh2.ts";

async function inDirectory(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "gitstratum-ssh-" });
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("openHostKeys() makes keys once, for the owner's eyes only", () =>
  inDirectory(async (path) => {
    const first = await openHostKeys(`${path}/ssh`);
    assert.deepEqual(await openHostKeys(`${path}/ssh`), first);
    const types = first.map((text) => {
      const key = utils.parseKey(text);
      assert.ok(!(key instanceof Error));
      return key.type;
    });
    assert.deepEqual(types, ["ssh-ed25519", "ecdsa-sha2-nistp256"]);
    const names = [];
    for await (const { name } of Deno.readDir(`${path}/ssh`)) {
      names.push(name);
      assert.equal((await Deno.stat(`${path}/ssh/${name}`)).mode! & 0o777, 0o600);
    }
    assert.deepEqual(names.sort(), ["host_ecdsa_key", "host_ed25519_key"]);
  }));

Deno.test("openHostKeys() starts anew after a crash in the middle of a first start", () =>
  inDirectory(async (path) => {
    await Deno.writeTextFile(`${path}/host_ed25519_key.new`, "-----BEGIN OPEN");
    assert.equal((await openHostKeys(path)).length, 2);
  }));

Deno.test("openHostKeys() refuses a key that others may read", () =>
  inDirectory(async (path) => {
    await openHostKeys(path);
    await Deno.chmod(`${path}/host_ecdsa_key`, 0o644);
    await assert.rejects(openHostKeys(path), { code: "denied" });
  }));

Deno.test("openHostKeys() refuses a file without a private key", () =>
  inDirectory(async (path) => {
    await Deno.writeTextFile(`${path}/host_ed25519_key`, "no key", { mode: 0o600 });
    await assert.rejects(openHostKeys(path), { code: "corrupt" });
  }));

Deno.test("drawSigningKey() draws again when a key can not sign, and gives up in the end", () => {
  const sound = utils.generateKeyPairSync("ed25519").private;
  const drawn = ["not a key", "nor this", signingKey(sound)!];
  let draws = 0;
  assert.equal(drawSigningKey(() => ({ private: drawn[draws++]! })), sound);
  assert.equal(draws, 3);
  assert.throws(() => drawSigningKey(() => ({ private: "never a key" })), /Draw no host key/);
});
