import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { hasCode } from "../error.ts";
import type { Oid } from "../git/oid.ts";
import { BASE_UPLOAD_PACK_FEATURES } from "./capabilities.ts";
import { readCommandRequest } from "./command_request.ts";
import { type FetchRequest, readFetchRequest } from "./fetch_request.ts";
import {
  acknowledge,
  fetchStart,
  HaveRounds,
  type HaveRoundsOptions,
  packSections,
  shallowUpdate,
} from "./negotiation.ts";
import { clientText } from "./protocol_error.ts";
import { packetsOf, readerOf, transcriptOf } from "./transcript.ts";
import { readUploadRequest } from "./upload_request.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const C = "c".repeat(40) as Oid;
const NO_BOUNDARY = { boundary: { shallow: [], unshallow: [] }, wantedRefs: [] };

const REQUEST: FetchRequest = {
  wants: [A],
  wantRefs: [],
  haves: [B, C],
  done: false,
  clientShallow: [],
  thinPack: true,
  ofsDelta: true,
  includeTag: true,
  noProgress: false,
  waitForDone: false,
  sidebandAll: false,
};

Deno.test("fetchStart() tells what a request asks for", () => {
  assert.equal(fetchStart(REQUEST), "negotiate");
  assert.equal(fetchStart({ ...REQUEST, done: true }), "pack");
  assert.equal(fetchStart({ ...REQUEST, haves: [] }), "pack");
  assert.equal(fetchStart({ ...REQUEST, wants: [] }), "nothing");
  assert.equal(fetchStart({ ...REQUEST, wants: [], wantRefs: ["refs/heads/x"] }), "negotiate");
  assert.equal(fetchStart({ ...REQUEST, wants: [], waitForDone: true }), "negotiate");
});

Deno.test("acknowledge() goes on to the pack only when ready", () => {
  const found = (change: Partial<FetchRequest>, common: Oid[], ready: boolean) => {
    const { bytes, pack } = acknowledge({ ...REQUEST, ...change }, { refused: [], common, ready });
    return [transcriptOf(bytes), pack];
  };
  assert.deepEqual(found({}, [], false), ["acknowledgments\\n\nNAK\\n\n0000", false]);
  assert.deepEqual(found({}, [B], false), [`acknowledgments\\n\nACK ${B}\\n\n0000`, false]);
  assert.deepEqual(found({}, [B, C], true), [
    `acknowledgments\\n\nACK ${B}\\n\nACK ${C}\\n\nready\\n\n0001`,
    true,
  ]);
  assert.deepEqual(found({ waitForDone: true }, [B], true), [
    `acknowledgments\\n\nACK ${B}\\n\n0000`,
    false,
  ]);
  assert.deepEqual(found({ sidebandAll: true }, [], false), [
    "\x01acknowledgments\\n\n\x01NAK\\n\n0000",
    false,
  ]);
});

Deno.test("acknowledge() refuses in git's words", () => {
  assert.throws(
    () => acknowledge(REQUEST, { refused: [A], common: [], ready: false }),
    (error) => hasCode(error, "denied") && clientText(error) === `upload-pack: not our ref ${A}`,
  );
});

Deno.test("packSections() puts shallow information and wanted references in front", () => {
  assert.equal(transcriptOf(packSections(REQUEST, NO_BOUNDARY)), "packfile\\n");
  const sections = packSections({ ...REQUEST, clientShallow: [B] }, {
    boundary: { shallow: [A], unshallow: [B] },
    wantedRefs: [{ name: "refs/heads/x", oid: C }],
  });
  assert.equal(
    transcriptOf(sections),
    `shallow-info\\n\nshallow ${A}\nunshallow ${B}\n0001\n` +
      `wanted-refs\\n\n${C} refs/heads/x\\n\n0001\npackfile\\n`,
  );
  assert.equal(
    transcriptOf(shallowUpdate({ shallow: [A], unshallow: [B] })),
    `shallow ${A}\nunshallow ${B}\n0000`,
  );
});

