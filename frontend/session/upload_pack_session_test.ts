import assert from "node:assert/strict";
import { GitStratumError, ManualClock } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import {
  BASE_UPLOAD_PACK_FEATURES,
  parseSideBand,
  type PktLine,
  PktLineBuffer,
  PktLineReader,
  type ProtocolVersion,
} from "@gitstratum/core/protocol";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type ExtentStore,
  type Metadata,
  type NegotiateRequest,
  type PlanRequest,
  type Reference,
  type RepositoryInfo,
  type RepositorySettings,
} from "@gitstratum/core/rpc";
import { BundleOffers } from "./bundle_offers.ts";
import { KEEP_ALIVE_MS } from "./live_task.ts";
import { UploadPackSession } from "./upload_pack_session.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const C = "c".repeat(40) as Oid;
const ENTRIES = new TextEncoder().encode("the entries");
const repository = {
  name: "me/thing",
  objectFormat: "sha1",
  head: "refs/heads/main",
  settings: DEFAULT_REPOSITORY_SETTINGS,
} as RepositoryInfo;

const BUNDLES = [{ id: "one", uri: "https://example.com/one" }];
const PACKFILES = { oid: B, packs: [{ hash: C, uri: "https://example.com/p" }] };

/** A repository with two references whose packs are one literal. */
class FakeMetadata {
  planned: PlanRequest[] = [];
  planFailure: Error | undefined;
  /** What the making of a pack waits for. */
  planGate: Promise<void> = Promise.resolve();

  listReferences(_: unknown, query: { prefixes: readonly string[] }) {
    const all: Reference[] = [
      { name: "refs/heads/main", oid: A },
      { name: "refs/tags/v1", oid: B, peeled: A },
    ];
    const shown = all.filter(({ name }) =>
      query.prefixes.length === 0 || query.prefixes.some((prefix) => name.startsWith(prefix))
    );
    return Promise.resolve({
      head: { target: "refs/heads/main", oid: A },
      references: (async function* () {
        yield await Promise.resolve(shown);
      })(),
    });
  }

  /** Everything but C is common, and B makes it ready. */
  negotiate(_: unknown, request: NegotiateRequest) {
    const common = request.haves.filter((oid) => oid !== C);
    const refused = request.wants.filter((oid) => oid === C);
    return Promise.resolve({ refused, common, ready: common.includes(B) });
  }

  async plan(_: unknown, request: PlanRequest) {
    this.planned.push(request);
    await this.planGate;
    if (this.planFailure !== undefined) throw this.planFailure;
    return {
      header: { objectFormat: "sha1", objectCount: 1, shallow: [], unshallow: [], packs: [] },
      steps: (async function* () {
        yield await Promise.resolve([{ kind: "literal" as const, bytes: ENTRIES }]);
      })(),
    };
  }
}

function session(
  version: ProtocolVersion,
  metadata = new FakeMetadata(),
  stateless = true,
  settings: Partial<RepositorySettings> = {},
  clock = new ManualClock(),
) {
  const options = {
    metadata: metadata as unknown as Metadata,
    extents: {} as ExtentStore,
    rebuild: () => (async function* () {})(),
    clock,
    agent: "gitstratum/test",
    features: BASE_UPLOAD_PACK_FEATURES,
    bundles: new BundleOffers({ metadata: metadata as unknown as Metadata, clock }),
    rebuilder: { inflate: () => Promise.reject(new Error("No tree is read here")) },
  };
  const { signal } = new AbortController();
  const set = { ...repository, settings: { ...repository.settings, ...settings } };
  return new UploadPackSession(options, set, { version, stateless, signal });
}

/** A readable line for each packet: text, or what is special about it. */
function shown(packet: PktLine): string {
  if (packet.kind !== "data") return packet.kind;
  const { payload } = packet;
  if (payload[0]! > 3) return new TextDecoder().decode(payload).replace(/\n$/, "");
  const { band, content } = parseSideBand(payload);
  const text = new TextDecoder("latin1").decode(content);
  return `${band}: ${text.startsWith("PACK") ? "PACK…" : text.replace(/\n$/, "")}`;
}

async function transcript(packets: AsyncGenerator<Uint8Array>): Promise<string[]> {
  const lines: string[] = [];
  const reader = new PktLineReader(ReadableStream.from(packets));
  for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) {
    lines.push(shown(packet));
  }
  return lines;
}

/** Packets of the given lines; "flush" and "delim" are themselves. */
function request(...lines: string[]): ReadableStream<Uint8Array> {
  const buffer = new PktLineBuffer();
  for (const line of lines) {
    if (line === "flush") buffer.flush();
    else if (line === "delim") buffer.delim();
    else buffer.text(`${line}\n`);
  }
  return ReadableStream.from([buffer.take()]);
}

const PACK_LINES = [
  "2: Enumerating objects: 1, done.",
  "1: PACK…",
  "2: Total 1 objects in 43 bytes",
  "flush",
];

