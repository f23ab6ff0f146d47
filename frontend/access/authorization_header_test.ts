import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { AUTHORIZATION_BYTES_MAX, systemRandom } from "@gitstratum/core";
import { newAccessToken } from "@gitstratum/core/access";
import { readAuthorization } from "./authorization_header.ts";

const TOKEN = newAccessToken(systemRandom);
const basic = (text: string) => `Basic ${new TextEncoder().encode(text).toBase64()}`;

Deno.test("readAuthorization() finds a token in each of the usual places", () => {
  const token = { kind: "token", token: TOKEN } as const;
  const cases: [string, ReturnType<typeof readAuthorization>][] = [
    [`Bearer ${TOKEN}`, token],
    [`bearer  ${TOKEN} `, token],
    [basic(`alice:${TOKEN}`), { ...token, user: "alice" }],
    [basic(`x-access-token:${TOKEN}`), token],
    [basic(`:${TOKEN}`), token],
    [basic(`${TOKEN}:`), token],
    [basic(`${TOKEN}:x-oauth-basic`), token],
  ];
  for (const [header, expected] of cases) deepEqual(readAuthorization(header), expected, header);
});

Deno.test("readAuthorization() tells nothing from nonsense", () => {
  deepEqual(readAuthorization(null), { kind: "none" });
  const nonsense = [
    "",
    "Basic",
    "Basic !!!",
    `Digest ${TOKEN}`,
    `Basic ${TOKEN}`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer ${TOKEN.slice(0, -1)}${TOKEN.endsWith("0") ? "1" : "0"}`,
    `Bearer ${TOKEN}\r\nX-Evil: 1`,
    `Bearer ${TOKEN} ${TOKEN}`,
    basic("alice"),
    basic("alice:secret"),
    basic(`alice:${TOKEN} `),
    "Basic /w==",
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
    basic(`${"a".repeat(AUTHORIZATION_BYTES_MAX)}:${TOKEN}`),
  ];
  for (const header of nonsense) equal(readAuthorization(header).kind, "malformed", header);
});

Deno.test("readAuthorization() answers whatever it is given", () => {
  const kinds = new Set(["malformed", "token"]);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string().map(basic)), (header) => {
      equal(kinds.has(readAuthorization(header).kind), true);
    }),
    { numRuns: 500 },
  );
});
