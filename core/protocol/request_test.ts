import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError } from "../error.ts";
import type { Oid } from "../git/oid.ts";
import { BASE_UPLOAD_PACK_FEATURES } from "./capabilities.ts";
import { bundleUriResponse, readBundleUriRequest } from "./bundle_uri.ts";
import { readCommandRequest } from "./command_request.ts";
import { readFetchRequest } from "./fetch_request.ts";
import { lsRefsHeadLine, lsRefsResponse, readLsRefsRequest } from "./ls_refs.ts";
import {
  formatObjectFilter,
  parseObjectFilter,
  parseScaledNumber,
  type RequestedFilter,
  resolveFilter,
} from "./object_filter_parser.ts";
import { objectInfoResponse, readObjectInfoRequest } from "./object_info.ts";
import { clientText, notOurRef, protocolError } from "./protocol_error.ts";
import { packetsOf, readerOf, transcriptOf } from "./transcript.ts";
import { readUploadRequest } from "./upload_request.ts";
import { assertRefused } from "./testing/refusal.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const ALL = {
  shallow: true,
  filter: true,
  reachableWants: true,
  refInWant: true,
  sidebandAll: true,
  objectInfo: true,
  bundleUri: true,
  packfileUris: true,
};
const FETCH = { objectFormat: "sha1", features: ALL } as const;
const HEAD = { objectFormat: "sha1", commands: ["ls-refs", "fetch"] } as const;

Deno.test("readCommandRequest() reads command and capabilities and leaves the arguments", async () => {
  const reader = readerOf(String.raw`
    command=ls-refs\n
    agent=git/2.39\n
    object-format=sha1\n
    server-option=a=b\n
    server-option=c\n
    0001
    peel\n
    0000
    0000`);
  const head = await readCommandRequest(reader, HEAD);
  assert.equal(head?.command, "ls-refs");
  assert.equal(head?.capabilities.get("agent"), "git/2.39");
  assert.deepEqual(head?.serverOptions, ["a=b", "c"]);
  assert.equal((await readLsRefsRequest(reader)).peel, true);
  assert.equal(await readCommandRequest(reader, HEAD), undefined);
  assert.equal(await readCommandRequest(reader, HEAD), undefined);
});

Deno.test("readCommandRequest() takes a command without arguments", async () => {
  const reader = readerOf("command=ls-refs\n0000");
  assert.equal((await readCommandRequest(reader, HEAD))?.command, "ls-refs");
  assert.deepEqual((await readLsRefsRequest(reader)).prefixes, []);
});

Deno.test("readCommandRequest() refuses in git's words", async () => {
  const read = (text: string) => readCommandRequest(readerOf(text), HEAD);
  await assertRefused(read("command=push\n0000"), "invalid command 'push'");
  await assertRefused(read("command=object-info\n0000"), "invalid command 'object-info'");
  await assertRefused(read("color=blue\n0000"), "unknown capability 'color=blue'");
  await assertRefused(read("agent=x\n0000"), "no command requested");
  await assertRefused(
    read("command=fetch\ncommand=ls-refs\n0000"),
    "command 'ls-refs' requested after already requesting command 'fetch'",
  );
  await assertRefused(
    read("command=fetch\nobject-format=sha256\n0000"),
    "mismatched object format: server sha1; client sha256",
  );
  await assertRefused(
    read("command=fetch\nobject-format=md5\n0000"),
    "unknown object format 'md5'",
  );
  await assertRefused(read("command=fetch\n0002"), /unexpected response end/);
  await assertRefused(read("command=fetch"), /Expect another pkt-line/, "aborted");
});

