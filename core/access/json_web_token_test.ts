import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { hasCode } from "../error.ts";
import { ISSUER_TOKEN_LENGTH_MAX } from "../limits.ts";
import {
  checkClaims,
  isSignedBy,
  issuerOf,
  parseJsonWebToken,
  readSigningKey,
  type SigningKey,
} from "./json_web_token.ts";
import { base64Url, encode, tokenSigner } from "./testing/token_signer.ts";

const NOW_S = 1_700_000_000;
const NOW_MS = NOW_S * 1000;
const CLAIMS = { iss: "https://ci.test", aud: "gitstratum", sub: "job", exp: NOW_S + 300 };
const refused = (error: unknown) => hasCode(error, "unauthenticated");

async function keyOf(value: unknown): Promise<SigningKey> {
  const key = await readSigningKey(value);
  assert.ok(key !== undefined);
  return key;
}

for (const algorithm of ["RS256", "ES256"] as const) {
  Deno.test(`isSignedBy() finds ${algorithm} signatures good, and others bad`, async () => {
    const signer = await tokenSigner("one", { algorithm });
    const other = await tokenSigner("one", { algorithm });
    const token = parseJsonWebToken(await signer.sign(CLAIMS));
    assert.deepEqual(token.claims, CLAIMS);
    assert.equal(token.keyId, "one");
    assert.equal(issuerOf(token), CLAIMS.iss);
    assert.equal(await isSignedBy(token, await keyOf(signer.publicKey)), true);
    assert.equal(await isSignedBy(token, await keyOf(other.publicKey)), false);
    const [head, , tail] = (await signer.sign(CLAIMS)).split(".");
    const changed = parseJsonWebToken(`${head}.${encode({ ...CLAIMS, sub: "root" })}.${tail}`);
    assert.equal(await isSignedBy(changed, await keyOf(signer.publicKey)), false);
  });
}

Deno.test("a token can not choose how its key is used", async () => {
  const rsa = await tokenSigner("one", { algorithm: "RS256" });
  const elliptic = await tokenSigner("one", { algorithm: "ES256" });
  const keys = await Promise.all([rsa, elliptic].map(({ publicKey }) => keyOf(publicKey)));
  const body = encode(CLAIMS);
  // The public key, which everybody knows, as the secret of an HMAC.
  for (const secret of [JSON.stringify(rsa.publicKey), rsa.publicKey.n!]) {
    for (
      const alg of ["HS256", "none", "None", "RS512", "PS256", "ES384", "", 1, null, ["RS256"]]
    ) {
      const head = encode({ alg, kid: "one" });
      const mac = createHmac("sha256", secret).update(`${head}.${body}`).digest();
      const text = `${head}.${body}.${base64Url(mac)}`;
      assert.throws(() => parseJsonWebToken(text), refused, String(alg));
    }
    const head = encode({ alg: "RS256", kid: "one" });
    const mac = createHmac("sha256", secret).update(`${head}.${body}`).digest();
    const token = parseJsonWebToken(`${head}.${body}.${base64Url(mac)}`);
    for (const key of keys) assert.equal(await isSignedBy(token, key), false);
  }
  const crossed = parseJsonWebToken(await rsa.sign(CLAIMS, { alg: "ES256" }));
  for (const key of keys) assert.equal(await isSignedBy(crossed, key), false);
  assert.throws(() => parseJsonWebToken(`${encode({ alg: "none" })}.${body}.`), refused);
  for (
    const extension of [{ crit: ["exp"] }, { b64: false }, { kid: 7 }, { kid: "x".repeat(300) }]
  ) {
    const text = await rsa.sign(CLAIMS, extension);
    assert.throws(() => parseJsonWebToken(text), refused);
  }
});

Deno.test("parseJsonWebToken() refuses what is too long before it looks at it", async () => {
  const signer = await tokenSigner("one");
  const fits = await signer.sign({ ...CLAIMS, more: "x".repeat(8000) });
  assert.equal(parseJsonWebToken(fits).keyId, "one");
  const huge = await signer.sign({ ...CLAIMS, more: "x".repeat(ISSUER_TOKEN_LENGTH_MAX) });
  assert.throws(() => parseJsonWebToken(huge), refused);
  assert.throws(() => parseJsonWebToken("a.".repeat(5_000_000)), refused);
});

