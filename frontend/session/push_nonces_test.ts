import { deepEqual, doesNotThrow, equal, match, notEqual, throws } from "node:assert/strict";
import { hasCode, ManualClock, PUSH_NONCE_LIFE_MS } from "@gitstratum/core";
import { PushNonces } from "./push_nonces.ts";

const denied = (error: unknown) => hasCode(error, "denied");

function certificate(nonce: string): string {
  return `certificate version 0.1\npusher key 1700000000 +0000\nnonce ${nonce}\n\n` +
    `${"0".repeat(40)} ${"1".repeat(40)} refs/heads/main\n`;
}

Deno.test("PushNonces.check() takes its own nonces for the repository, while they are young", async () => {
  const clock = new ManualClock();
  const nonces = new PushNonces({ clock, secrets: ["one"] });
  const nonce = nonces.issue("a/b");
  match(nonce, /^\d+-[0-9a-f]{40}$/);
  doesNotThrow(() => nonces.check("a/b", certificate(nonce)));
  throws(() => nonces.check("a/c", certificate(nonce)), denied);
  await clock.advance(PUSH_NONCE_LIFE_MS + 2000);
  throws(() => nonces.check("a/b", certificate(nonce)), denied);
});

Deno.test("PushNonces.check() refuses nonces of others, changed ones and none", () => {
  const clock = new ManualClock();
  const nonces = new PushNonces({ clock, secrets: ["one"] });
  const nonce = nonces.issue("a/b");
  const others = new PushNonces({ clock, secrets: ["two"] }).issue("a/b");
  notEqual(nonce, others);
  throws(() => nonces.check("a/b", certificate(others)), denied);
  throws(() => nonces.check("a/b", certificate(nonce.replace(/^\d/, "9"))), denied);
  throws(() => nonces.check("a/b", "certificate version 0.1\n\n"), denied);
  // Behind the header it is no nonce.
  throws(() => nonces.check("a/b", `certificate version 0.1\n\nnonce ${nonce}\n`), denied);
});

Deno.test("PushNonces.check() takes nonces of another frontend, and of the secret before", () => {
  const clock = new ManualClock();
  const here = new PushNonces({ clock, secrets: ["one"] });
  const there = new PushNonces({ clock, secrets: ["one"] });
  doesNotThrow(() => there.check("a/b", certificate(here.issue("a/b"))));
  const after = new PushNonces({ clock, secrets: ["two", "one"] });
  doesNotThrow(() => after.check("a/b", certificate(here.issue("a/b"))));
  throws(() => here.check("a/b", certificate(after.issue("a/b"))), denied);
  // A frontend whose clock is ahead a little is believed, one that is ahead by far is not.
  const nowMs = clock.nowMs();
  const ahead = (byMs: number) =>
    new PushNonces({ clock: { nowMs: () => nowMs + byMs }, secrets: ["one"] }).issue("a/b");
  doesNotThrow(() => here.check("a/b", certificate(ahead(60_000))));
  throws(() => here.check("a/b", certificate(ahead(PUSH_NONCE_LIFE_MS + 2000))), denied);
});

Deno.test("PushNonces.issue() gives each repository its own nonce for each second", async () => {
  const clock = new ManualClock();
  const nonces = new PushNonces({ clock, secrets: ["one"] });
  const names = Array.from({ length: 600 }, (_, number) => `a/b${number}`);
  const issued = names.map((name) => nonces.issue(name));
  equal(new Set(issued).size, names.length);
  deepEqual(names.map((name) => nonces.issue(name)), issued);
  for (const [index, name] of names.entries()) {
    doesNotThrow(() => nonces.check(name, certificate(issued[index]!)));
  }
  await clock.advance(1000);
  notEqual(nonces.issue("a/b0"), issued[0]);
  doesNotThrow(() => nonces.check("a/b0", certificate(nonces.issue("a/b0"))));
});