Deno.test("ls-refs shows HEAD as asked", () => {
  const request = { peel: false, symrefs: true, unborn: true, prefixes: [] };
  const unborn = { target: "refs/heads/main" };
  const born = { ...unborn, oid: A };
  const show = (head: typeof unborn, change = {}) =>
    lsRefsHeadLine(head, { ...request, ...change });
  assert.equal(show(born), `${A} HEAD symref-target:refs/heads/main\n`);
  assert.equal(show(born, { symrefs: false }), `${A} HEAD\n`);
  assert.equal(show(unborn), "unborn HEAD symref-target:refs/heads/main\n");
  assert.equal(show(unborn, { symrefs: false }), undefined);
  assert.equal(show(unborn, { unborn: false }), undefined);
  assert.equal(show(born, { prefixes: ["refs/"] }), undefined);
  assert.ok(show(born, { prefixes: ["refs/", "HE"] }));
});

Deno.test("lsRefsResponse() lists references, peeled when asked", async () => {
  const references = async function* () {
    yield [{ name: "refs/heads/main", oid: A }, { name: "refs/tags/v", oid: B, peeled: A }];
  };
  const request = { peel: true, symrefs: false, unborn: false, prefixes: ["refs/"] };
  const listing = { head: { target: "refs/heads/main", oid: A }, references: references() };
  let text = "";
  for await (const chunk of lsRefsResponse(listing, request)) text += transcriptOf(chunk);
  assert.equal(text, `${A} refs/heads/main\\n\n${B} refs/tags/v peeled:${A}\\n\n0000`);
});

Deno.test("readLsRefsRequest() drops the prefixes when there are too many", async () => {
  const text = "0015ref-prefix refs/h".repeat(65536) + "0000";
  const request = await readLsRefsRequest(readerOf(new TextEncoder().encode(text)));
  assert.deepEqual(request.prefixes, []);
  await assertRefused(
    readLsRefsRequest(readerOf("frobnicate\n0000")),
    "unexpected line: 'frobnicate'",
  );
  await assertRefused(
    readLsRefsRequest(readerOf("peel\n0001")),
    "expected flush after ls-refs arguments",
  );
});

Deno.test("readFetchRequest() reads every argument", async () => {
  const request = await readFetchRequest(
    readerOf(String.raw`
      want ${A}\n
      want ${A}\n
      want-ref refs/heads/x\n
      have ${B}\n
      thin-pack\n
      ofs-delta\n
      no-progress\n
      include-tag\n
      wait-for-done\n
      sideband-all\n
      shallow ${B}\n
      deepen-since 12345\n
      deepen-not main\n
      filter combine:blob:none+tree:3\n
      done\n
      0000`),
    FETCH,
  );
  assert.deepEqual(request, {
    wants: [A],
    wantRefs: ["refs/heads/x"],
    haves: [B],
    done: true,
    clientShallow: [B],
    depth: { kind: "exclude", sinceS: 12345, not: ["main"] },
    filter: { kind: "combine", filters: [{ kind: "blob:none" }, { kind: "tree", depth: 3 }] },
    thinPack: true,
    ofsDelta: true,
    includeTag: true,
    noProgress: true,
    waitForDone: true,
    sidebandAll: true,
    uriProtocols: [],
  });
  const deepen = await readFetchRequest(readerOf("deepen 3\ndeepen-relative\n0000"), FETCH);
  assert.deepEqual(deepen.depth, { kind: "commits", depth: 3, relative: true });
});

Deno.test("readFetchRequest() refuses in git's words", async () => {
  const read = (text: string) => readFetchRequest(readerOf(text), FETCH);
  await assertRefused(read("want x\n0000"), /expected to get oid, not 'want x'/);
  await assertRefused(read(`want ${A}a\n0000`), /expected to get oid/);
  await assertRefused(read("have x\n0000"), "git upload-pack: expected SHA1 object, got 'x'");
  await assertRefused(read("shallow x\n0000"), "invalid shallow line: shallow x");
  for (const depth of ["0", "-1", "x", "", "1k", "2147483648"]) {
    await assertRefused(read(`deepen ${depth}\\n\n0000`), `Invalid deepen: deepen ${depth}`);
  }
  await assertRefused(read("deepen-since x\n0000"), "Invalid deepen-since: deepen-since x");
  await assertRefused(read("deepen 1\ndeepen-not x\n0000"), /cannot be used together/);
  await assertRefused(read("want-ref a\nwant-ref a\n0000"), "duplicate want-ref a");
  await assertRefused(
    read("filter blob:none\nfilter tree:0\n0000"),
    "multiple filter-specs cannot be combined",
  );
  await assertRefused(read("frob\n0000"), "unexpected line: 'frob'");
  await assertRefused(read(`want ${A}\n0001`), "expected flush after fetch arguments");
  await assertRefused(read(`want ${A}`), /Expect another pkt-line/, "aborted");
});

