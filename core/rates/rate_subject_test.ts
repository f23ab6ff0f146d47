import assert from "node:assert/strict";
import fc from "fast-check";
import { addressSubject, parseRateKey, RATE_SUBJECT_KINDS, rateKey } from "./rate_subject.ts";

Deno.test("addressSubject() counts an IPv4 address by itself, however it is written", () => {
  assert.equal(addressSubject("192.0.2.7").id, "192.0.2.7");
  assert.equal(addressSubject("::ffff:192.0.2.7").id, "192.0.2.7");
});

Deno.test("addressSubject() counts an IPv6 client by its network", () => {
  const network = "2001:db8:0:1::/64";
  assert.equal(addressSubject("2001:db8:0:1::1").id, network);
  assert.equal(addressSubject("2001:DB8:0:1:ffff:1:2:3").id, network);
  assert.equal(addressSubject("2001:0db8:0000:0001::2%eth0").id, network);
  assert.notEqual(addressSubject("2001:db8:0:2::1").id, network);
  assert.equal(addressSubject("::1").id, "0:0:0:0::/64");
});

Deno.test("rateKey() and parseRateKey() are each other's inverse", () => {
  const subject = fc.record({
    kind: fc.constantFrom(...RATE_SUBJECT_KINDS),
    id: fc.string({ minLength: 1, maxLength: 300 }),
  });
  fc.assert(fc.property(subject, ({ kind, id }) => {
    const key = rateKey({ kind, id });
    assert.deepEqual(parseRateKey(key), { kind, id, key });
  }));
});

Deno.test("rateKey() bounds ids that name nothing", () => {
  assert.ok(rateKey({ kind: "repository", id: "x".repeat(10_000) }).length < 400);
});

Deno.test("parseRateKey() refuses what is no key", () => {
  for (const text of ["", "address", "address:", "planet:mars", `user:${"x".repeat(301)}`]) {
    assert.throws(() => parseRateKey(text), { code: "invalid" }, text);
  }
});
