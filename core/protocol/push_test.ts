import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError } from "../error.ts";
import type { Oid } from "../git/oid.ts";
import { pushReport } from "./push_report.ts";
import { readPushCommands } from "./push_request.ts";
import { packetsOf, readerOf, transcriptOf } from "./transcript.ts";
import { assertRefused } from "./testing/refusal.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const ZERO = "0".repeat(40) as Oid;
const LONG = "c".repeat(64) as Oid;
const FEATURES = { pushOptions: true, pushCertNonce: "nonce-1" };
const SHA1 = { objectFormat: "sha1", features: FEATURES } as const;

Deno.test("readPushCommands() reads commands, options and leaves the pack", async () => {
  const head = packetsOf(String.raw`
    shallow ${B}\n
    ${ZERO} ${A} refs/heads/main\0 report-status-v2 side-band-64k atomic quiet push-options object-format=sha1 agent=git/2\n
    ${A} ${B} refs/heads/with space\n
    ${B} ${ZERO} refs/heads/old
    0000
    ci.skip\n
    a=b\n
    0000`);
  const reader = readerOf(Uint8Array.from([...head, ...new TextEncoder().encode("PACK...")]));
  const push = await readPushCommands(reader, SHA1);
  assert.deepEqual(push.commands, [
    { name: "refs/heads/main", oldOid: ZERO, newOid: A },
    { name: "refs/heads/with space", oldOid: A, newOid: B },
    { name: "refs/heads/old", oldOid: B, newOid: ZERO },
  ]);
  assert.deepEqual(push.clientShallow, [B]);
  assert.equal(push.report, "report-status-v2");
  assert.equal(push.sideBand, "side-band-64k");
  assert.ok(push.atomic && push.quiet && push.hasPack);
  assert.deepEqual(push.pushOptions, ["ci.skip", "a=b"]);
  assert.equal(push.capabilities.get("agent"), "git/2");
  assert.equal(
    await new Response(reader.rest() as ReadableStream<Uint8Array<ArrayBuffer>>).text(),
    "PACK...",
  );
});

Deno.test("readPushCommands() knows that deletes bring no pack and a knock no commands", async () => {
  const deletes = await readPushCommands(readerOf(`${A} ${ZERO} refs/heads/x\\0\n0000`), SHA1);
  assert.equal(deletes.hasPack, false);
  assert.equal(deletes.report, "none");
  const knock = await readPushCommands(readerOf("0000"), SHA1);
  assert.deepEqual(knock.commands, []);
});

Deno.test("readPushCommands() lets the push choose the format of a new repository", async () => {
  const text = String.raw`${LONG} ${LONG} refs/heads/x\0object-format=sha256` + "\n0000";
  const push = await readPushCommands(readerOf(text), { features: FEATURES });
  assert.equal(push.objectFormat, "sha256");
  await assertRefused(
    readPushCommands(readerOf(text), SHA1),
    "error: unsupported object format 'sha256'",
  );
  await assertRefused(
    readPushCommands(readerOf(`${A} ${B} refs/heads/x\\0\n0000`), {
      objectFormat: "sha256",
      features: FEATURES,
    }),
    "error: unsupported object format 'sha1'",
  );
});

const CERTIFICATE = `certificate version 0.1
pusher A <a@b> 1 +0000
pushee http://x/y
nonce nonce-1

${A} ${B} refs/heads/main
${ZERO} ${A} refs/heads/new
-----BEGIN PGP SIGNATURE-----

abc
-----END PGP SIGNATURE-----
`;

