import { equal } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { SeededRandom } from "../seeded_random.ts";
import { Hmac } from "./hmac.ts";

Deno.test("Hmac.of() gives the codes of RFC 4231", () => {
  const cases = [
    [
      "Jefe",
      "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ],
    [
      "\x0b".repeat(20),
      "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ],
  ] as const;
  for (const [secret, text, code] of cases) equal(new Hmac(secret).of(text).toHex(), code);
});

Deno.test("Hmac.of() gives what node:crypto gives, whatever the lengths", () => {
  const random = new SeededRandom(7);
  for (const secretBytes of [1, 31, 32, 33, 64, 65, 200]) {
    const secret = random.bytes(secretBytes).toBase64();
    const hmac = new Hmac(secret);
    for (const textBytes of [0, 1, 54, 55, 56, 63, 64, 65, 500]) {
      const text = `${random.bytes(textBytes).toBase64()} ü`;
      const wanted = createHmac("sha256", secret).update(text).digest("hex");
      equal(hmac.of(text).toHex(), wanted);
    }
  }
});