Deno.test("readFetchRequest() takes nothing that was not advertised", async () => {
  const options = { objectFormat: "sha1", features: BASE_UPLOAD_PACK_FEATURES } as const;
  const lines = [
    "deepen 1",
    "deepen-since 1",
    "deepen-not x",
    "deepen-relative",
    `shallow ${A}`,
    "filter blob:none",
    "sideband-all",
    "want-ref refs/heads/x",
  ];
  for (const line of lines) {
    await assertRefused(
      readFetchRequest(readerOf(`${line}\n0000`), options),
      `unexpected line: '${line}'`,
    );
  }
});

Deno.test("readUploadRequest() reads a v0 request with its capabilities", async () => {
  const upload = await readUploadRequest(
    readerOf(String.raw`
      want ${A} multi_ack_detailed no-done side-band-64k thin-pack include-tag ofs-delta deepen-relative filter agent=git/2\n
      want ${B}\n
      shallow ${B}\n
      deepen 2\n
      filter blob:limit=1k\n
      0000`),
    FETCH,
  );
  assert.ok(upload);
  assert.equal(upload.multiAck, "multi_ack_detailed");
  assert.equal(upload.sideBand, "side-band-64k");
  assert.ok(upload.noDone);
  assert.equal(upload.capabilities.get("agent"), "git/2");
  assert.deepEqual(upload.request.wants, [A, B]);
  assert.deepEqual(upload.request.clientShallow, [B]);
  assert.deepEqual(upload.request.depth, { kind: "commits", depth: 2, relative: true });
  assert.deepEqual(upload.request.filter, { kind: "blob:limit", bytes: 1024 });
  assert.ok(upload.request.thinPack && upload.request.ofsDelta && upload.request.includeTag);
  assert.ok(!upload.request.noProgress);
});

Deno.test("readUploadRequest() knows a client that wants nothing", async () => {
  assert.equal(await readUploadRequest(readerOf("0000"), FETCH), undefined);
  assert.equal(await readUploadRequest(readerOf(""), FETCH), undefined);
});

Deno.test("readUploadRequest() refuses in git's words", async () => {
  const read = (text: string) => readUploadRequest(readerOf(text), FETCH);
  await assertRefused(read("want x\n0000"), /expected to get object ID, not 'want x'/);
  await assertRefused(read(`have ${A}\n0000`), /expected to get object ID/);
  await assertRefused(
    read(`want ${A}\nfilter blob:none\n0000`),
    "git upload-pack: filtering capability not negotiated",
  );
  await assertRefused(read(`want ${A}`), /Expect another pkt-line/, "aborted");
});

Deno.test("parseObjectFilter() reads what git's filters may be", () => {
  const cases: readonly [string, RequestedFilter][] = [
    ["blob:none", { kind: "blob:none" }],
    ["blob:limit=0", { kind: "blob:limit", bytes: 0 }],
    ["blob:limit=2m", { kind: "blob:limit", bytes: 2 * 2 ** 20 }],
    ["blob:limit=0x10", { kind: "blob:limit", bytes: 16 }],
    ["blob:limit=010", { kind: "blob:limit", bytes: 8 }],
    ["blob:limit=99999999999999999999g", { kind: "blob:limit", bytes: Number.MAX_SAFE_INTEGER }],
    ["tree:0", { kind: "tree", depth: 0 }],
    ["object:type=tag", { kind: "object:type", type: "tag" }],
    [`sparse:oid=${A}`, { kind: "sparse:oid", oid: A }],
    ["sparse:oid=main:x", { kind: "sparse:name", name: "main:x" }],
    ["combine:sparse:oid=main:%c3%a9", {
      kind: "combine",
      filters: [{ kind: "sparse:name", name: "main:é" }],
    }],
    ["combine:blob%3Anone", { kind: "combine", filters: [{ kind: "blob:none" }] }],
    ["combine:+tree:1+", { kind: "combine", filters: [{ kind: "tree", depth: 1 }] }],
  ];
  for (const [spec, filter] of cases) assert.deepEqual(parseObjectFilter(spec, "sha1"), filter);
});

