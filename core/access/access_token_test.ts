import assert from "node:assert/strict";
import fc from "fast-check";
import { AssertionError } from "../assert.ts";
import { systemRandom } from "../random.ts";
import { SeededRandom } from "../seeded_random.ts";
import {
  type AccessToken,
  type AccessTokenHash,
  equalTokenHashes,
  hashAccessToken,
  isAccessTokenHash,
  newAccessToken,
  parseAccessToken,
} from "./access_token.ts";

/** Any UTF-16, well-formed or not. */
const anyText = (lengthMax: number) =>
  fc.array(fc.oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0xffff })), { maxLength: lengthMax })
    .map((units) => String.fromCharCode(...units));

Deno.test("newAccessToken() makes tokens that parse, and no two alike", () => {
  const tokens = Array.from({ length: 500 }, () => newAccessToken(systemRandom));
  for (const token of tokens) {
    assert.match(token, /^gst_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}$/);
    assert.equal(parseAccessToken(token), token);
  }
  assert.equal(new Set(tokens).size, tokens.length);
});

Deno.test("newAccessToken() draws every character about equally often", () => {
  const random = new SeededRandom(7);
  const counts = new Map<string, number>();
  for (let index = 0; index < 2000; index++) {
    for (const character of newAccessToken(random).slice(4, 36)) {
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
  }
  assert.equal(counts.size, 62);
  // 1032 on average; without the rejection the first eight come to 1250.
  for (const [character, count] of counts) {
    assert.ok(count > 860 && count < 1170, `${character}: ${count}`);
  }
});

Deno.test("newAccessToken() fails with randomness that is none", () => {
  const broken = { bytes: (count: number) => new Uint8Array(count).fill(255) };
  assert.throws(() => newAccessToken(broken), AssertionError);
});

Deno.test("the format of tokens stays as it is", () => {
  const zeros = { bytes: (count: number) => new Uint8Array(count) };
  const token = newAccessToken(zeros);
  assert.equal(token, "gst_00000000000000000000000000000000_2iikx8");
  assert.equal(
    hashAccessToken(token),
    "2fbe04437abf39bc9b0c9ef5b00c6fd9703ef04d8ccce138bffd4acbe5fe1ec3",
  );
});

Deno.test("parseAccessToken() takes nothing that differs from a token in a character", () => {
  const token = newAccessToken(new SeededRandom(1));
  fc.assert(fc.property(
    fc.nat({ max: token.length - 1 }),
    fc.constantFrom(..."09AZaz_ -\n"),
    (at, character) => {
      if (token[at] === character) return;
      const changed = token.slice(0, at) + character + token.slice(at + 1);
      assert.equal(parseAccessToken(changed), undefined);
    },
  ));
  for (const text of ["", "gst_", `${token}\n`, ` ${token}`, token.slice(1), token + "0"]) {
    assert.equal(parseAccessToken(text), undefined);
  }
});

Deno.test("parseAccessToken() takes no other text", () => {
  fc.assert(fc.property(anyText(100), (text) => {
    assert.equal(parseAccessToken(text), undefined);
    assert.equal(parseAccessToken(`gst_${text}`), undefined);
  }));
});

Deno.test("equalTokenHashes() tells hashes of the same token", () => {
  const random = new SeededRandom(2);
  const [one, other] = [newAccessToken(random), newAccessToken(random)];
  assert.ok(isAccessTokenHash(hashAccessToken(one)));
  assert.ok(equalTokenHashes(hashAccessToken(one), hashAccessToken(one as AccessToken)));
  assert.ok(!equalTokenHashes(hashAccessToken(one), hashAccessToken(other)));
  assert.throws(
    () => equalTokenHashes("" as AccessTokenHash, hashAccessToken(one)),
    AssertionError,
  );
  assert.ok(!isAccessTokenHash(one));
});