Deno.test("readPushCommands() takes the commands out of a certificate and keeps it", async () => {
  const lines = CERTIFICATE.slice(0, -1).split("\n").map((line) => `${line}\\n`).join("\n");
  const text = `push-cert\\0report-status push-options\n${lines}\npush-cert-end\\n\n0000\nx\n0000`;
  const push = await readPushCommands(readerOf(text), SHA1);
  assert.equal(push.certificate, CERTIFICATE);
  assert.deepEqual(push.commands.map(({ name }) => name), ["refs/heads/main", "refs/heads/new"]);
  assert.deepEqual(push.pushOptions, ["x"]);
  await assertRefused(
    readPushCommands(readerOf(text), { objectFormat: "sha1", features: { pushOptions: false } }),
    /certificates are not accepted/,
  );
  await assertRefused(
    readPushCommands(readerOf(`${A} ${B} refs/heads/x\\0\n${text}`), SHA1),
    "protocol error: got both push certificate and unsigned commands",
  );
  await assertRefused(
    readPushCommands(readerOf("push-cert\\0x\nno body\\n\npush-cert-end\\n\n0000"), SHA1),
    /^malformed push certificate/,
  );
});

Deno.test("readPushCommands() refuses in git's words", async () => {
  const read = (text: string) => readPushCommands(readerOf(text), SHA1);
  for (
    const bad of [
      "",
      "x",
      `${A} ${B}`,
      `${A} ${B}refs/heads/x`,
      `${A}  refs/heads/x`,
      `${A} ${LONG} r`,
    ]
  ) {
    await assertRefused(
      read(`${bad}\\n\n0000`),
      `protocol error: expected old/new/ref, got '${bad}'`,
    );
  }
  await assertRefused(read("shallow x\n0000"), "protocol error: expected shallow sha, got 'x'");
  await assertRefused(read(`${A} ${B} refs/heads/x\n0001`), /unexpected packet/);
  await assertRefused(read(`${A} ${B} refs/heads/x\n`), /Expect another pkt-line/, "aborted");
});

Deno.test("readPushCommands() answers random packets with a push or an error of its own", async () => {
  const line = fc.oneof(
    fc.constantFrom(
      "0000",
      "0001",
      `${A} ${B} refs/heads/x\\0report-status`,
      `${A} ${ZERO} x`,
      "push-cert\\0push-options",
      "push-cert-end\\n",
      `shallow ${A}`,
      "\\n",
      "-----BEGIN PGP SIGNATURE-----\\n",
    ),
    fc.string({ maxLength: 30 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
      await readPushCommands(readerOf(lines.join("\n")), SHA1)
        .catch((error) => assert.ok(error instanceof GitStratumError, String(error)));
    }),
    { numRuns: 300 },
  );
});

const RESULTS = [
  { name: "refs/heads/a" },
  { name: "refs/heads/b", rejected: "non-fast-forward" },
  { name: "refs/heads/c", rejected: "two\nlines\u0007" },
];

Deno.test("pushReport() says what became of each command", () => {
  const lines = String.raw`ok refs/heads/a\n
ng refs/heads/b non-fast-forward\n
ng refs/heads/c two lines\n
0000`;
  for (const report of ["report-status", "report-status-v2"] as const) {
    assert.equal(
      transcriptOf(pushReport({ report }, { results: RESULTS })),
      "unpack ok\\n\n" + lines,
    );
  }
  assert.equal(
    transcriptOf(
      pushReport({ report: "report-status" }, {
        unpackError: "index-pack\nfailed",
        results: RESULTS.slice(0, 1),
      }),
    ),
    "unpack index-pack failed\\n\nok refs/heads/a\\n\n0000",
  );
});

Deno.test("pushReport() frames the report in the side band and closes it", () => {
  const framed = pushReport(
    { report: "report-status", sideBand: "side-band-64k" },
    { results: RESULTS.slice(0, 1) },
  );
  assert.equal(
    new TextDecoder().decode(framed),
    "002b\x01" + "000eunpack ok\n" + "0014ok refs/heads/a\n" + "0000" + "0000",
  );
  assert.equal(
    transcriptOf(pushReport({ report: "none", sideBand: "side-band-64k" }, { results: RESULTS })),
    "0000",
  );
  assert.equal(pushReport({ report: "none" }, { results: RESULTS }).length, 0);
});

Deno.test("pushReport() never makes a line too long", () => {
  const results = [{ name: "refs/heads/x", rejected: "ü".repeat(100_000) }];
  const text = transcriptOf(pushReport({ report: "report-status" }, { results }));
  assert.match(text, /^unpack ok\\n\nng refs\/heads\/x ü+\\n\n0000$/);
});