Deno.test("UploadPackSession.advertise() lists references in version 0 and 1", async () => {
  const lines = await transcript(session(0).advertise());
  assert.match(lines[0]!, /^a{40} HEAD\0.*symref=HEAD:refs\/heads\/main/);
  assert.deepEqual(lines.slice(1), [
    `${A} refs/heads/main`,
    `${B} refs/tags/v1`,
    `${A} refs/tags/v1^{}`,
    "flush",
  ]);
  assert.equal((await transcript(session(1).advertise()))[0], "version 1");
});

Deno.test("UploadPackSession.advertise() lists capabilities in version 2", async () => {
  const lines = await transcript(session(2).advertise());
  assert.equal(lines[0], "version 2");
  assert.ok(lines.includes("agent=gitstratum/test"));
  assert.equal(lines.at(-1), "flush");
});

Deno.test("UploadPackSession offers what the settings offer, and nothing else", async () => {
  const shown = async (settings: Partial<RepositorySettings>, stateless = true) => {
    const lines = await transcript(session(2, new FakeMetadata(), stateless, settings).advertise());
    const fetch = lines.find((line) => line.startsWith("fetch="))!;
    return [lines.includes("bundle-uri"), fetch.includes("packfile-uris")];
  };
  assert.deepEqual(await shown({}), [false, false]);
  assert.deepEqual(await shown({ offerBundle: true }), [true, false]);
  assert.deepEqual(
    await shown({ offerBundle: true }, false),
    [false, false],
    "no relative address",
  );
  assert.deepEqual(await shown({ bundleUris: BUNDLES }, false), [true, false]);
  assert.deepEqual(await shown({ packfileUris: [PACKFILES] }), [false, true]);
  const ask = async (settings: Partial<RepositorySettings>) =>
    await transcript(
      session(2, new FakeMetadata(), true, settings).respond(
        request("command=bundle-uri", "flush"),
      ),
    );
  assert.deepEqual(await ask({}), ["ERR invalid command 'bundle-uri'"]);
  assert.deepEqual(await ask({ bundleUris: BUNDLES }), [
    "bundle.version=1",
    "bundle.mode=all",
    "bundle.one.uri=https://example.com/one",
    "flush",
  ]);
  assert.ok(
    (await ask({ offerBundle: true })).includes(`bundle.default.uri=bundles/${A}.bundle`),
  );
});

Deno.test("UploadPackSession.respond() points a clone at packs that the client can fetch", async () => {
  const clone = async (...lines: string[]) => {
    const metadata = new FakeMetadata();
    const body = request("command=fetch", "delim", ...lines, "done", "flush");
    const settings = { packfileUris: [PACKFILES] };
    const told = await transcript(session(2, metadata, true, settings).respond(body));
    return { told, planned: metadata.planned[0]! };
  };
  const used = await clone("thin-pack", "packfile-uris https,http", `want ${A}`);
  assert.deepEqual(used.told, [
    "packfile-uris",
    `${C} https://example.com/p`,
    "delim",
    "packfile",
    ...PACK_LINES,
  ]);
  assert.deepEqual(used.planned.haves, [B], "the rest is planned as if the client had it");
  assert.equal(used.planned.thinPack, false, "the rest is indexed before its bases are there");
  const unused: readonly (readonly string[])[] = [
    [`want ${A}`],
    ["packfile-uris http", `want ${A}`],
    ["packfile-uris https", `want ${B}`],
    ["packfile-uris https", `want ${A}`, `have ${A}`],
  ];
  for (const lines of unused) {
    const { told, planned } = await clone(...lines);
    assert.ok(!told.includes("packfile-uris"), lines.join());
    assert.ok(!planned.haves.includes(B));
  }
});

Deno.test("UploadPackSession.respond() answers ls-refs", async () => {
  const body = request(
    "command=ls-refs",
    "object-format=sha1",
    "delim",
    "peel",
    "symrefs",
    "ref-prefix refs/tags/",
    "ref-prefix HEAD",
    "flush",
  );
  assert.deepEqual(await transcript(session(2).respond(body)), [
    `${A} HEAD symref-target:refs/heads/main`,
    `${B} refs/tags/v1 peeled:${A}`,
    "flush",
  ]);
});

Deno.test("UploadPackSession.respond() sends a clone in version 2", async () => {
  const metadata = new FakeMetadata();
  const body = request("command=fetch", "delim", "thin-pack", `want ${A}`, "done", "flush");
  const lines = await transcript(session(2, metadata).respond(body));
  assert.deepEqual(lines, ["packfile", ...PACK_LINES]);
  assert.deepEqual(metadata.planned, [{
    wants: [A],
    haves: [],
    clientShallow: [],
    thinPack: true,
    ofsDelta: false,
    includeTag: false,
  }]);
});

