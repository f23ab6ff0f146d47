import { doesNotThrow, match, notEqual, throws } from "node:assert/strict";
import { hasCode, ManualClock, PUSH_NONCE_LIFE_MS, SeededRandom } from "@gitstratum/core";
import { PushNonces } from "./push_nonces.ts";

const denied = (error: unknown) => hasCode(error, "denied");

function certificate(nonce: string): string {
  return `certificate version 0.1\npusher key 1700000000 +0000\nnonce ${nonce}\n\n` +
    `${"0".repeat(40)} ${"1".repeat(40)} refs/heads/main\n`;
}

Deno.test("PushNonces.check() takes its own nonces for the repository, while they are young", async () => {
  const clock = new ManualClock();
  const nonces = new PushNonces({ clock, random: new SeededRandom(1) });
  const nonce = nonces.issue("a/b");
  match(nonce, /^\d+-[0-9a-f]{40}$/);
  doesNotThrow(() => nonces.check("a/b", certificate(nonce)));
  throws(() => nonces.check("a/c", certificate(nonce)), denied);
  await clock.advance(PUSH_NONCE_LIFE_MS + 2000);
  throws(() => nonces.check("a/b", certificate(nonce)), denied);
});

Deno.test("PushNonces.check() refuses nonces of others, changed ones and none", () => {
  const clock = new ManualClock();
  const nonces = new PushNonces({ clock, random: new SeededRandom(1) });
  const nonce = nonces.issue("a/b");
  const others = new PushNonces({ clock, random: new SeededRandom(2) }).issue("a/b");
  notEqual(nonce, others);
  throws(() => nonces.check("a/b", certificate(others)), denied);
  throws(() => nonces.check("a/b", certificate(nonce.replace(/^\d/, "9"))), denied);
  throws(() => nonces.check("a/b", "certificate version 0.1\n\n"), denied);
  // Behind the header it is no nonce.
  throws(() => nonces.check("a/b", `certificate version 0.1\n\nnonce ${nonce}\n`), denied);
});
