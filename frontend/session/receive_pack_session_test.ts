import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { GitStratumError, ManualClock, systemRandom } from "@gitstratum/core";
import { type Oid, zeroOid } from "@gitstratum/core/git";
import {
  flushPkt,
  parseSideBand,
  pktLine,
  PktLineBuffer,
  PktLineReader,
} from "@gitstratum/core/protocol";
import {
  type CreateRepositoryRequest,
  DEFAULT_REPOSITORY_SETTINGS,
  type Metadata,
  type PackGroup,
  parseRepositoryName,
  type PushRequest,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import { AccessGate } from "../access/access_gate.ts";
import { CommitSignatures } from "../access/commit_signatures.ts";
import type { ObjectRebuilder } from "../pack_assembly/object_rebuilder.ts";
import { unguardedAsker } from "../access/asker.ts";
import type { PushPolicy, PushQuestion } from "../events/push_policy.ts";
import type { IngestRequest } from "./ingest_pack.ts";
import { ReceivePackSession } from "./receive_pack_session.ts";
import { type PushTarget, RepositoryAccess, suggestedDefaultBranch } from "./repository_access.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const ZERO = zeroOid("sha1");
const GROUP = { groupId: "g" } as unknown as PackGroup;

function info(request: CreateRepositoryRequest): RepositoryInfo {
  return {
    name: request.name,
    objectFormat: request.objectFormat,
    head: `refs/heads/${request.defaultBranch}`,
    settings: DEFAULT_REPOSITORY_SETTINGS,
  } as RepositoryInfo;
}

/** Takes every push; remembers what it was asked. */
class FakeMetadata {
  readonly created: CreateRepositoryRequest[] = [];
  readonly pushes: PushRequest[] = [];
  readonly failures: Error[] = [];

  createRepository(request: CreateRepositoryRequest) {
    this.created.push(request);
    return Promise.resolve(info(request));
  }

  openReferenceLines() {
    const line = pktLine(`${A} refs/heads/main\n`);
    return Promise.resolve(ReadableStream.from([line, flushPkt()]));
  }

  push(_: unknown, request: PushRequest) {
    this.pushes.push(request);
    const failure = this.failures.shift();
    if (failure !== undefined) return Promise.reject(failure);
    return Promise.resolve({
      results: request.commands.map(({ name }) =>
        name.endsWith("locked") ? { name, rejected: "fetch first" } : { name }
      ),
    });
  }
}

const EXISTING: PushTarget = {
  kind: "existing",
  repository: info({
    name: parseRepositoryName("me/thing"),
    objectFormat: "sha1",
    defaultBranch: "main",
  }),
};

function setUp(target: PushTarget = EXISTING, stateless = true, policy?: PushPolicy) {
  const metadata = new FakeMetadata();
  const clock = new ManualClock(1000);
  const ingested: string[] = [];
  const state: { failure?: Error } = {};
  const asMetadata = metadata as unknown as Metadata;
  const ingest = async (request: IngestRequest) => {
    request.progress("Unpacking\n");
    if (state.failure !== undefined) throw state.failure;
    ingested.push(await new Response(request.pack as BodyInit).text());
    return { group: GROUP, warnings: [] };
  };
  const gate = new AccessGate({ clock });
  const session = new ReceivePackSession(
    {
      signatures: new CommitSignatures({ gate, rebuilder: {} as ObjectRebuilder, clock }),
      access: new RepositoryAccess({
        metadata: asMetadata,
        gate,
        clock,
        autoCreate: true,
        readOnly: false,
      }),
      metadata: asMetadata,
      ingest,
      clock,
      random: systemRandom,
      agent: "gitstratum/test",
      features: { pushOptions: true },
      ...(policy && { policy }),
    },
    target,
    {
      transport: "http",
      asker: unguardedAsker(),
      remoteAddress: "192.0.2.1",
      signal: new AbortController().signal,
      version: 0,
      stateless,
    },
  );
  return { session, metadata, clock, ingested, state };
}

function push(commands: readonly string[], capabilities: string, pack = "PACK") {
  const buffer = new PktLineBuffer();
  commands.forEach((command, index) =>
    buffer.text(index === 0 ? `${command}\0 ${capabilities}` : command)
  );
  const pushed = buffer.flush().take();
  return ReadableStream.from([pushed, new TextEncoder().encode(pack)]);
}

/** What arrives on each band, and the failure that broke the stream. */
async function bands(packets: AsyncGenerator<Uint8Array>) {
  const texts = ["", "", "", ""];
  let failure: unknown;
  const guarded = (async function* () {
    try {
      yield* packets;
    } catch (error) {
      failure = error;
    }
  })();
  const reader = new PktLineReader(ReadableStream.from(guarded));
  for (let packet = await reader.read(); packet !== undefined; packet = await reader.read()) {
    if (packet.kind !== "data") continue;
    const { band, content } = parseSideBand(packet.payload);
    texts[band] += new TextDecoder().decode(content);
  }
  return { report: reportLines(texts[1]!), progress: texts[2]!, fatal: texts[3]!, failure };
}

function reportLines(packets: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at < packets.length;) {
    const length = parseInt(packets.slice(at, at + 4), 16);
    if (length > 4) lines.push(packets.slice(at + 4, at + length).trimEnd());
    at += Math.max(4, length);
  }
  return lines;
}