Deno.test("UploadPackSession.respond() negotiates in version 2", async () => {
  const asking = request("command=fetch", "delim", `want ${A}`, `have ${A}`, `have ${C}`, "flush");
  assert.deepEqual(await transcript(session(2).respond(asking)), [
    "acknowledgments",
    `ACK ${A}`,
    "flush",
  ]);
  const enough = request("command=fetch", "delim", `want ${A}`, `have ${B}`, "flush");
  assert.deepEqual(await transcript(session(2).respond(enough)), [
    "acknowledgments",
    `ACK ${B}`,
    "ready",
    "delim",
    "packfile",
    ...PACK_LINES,
  ]);
});

Deno.test("UploadPackSession.respond() serves one command after the other when stateful", async () => {
  const ls = ["command=ls-refs", "delim", "ref-prefix refs/heads/", "flush"];
  const lines = await transcript(
    session(2, undefined, false).respond(request(...ls, ...ls, "flush")),
  );
  assert.deepEqual(lines, [`${A} refs/heads/main`, "flush", `${A} refs/heads/main`, "flush"]);
});

Deno.test("UploadPackSession.respond() sends a clone in version 0", async () => {
  const body = request(`want ${A} side-band-64k ofs-delta multi_ack_detailed`, "flush", "done");
  assert.deepEqual(await transcript(session(0).respond(body)), ["NAK", ...PACK_LINES]);
});

Deno.test("UploadPackSession.respond() sends the bare pack to clients without side band", async () => {
  const body = request(`want ${A}`, "flush", "done");
  const chunks = await Array.fromAsync(session(0).respond(body));
  const text = new TextDecoder("latin1").decode(
    new Uint8Array(chunks.flatMap((chunk) => [...chunk])),
  );
  assert.match(text, /^0008NAK\nPACK.*the entries.{20}$/s);
});

Deno.test("UploadPackSession.respond() negotiates in version 0, stateless and stateful", async () => {
  const first = [`want ${A} side-band-64k multi_ack_detailed no-done`, "flush"];
  const round = [`have ${A}`, `have ${C}`, "flush"];
  const stateless = await transcript(session(0).respond(request(...first, ...round)));
  assert.deepEqual(stateless, [`ACK ${A} common`, "NAK"]);
  const stateful = session(0, undefined, false);
  const lines = await transcript(stateful.respond(request(...first, ...round, "done")));
  assert.deepEqual(lines, [`ACK ${A} common`, "NAK", `ACK ${A}`, ...PACK_LINES]);
});

Deno.test("UploadPackSession.respond() tells the client what it did wrong", async () => {
  const refused = request("command=fetch", "delim", `want ${C}`, `have ${A}`, "flush");
  assert.deepEqual(await transcript(session(2).respond(refused)), [
    `ERR upload-pack: not our ref ${C}`,
  ]);
  const unknown = request("command=frobnicate", "flush");
  assert.deepEqual(await transcript(session(2).respond(unknown)), [
    "ERR invalid command 'frobnicate'",
  ]);
});

Deno.test("UploadPackSession.respond() refuses a want before the pack's section", async () => {
  const metadata = new FakeMetadata();
  metadata.planFailure = new GitStratumError("denied", "Refuse a want that nothing reaches", {
    data: { oid: C },
  });
  const body = request("command=fetch", "delim", `want ${A}`, "done", "flush");
  assert.deepEqual(await transcript(session(2, metadata).respond(body)), [
    `ERR upload-pack: not our ref ${C}`,
  ]);
});

Deno.test("UploadPackSession.respond() throws what the server could not do", async () => {
  const metadata = new FakeMetadata();
  metadata.planFailure = new GitStratumError("unavailable", "Reach a service");
  const body = request(`want ${A} side-band-64k`, "flush", "done");
  const packets = session(0, metadata).respond(body);
  await assert.rejects(transcript(packets), { code: "unavailable" });
});

Deno.test("UploadPackSession.respond() keeps the connection alive while a pack is made", async () => {
  assert.ok(KEEP_ALIVE_MS <= 5000, "proxies cut a line that is silent for longer");
  const v0 = request(`want ${A} side-band-64k`, "flush", "done");
  const v2 = request("command=fetch", "delim", `want ${A}`, "done", "flush");
  for (
    const [version, stateless, [body, head]] of [
      [0, true, [v0, "NAK"]],
      [2, false, [v2, "packfile"]],
    ] as const
  ) {
    const gate = Promise.withResolvers<void>();
    const metadata = new FakeMetadata();
    metadata.planGate = gate.promise;
    const clock = new ManualClock();
    const packets = session(version, metadata, stateless, {}, clock).respond(body);
    const next = async () => {
      const result = packets.next();
      // Whatever comes before the session waits takes no time.
      await clock.advance(0);
      await clock.advance(KEEP_ALIVE_MS);
      return (await transcript((async function* () {
        const { done, value } = await result;
        assert.ok(done !== true, "Somebody waits");
        yield value;
      })())).join();
    };
    assert.equal(await next(), head);
    for (let silence = 0; silence < 3; silence++) assert.equal(await next(), "1: ");
    gate.resolve();
    assert.deepEqual((await transcript(packets)).filter((line) => line !== "1: "), PACK_LINES);
  }
});