Deno.test("checkClaims() knows for whom, from when and until when, give or take a minute", async () => {
  const signer = await tokenSigner("one");
  const check = async (claims: Readonly<Record<string, unknown>>) =>
    checkClaims(parseJsonWebToken(await signer.sign({ ...CLAIMS, ...claims })), {
      audience: "gitstratum",
      nowMs: NOW_MS,
    });
  const good = [
    {},
    { aud: ["other", "gitstratum"] },
    { exp: NOW_S - 59 },
    { nbf: NOW_S + 60 },
    { iat: NOW_S + 60 },
    { exp: NOW_S + 0.5 },
  ];
  for (const claims of good) assert.equal(await check(claims), "job", JSON.stringify(claims));
  const bad = [
    { aud: "other" },
    { aud: undefined },
    { aud: [] },
    { aud: { gitstratum: true } },
    { aud: "gitstratum2" },
    { exp: undefined },
    { exp: "2099" },
    { exp: NOW_S - 60 },
    { exp: -1 },
    { nbf: NOW_S + 61 },
    { iat: NOW_S + 61 },
    { nbf: "now" },
    { sub: undefined },
    { sub: "" },
    { sub: 7 },
    { sub: "x".repeat(256) },
    { sub: "two\nlines" },
  ];
  for (const claims of bad) await assert.rejects(check(claims), refused, JSON.stringify(claims));
});

Deno.test("issuerOf() wants a text", async () => {
  const signer = await tokenSigner("one");
  for (const iss of [undefined, 1, ["https://ci.test"], null]) {
    const token = parseJsonWebToken(await signer.sign({ ...CLAIMS, iss }));
    assert.throws(() => issuerOf(token), refused);
  }
});

Deno.test("readSigningKey() takes keys for signatures, and none that are weak or damaged", async () => {
  const { publicKey } = await tokenSigner("one", { algorithm: "RS256" });
  const elliptic = (await tokenSigner("two")).publicKey;
  const others: unknown[] = [
    null,
    7,
    {},
    { kty: "oct", k: "c2VjcmV0", kid: "one" },
    { ...publicKey, use: "enc" },
    { ...publicKey, alg: "PS256" },
    { ...publicKey, alg: "ES256" },
    { ...publicKey, key_ops: ["encrypt"] },
    { ...publicKey, kid: 7 },
    { ...elliptic, crv: "P-384" },
    { ...elliptic, y: undefined },
  ];
  for (const value of others) assert.equal(await readSigningKey(value), undefined);
  const weak = (await tokenSigner("weak", { algorithm: "RS256", bits: 1024 })).publicKey;
  const damaged = [weak, { ...elliptic, x: "AAAA" }, { ...publicKey, n: "!" }];
  for (const value of damaged) {
    await assert.rejects(readSigningKey(value), (error) => hasCode(error, "invalid"));
  }
  const bare = { kty: publicKey.kty, n: publicKey.n, e: publicKey.e };
  assert.equal((await readSigningKey(bare))?.id, undefined);
});

Deno.test("parseJsonWebToken() takes or refuses whatever it is given", () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map((text) => base64Url(new TextEncoder().encode(text))),
    fc.constant(encode({ alg: "ES256" })),
    fc.uint8Array({ maxLength: 40 }).map(base64Url),
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 4 }).map((list) => list.join(".")),
  );
  fc.assert(
    fc.property(text, (value) => {
      try {
        const { claims, algorithm } = parseJsonWebToken(value);
        assert.ok(typeof claims === "object" && !Array.isArray(claims));
        assert.match(algorithm, /^(RS|ES)256$/);
      } catch (error) {
        assert.ok(refused(error), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a token with any bit changed is refused or badly signed", async () => {
  const signer = await tokenSigner("one");
  const key = await keyOf(signer.publicKey);
  const text = await signer.sign(CLAIMS);
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1 + (at % 7);
    let isGood = false;
    try {
      const token = parseJsonWebToken(changed.toString("latin1"));
      isGood = await isSignedBy(token, key);
    } catch (error) {
      assert.ok(refused(error), String(error));
    }
    // The last character carries four bits that mean nothing.
    assert.ok(!isGood || at === bytes.length - 1, `position ${at}`);
  }
});