/** Runs a machine over packets, with a server that has the given commits. */
function converse(
  transcript: string,
  server: { readonly common: readonly Oid[]; readonly readyAfter?: number },
  options: Partial<HaveRoundsOptions> = {},
): string {
  const machine = new HaveRounds({
    objectFormat: "sha1",
    multiAck: "multi_ack_detailed",
    noDone: false,
    stateless: false,
    ...options,
  });
  const said: string[] = [];
  const lines = transcript.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  for (const line of [...lines, undefined]) {
    const packet = line === undefined
      ? undefined
      : line === "0000"
      ? { kind: "flush" as const }
      : { kind: "data" as const, payload: new TextEncoder().encode(`${line}\n`) };
    let output = machine.step({ kind: "packet", packet });
    if (output.kind === "ask") {
      const common = output.haves.filter((oid) => server.common.includes(oid));
      const ready = common.length >= (server.readyAfter ?? Infinity);
      output = machine.step({ kind: "answer", result: { refused: [], common, ready } });
    }
    if (output.kind !== "reply") continue;
    if (output.bytes.length > 0) said.push(transcriptOf(output.bytes).replaceAll("\\n", ""));
    if (output.next !== "read") return [...said, output.next].join("\n");
  }
  return said.join("\n");
}

Deno.test("HaveRounds with multi_ack_detailed says common, ready, then packs after done", () => {
  assert.equal(
    converse(`have ${B}\n0000\nhave ${A}\nhave ${C}\n0000\ndone`, { common: [A], readyAfter: 1 }),
    `NAK\nACK ${A} common\nACK ${C} ready\nNAK\nACK ${A}\npack`,
  );
});

Deno.test("HaveRounds with no-done packs as soon as it is ready", () => {
  assert.equal(
    converse(`have ${A}\n0000`, { common: [A], readyAfter: 1 }, { noDone: true, stateless: true }),
    `ACK ${A} common\nACK ${A} ready\nNAK\nACK ${A}\npack`,
  );
});

Deno.test("HaveRounds with multi_ack says continue", () => {
  assert.equal(
    converse(`have ${A}\nhave ${C}\n0000\ndone`, { common: [A, C] }, { multiAck: "multi_ack" }),
    `ACK ${A} continue\nACK ${C} continue\nNAK\nACK ${C}\npack`,
  );
});

Deno.test("HaveRounds without multi_ack acknowledges the first common commit once", () => {
  assert.equal(
    converse(`have ${B}\n0000\nhave ${A}\nhave ${C}\n0000\ndone`, { common: [A, C] }, {
      multiAck: "none",
    }),
    `NAK\nACK ${A}\npack`,
  );
  assert.equal(converse("done", { common: [] }, { multiAck: "none" }), "NAK\npack");
});

Deno.test("HaveRounds ends a stateless round at its flush", () => {
  assert.equal(
    converse(`have ${A}\n0000\ndone`, { common: [A] }, { stateless: true }),
    `ACK ${A} common\nNAK\nend`,
  );
  assert.equal(converse("", { common: [] }, { stateless: true }), "end");
});

Deno.test("HaveRounds asks about common commits of earlier rounds again", () => {
  const machine = new HaveRounds({
    objectFormat: "sha1",
    multiAck: "multi_ack_detailed",
    noDone: false,
    stateless: false,
  });
  const have = (oid: Oid) =>
    machine.step({
      kind: "packet",
      packet: { kind: "data", payload: new TextEncoder().encode(`have ${oid}`) },
    });
  const flush = () => machine.step({ kind: "packet", packet: { kind: "flush" } });
  have(A);
  assert.deepEqual(flush(), { kind: "ask", haves: [A] });
  machine.step({ kind: "answer", result: { refused: [], common: [A], ready: false } });
  have(B);
  assert.deepEqual(flush(), { kind: "ask", haves: [A, B] });
  assert.deepEqual(machine.common, [A]);
});

Deno.test("HaveRounds refuses in git's words", () => {
  const refused = (text: string) => (error: unknown) => clientText(error) === text;
  assert.throws(
    () => converse("want x", { common: [] }),
    refused("git upload-pack: expected SHA1 list, got 'want x'"),
  );
  assert.throws(
    () => converse("have x", { common: [] }),
    refused("git upload-pack: expected SHA1 object, got 'x'"),
  );
  assert.throws(() => converse(`have ${A}`, { common: [] }), (error) => hasCode(error, "aborted"));
  assert.throws(
    () => converse(`have ${A}`, { common: [] }, { stateless: true }),
    (error) => hasCode(error, "aborted"),
  );
});

