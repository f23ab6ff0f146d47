import assert from "node:assert/strict";
import { signingKey } from "./signing_key.ts";
import { utils } from "./ssh2.ts";

/** Enough that some secret numbers start with a zero bit and some with a one. */
const KEYS = 12;

/** Fails unless the text holds the private half of a public key and signs. */
function assertSignsFor(text: string | undefined, publicKey: string): void {
  assert.ok(text !== undefined);
  const [secret, shown] = [utils.parseKey(text), utils.parseKey(publicKey)];
  assert.ok(!(secret instanceof Error) && !(shown instanceof Error));
  const message = new TextEncoder().encode("session");
  const signature = secret.sign(message);
  assert.ok(!(signature instanceof Error), String(signature));
  assert.equal(shown.verify(message, signature), true);
  assert.equal(shown.verify(new TextEncoder().encode("another"), signature), false);
}

for (
  const [type, options] of [
    ["ed25519", undefined],
    ["ecdsa", { bits: 256 }],
  ] as const
) {
  Deno.test(`signingKey() answers keys of type ${type} that sign as the library's own`, () => {
    for (let number = 0; number < KEYS; number++) {
      const pair = utils.generateKeyPairSync(type, options);
      assertSignsFor(signingKey(pair.private), pair.public);
    }
  });
}

Deno.test("signingKey() answers keys that sign for those of ssh-keygen", async () => {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-ssh-" });
  try {
    for (let number = 0; number < KEYS; number++) {
      const path = `${directory}/key${number}`;
      const { success } = await new Deno.Command("ssh-keygen", {
        args: ["-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", path],
      }).output();
      assert.ok(success);
      const key = signingKey(await Deno.readTextFile(path));
      assertSignsFor(key, await Deno.readTextFile(`${path}.pub`));
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("signingKey() answers nothing for what is no private key", () => {
  assert.equal(signingKey("no key"), undefined);
  assert.equal(signingKey(utils.generateKeyPairSync("ed25519").public), undefined);
});