const CAPABILITIES = "report-status side-band-64k agent=git/9.9 object-format=sha1";

Deno.test("ReceivePackSession.respond() ingests, commits and reports", async () => {
  const { session, metadata, ingested } = setUp();
  const body = push(
    [`${A} ${B} refs/heads/main`, `${ZERO} ${B} refs/heads/locked`],
    `${CAPABILITIES} atomic`,
    "the pack",
  );
  const { report, progress, failure } = await bands(session.respond(body));
  assert.equal(failure, undefined);
  assert.deepEqual(report, [
    "unpack ok",
    "ok refs/heads/main",
    "ng refs/heads/locked fetch first",
  ]);
  assert.equal(progress, "Unpacking\n");
  assert.deepEqual(ingested, ["the pack"]);
  const [request] = metadata.pushes;
  assert.equal(request!.atomic, true);
  assert.equal(request!.group, GROUP);
  assert.deepEqual(request!.provenance, {
    transport: "http",
    remoteAddress: "192.0.2.1",
    agent: "git/9.9",
    atMs: 1000,
  });
});

Deno.test("ReceivePackSession.respond() commits nothing that the policy refuses", async () => {
  const asked: PushQuestion[] = [];
  const policy: PushPolicy = {
    ask(question) {
      asked.push(question);
      const isMain = question.commands[0]!.name === "refs/heads/main";
      return Promise.resolve(
        isMain ? { allowed: false, lines: ["Not here:", "see the handbook"] } : { allowed: true },
      );
    },
  };
  const { session, metadata, ingested } = setUp(EXISTING, true, policy);
  const refused = push([`${A} ${B} refs/heads/main`, `${ZERO} ${B} refs/heads/x`], CAPABILITIES);
  const { report, progress } = await bands(session.respond(refused));
  assert.deepEqual(report, [
    "unpack ok",
    "ng refs/heads/main pre-receive hook declined",
    "ng refs/heads/x pre-receive hook declined",
  ]);
  assert.equal(progress, "Unpacking\nNot here:\nsee the handbook\n");
  assert.equal(ingested.length, 1);
  assert.equal(metadata.pushes.length, 0);
  const [{ repository, transport, remoteAddress, commands }] = asked as [PushQuestion];
  assert.equal(repository.name, "me/thing");
  assert.deepEqual([transport, remoteAddress, commands.length], ["http", "192.0.2.1", 2]);

  const allowed = push([`${ZERO} ${B} refs/heads/x`], CAPABILITIES);
  assert.deepEqual((await bands(session.respond(allowed))).report, [
    "unpack ok",
    "ok refs/heads/x",
  ]);
  assert.equal(metadata.pushes.length, 1);
});

Deno.test("ReceivePackSession.respond() needs no pack for deletions", async () => {
  const { session, metadata, ingested } = setUp();
  const body = push([`${A} ${ZERO} refs/heads/main`], CAPABILITIES, "");
  assert.deepEqual((await bands(session.respond(body))).report, [
    "unpack ok",
    "ok refs/heads/main",
  ]);
  assert.deepEqual(ingested, []);
  assert.equal(metadata.pushes[0]!.group, undefined);
});

Deno.test("ReceivePackSession.respond() reports a pack that was refused", async () => {
  const { session, metadata, state } = setUp();
  state.failure = new GitStratumError("invalid", "Reject a pack with a wrong trailer");
  const body = push([`${A} ${B} refs/heads/main`], CAPABILITIES);
  assert.deepEqual((await bands(session.respond(body))).report, [
    "unpack Reject a pack with a wrong trailer",
    "ng refs/heads/main unpacker error",
  ]);
  assert.deepEqual(metadata.pushes, []);
});

Deno.test("ReceivePackSession.respond() reads the rest of a refused pack", async () => {
  const { session, state } = setUp();
  state.failure = new GitStratumError("invalid", "Reject a pack");
  let read = 0;
  const head = await new Response(push([`${A} ${B} refs/heads/main`], CAPABILITIES)).bytes();
  const body = ReadableStream.from((async function* () {
    yield head;
    for (; read < 50; read++) yield await Promise.resolve(new Uint8Array(1000));
  })());
  await bands(session.respond(body));
  assert.equal(read, 50);
});

Deno.test("ReceivePackSession.respond() reports a body that broke", async () => {
  const { session, metadata } = setUp();
  const head = await new Response(push([`${A} ${B} refs/heads/main`], CAPABILITIES)).bytes();
  const body = ReadableStream.from((async function* () {
    yield head;
    throw await Promise.resolve(new GitStratumError("invalid", "Lose the request body"));
  })());
  assert.deepEqual((await bands(session.respond(body))).report, [
    "unpack Lose the request body",
    "ng refs/heads/main unpacker error",
  ]);
  assert.deepEqual(metadata.pushes, []);
});