/** A repository with a line of commits, oldest first, and one commit that it does not have. */
function realRepository(): { path: string; commits: Oid[]; foreign: Oid } {
  const path = Deno.makeTempDirSync({ prefix: "negotiation" });
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", path, ...args], { encoding: "utf8" }).trim() as Oid;
  git("init", "-q", "--bare", "--object-format=sha1", "-b", "main");
  const person = "A <a@b> 1000000000 +0000";
  let stream = "";
  for (let index = 1; index <= 5; index++) {
    stream += `commit refs/heads/main\nmark :${index}\ncommitter ${person}\ndata 1\n${index}\n`;
  }
  execFileSync("git", ["-C", path, "fast-import", "--quiet"], { input: stream });
  return { path, commits: git("rev-list", "--reverse", "main").split("\n") as Oid[], foreign: B };
}

function uploadPack(path: string, input: Uint8Array, version: number): Uint8Array {
  const { stdout, status, stderr } = spawnSync("git", ["upload-pack", "--stateless-rpc", path], {
    input,
    env: { ...Deno.env.toObject(), GIT_PROTOCOL: `version=${version}` },
  });
  assert.equal(status, 0, String(stderr));
  return new Uint8Array(stdout);
}

Deno.test("v2 acknowledgments are those of git upload-pack", async () => {
  const { path, commits, foreign } = realRepository();
  try {
    const [first, second, , , tip] = commits;
    const cases = [[foreign], [first, foreign], [foreign, second], [second, first]];
    for (const haves of cases) {
      for (const wait of ["", "wait-for-done\n"]) {
        const transcript = `command=fetch\n0001\nwant ${tip}\n${wait}` +
          haves.map((oid) => `have ${oid}\n`).join("") + "0000";
        const reader = readerOf(transcript);
        await readCommandRequest(reader, { objectFormat: "sha1", commands: ["fetch"] });
        const request = await readFetchRequest(reader, {
          objectFormat: "sha1",
          features: BASE_UPLOAD_PACK_FEATURES,
        });
        const common = request.haves.filter((oid) => commits.includes(oid));
        const mine = acknowledge(request, { refused: [], common, ready: common.length > 0 });
        const theirs = uploadPack(path, packetsOf(transcript), 2).subarray(0, mine.bytes.length);
        // Git leaves out an ACK for what an earlier have implies.
        assert.equal(sorted(mine.bytes), sorted(theirs), transcript);
      }
    }
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});

function sorted(bytes: Uint8Array): string {
  return transcriptOf(bytes).split("\n").sort().join("\n");
}

Deno.test("v0 rounds end as those of git upload-pack do", async () => {
  const { path, commits, foreign } = realRepository();
  try {
    const [first, , third, , tip] = commits;
    const modes = ["", "multi_ack", "multi_ack_detailed", "multi_ack_detailed no-done"];
    const rounds = [
      `have ${foreign}\n0000`,
      `have ${third}\n0000`,
      `have ${foreign}\nhave ${third}\ndone`,
      `have ${first}\ndone`,
      `have ${foreign}\ndone`,
      "done",
    ];
    for (const mode of modes) {
      for (const round of rounds) {
        const transcript = `want ${tip} ${mode}\\n\n0000\n${round}`;
        const theirs = uploadPack(path, packetsOf(transcript), 0);
        const reader = readerOf(transcript);
        const upload = await readUploadRequest(reader, {
          objectFormat: "sha1",
          features: BASE_UPLOAD_PACK_FEATURES,
        });
        assert.ok(upload);
        const said = converse(round, { common: commits, readyAfter: 1 }, {
          multiAck: upload.multiAck,
          noDone: upload.noDone,
          stateless: true,
        });
        assert.equal(said, conversationOf(theirs), transcript);
      }
    }
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});

/** What git said before the pack, in the form of {@link converse}. */
function conversationOf(bytes: Uint8Array): string {
  const text = new TextDecoder("latin1").decode(bytes);
  const pack = text.indexOf("PACK");
  const packets = transcriptOf(bytes.subarray(0, pack < 0 ? bytes.length : pack));
  return [packets.replaceAll("\\n", ""), pack < 0 ? "end" : "pack"]
    .filter((line) => line !== "").join("\n");
}