Deno.test("parseObjectFilter() refuses in git's words", async () => {
  const cases: readonly [string, string][] = [
    ["", "invalid filter-spec ''"],
    ["blob:limit=x", "invalid filter-spec 'blob:limit=x'"],
    ["blob:limit=-1", "invalid filter-spec 'blob:limit=-1'"],
    ["blob:limit=08", "invalid filter-spec 'blob:limit=08'"],
    ["tree:x", "expected 'tree:<depth>'"],
    ["object:type=blub", "'blub' for 'object:type=<type>' is not a valid object type"],
    ["sparse:path=x", "sparse:path filters support has been dropped"],
    ["combine:", "expected something after combine:"],
    ["combine:blob:none,", "must escape char in sub-filter-spec: ','"],
    ["auto", "'auto' filter not supported by this command"],
  ];
  for (const [spec, text] of cases) {
    await assertRefused(Promise.resolve().then(() => parseObjectFilter(spec, "sha1")), text);
  }
  for (const spec of ["combine:".repeat(5000) + "tree:1", "combine:" + "tree:1+".repeat(300)]) {
    await assertRefused(
      Promise.resolve().then(() => parseObjectFilter(spec, "sha1")),
      /sub-filters/,
      "exhausted",
    );
  }
});

Deno.test("formatObjectFilter() is undone by parseObjectFilter()", () => {
  const { filter } = fc.letrec<{ filter: RequestedFilter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3 },
      fc.constant<RequestedFilter>({ kind: "blob:none" }),
      fc.nat().map((bytes): RequestedFilter => ({ kind: "blob:limit", bytes })),
      fc.nat().map((depth): RequestedFilter => ({ kind: "tree", depth })),
      fc.constant<RequestedFilter>({ kind: "object:type", type: "tree" }),
      fc.constant<RequestedFilter>({ kind: "sparse:oid", oid: B }),
      fc.constant<RequestedFilter>({ kind: "sparse:name", name: "main:a+b%/é" }),
      fc.array(tie("filter"), { minLength: 1, maxLength: 3 })
        .map((filters): RequestedFilter => ({ kind: "combine", filters })),
    ),
  }));
  fc.assert(fc.property(filter, (each) => {
    assert.deepEqual(parseObjectFilter(formatObjectFilter(each), "sha1"), each);
  }));
});

Deno.test("resolveFilter() puts ids in place of names, at any depth", async () => {
  const find = (name: string) => Promise.resolve(name === "main:x" ? B : undefined);
  const named = parseObjectFilter("combine:sparse:oid=main:x+combine:sparse:oid=main:x", "sha1");
  const sparse = { kind: "sparse:oid", oid: B } as const;
  assert.deepEqual(await resolveFilter(named, find), {
    kind: "combine",
    filters: [sparse, { kind: "combine", filters: [sparse] }],
  });
  await assertRefused(
    resolveFilter(parseObjectFilter("sparse:oid=main:y", "sha1"), find),
    "unable to access sparse blob in 'main:y'",
  );
});