Deno.test("ReceivePackSession.respond() asks again while the outcome is unknown", async () => {
  const { session, metadata, clock } = setUp();
  const lost = new GitStratumError("unavailable", "Lose an answer");
  metadata.failures.push(lost, lost);
  const answer = bands(session.respond(push([`${A} ${B} refs/heads/main`], CAPABILITIES)));
  while (metadata.pushes.length < 3) {
    await new Promise((resolve) => setTimeout(resolve));
    if (clock.sleeping > 0) await clock.advance(1000);
  }
  assert.deepEqual((await answer).report, ["unpack ok", "ok refs/heads/main"]);
  assert.equal(new Set(metadata.pushes.map((request) => request.pushId)).size, 1);
});

/** What is pushed, in a stream that stays open as a stateful client keeps it. */
function keptOpen(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return ReadableStream.from((async function* () {
    yield* stream;
    await new Promise(() => {});
  })());
}

Deno.test("ReceivePackSession.respond() waits for no end of a stateful client", async () => {
  const start = new TextEncoder().encode("PACK and twelve");
  const packed = Buffer.concat([start, createHash("sha1").update(start).digest()]);
  const stateful = setUp(EXISTING, false);
  const pushing = ReadableStream.from((async function* () {
    yield* push([`${A} ${B} refs/heads/main`], CAPABILITIES, "");
    yield packed;
  })());
  const pushed = await bands(stateful.session.respond(keptOpen(pushing)));
  assert.deepEqual(pushed.report, ["unpack ok", "ok refs/heads/main"]);
  const deleting = setUp(EXISTING, false);
  const request = push([`${A} ${ZERO} refs/heads/main`], CAPABILITIES, "");
  const { report } = await bands(deleting.session.respond(keptOpen(request)));
  assert.deepEqual(report, ["unpack ok", "ok refs/heads/main"]);
});

Deno.test("ReceivePackSession.respond() gives no report when the outcome stays unknown", async () => {
  const { session, metadata } = setUp();
  metadata.failures.push(new GitStratumError("corrupt", "Read a broken log"));
  const body = push([`${A} ${B} refs/heads/main`], CAPABILITIES);
  const { report, fatal, failure } = await bands(session.respond(body));
  assert.deepEqual(report, []);
  assert.equal(fatal, "Read a broken log\n");
  assert.ok(failure instanceof GitStratumError);
});

Deno.test("ReceivePackSession.respond() reports a refusal of the whole push", async () => {
  const { session, metadata } = setUp();
  metadata.failures.push(new GitStratumError("invalid", "Miss an object behind a new tip"));
  const body = push([`${A} ${B} refs/heads/main`], CAPABILITIES);
  assert.deepEqual((await bands(session.respond(body))).report, [
    "unpack ok",
    "ng refs/heads/main Miss an object behind a new tip",
  ]);
});

Deno.test("ReceivePackSession.respond() answers a knock with nothing", async () => {
  const { session, metadata } = setUp();
  const body = ReadableStream.from([new TextEncoder().encode("0000")]);
  assert.deepEqual(await Array.fromAsync(session.respond(body)), []);
  assert.deepEqual(metadata.pushes, []);
});

Deno.test("ReceivePackSession.respond() answers malformed commands with ERR", async () => {
  const { session } = setUp();
  const body = push(["nonsense"], CAPABILITIES);
  const [packet] = await Array.fromAsync(session.respond(body));
  assert.match(new TextDecoder().decode(packet), /^[0-9a-f]{4}ERR protocol error: expected old/);
});

Deno.test("ReceivePackSession.respond() creates the repository of a free name", async () => {
  const { session, metadata } = setUp({ kind: "absent", name: "me/new" as never });
  const body = push([`${ZERO} ${B} refs/heads/master`], CAPABILITIES);
  await bands(session.respond(body));
  const provenance = { transport: "http", remoteAddress: "192.0.2.1", atMs: 1000 };
  assert.deepEqual(metadata.created, [
    { name: "me/new", objectFormat: "sha1", defaultBranch: "master", provenance },
  ]);
});

Deno.test("ReceivePackSession.advertise() shows references, or an empty repository", async () => {
  const text = async (session: ReceivePackSession) =>
    await new Response(ReadableStream.from(session.advertise())).text();
  assert.match(await text(setUp().session), /^[0-9a-f]{4}a{40} refs\/heads\/main\0report-status/);
  const absent = await text(setUp({ kind: "absent", name: "me/new" as never }).session);
  assert.match(absent, /^[0-9a-f]{4}0{40} capabilities\^\{\}\0.*object-format=sha1 /);
});

Deno.test("suggestedDefaultBranch() follows what was pushed", () => {
  const suggest = (...names: string[]) =>
    suggestedDefaultBranch(names.map((name) => ({ name, oldOid: ZERO, newOid: A })));
  assert.equal(suggest("refs/heads/a", "refs/heads/main"), "main");
  assert.equal(suggest("refs/heads/a", "refs/heads/master"), "master");
  assert.equal(suggest("refs/heads/trunk", "refs/heads/x"), "trunk");
  assert.equal(suggest("refs/tags/v1"), "main");
});