Deno.test("bundle-uri takes no arguments and lists what is offered", async () => {
  await readBundleUriRequest(readerOf("0000"));
  await assertRefused(
    readBundleUriRequest(readerOf("now\n0000")),
    "bundle-uri: unexpected argument: 'now'",
  );
  await assertRefused(readBundleUriRequest(readerOf("0001")), /expected flush after bundle-uri/);
  const uri = "https://example.com/a.bundle";
  assert.equal(
    transcriptOf(bundleUriResponse([{ id: "a", uri, filter: "blob:none" }])),
    `bundle.version=1\nbundle.mode=all\nbundle.a.uri=${uri}\nbundle.a.filter=blob:none\n0000`,
  );
  const ordered = [{ id: "a", uri, creationToken: 0 }, { id: "b", uri, creationToken: 5 }];
  assert.match(transcriptOf(bundleUriResponse(ordered)), /^bundle.heuristic=creationToken$/m);
  assert.match(transcriptOf(bundleUriResponse(ordered)), /^bundle.b.creationtoken=5$/m);
  assert.doesNotMatch(
    transcriptOf(bundleUriResponse([ordered[0]!, { id: "c", uri }])),
    /heuristic/,
  );
  assert.doesNotMatch(transcriptOf(bundleUriResponse([])), /heuristic/);
});

Deno.test("readFetchRequest() takes packfile-uris once, where they were offered", async () => {
  const read = (text: string, features = ALL) =>
    readFetchRequest(readerOf(text), { objectFormat: "sha1", features });
  const request = await read(`want ${A}\npackfile-uris https,http\n0000`);
  assert.deepEqual(request.uriProtocols, ["https", "http"]);
  assert.deepEqual((await read(`want ${A}\n0000`)).uriProtocols, []);
  await assertRefused(
    read("packfile-uris http\npackfile-uris http\n0000"),
    "multiple packfile-uris lines forbidden",
  );
  await assertRefused(
    read("packfile-uris http\n0000", { ...ALL, packfileUris: false }),
    "unexpected line: 'packfile-uris http'",
  );
});

Deno.test("parseScaledNumber() refuses what is no number", () => {
  for (const bad of ["", " ", "k", "1kk", "1.5", "0x", "1e3"]) {
    assert.equal(parseScaledNumber(bad), undefined, bad);
  }
});

Deno.test("object-info asks for sizes and leaves out what is not served", async () => {
  const request = await readObjectInfoRequest(readerOf(`size\noid ${A}\noid ${B}\n0000`), "sha1");
  assert.equal(
    transcriptOf(objectInfoResponse(request, new Map([[A, 7]]))),
    `size\n${A} 7\n${B} \n0000`,
  );
  await assertRefused(readObjectInfoRequest(readerOf("oid x\n0000"), "sha1"), /unexpected line/);
});

Deno.test("clientText() tells a client no more than it may know", () => {
  assert.equal(clientText(notOurRef(A)), `upload-pack: not our ref ${A}`);
  assert.equal(clientText(protocolError("no")), "no");
  assert.equal(clientText(new TypeError("secret")), "internal server error");
});

Deno.test("request readers answer random packets with a result or an error of their own", async () => {
  const line = fc.oneof(
    fc.constantFrom(
      "0000",
      "0001",
      "0002",
      "command=fetch",
      `want ${A} side-band`,
      `have ${B}`,
      "done",
      "deepen 3",
      `shallow ${A}`,
      "filter tree:1",
      "agent=x",
      "ref-prefix refs/",
      "peel",
      "want-ref x",
      "combine:",
      "filter combine:x",
      "deepen-not y",
    ),
    fc.string({ maxLength: 20 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
      const packets = packetsOf(lines.join("\n"));
      const reads = [
        () => readCommandRequest(readerOf(packets), HEAD),
        () => readFetchRequest(readerOf(packets), FETCH),
        () => readLsRefsRequest(readerOf(packets)),
        () => readUploadRequest(readerOf(packets), FETCH),
        () => readObjectInfoRequest(readerOf(packets), "sha1"),
      ];
      for (const read of reads) {
        await read().catch((error) => assert.ok(error instanceof GitStratumError, String(error)));
      }
    }),
    { numRuns: 300 },
  );
});
