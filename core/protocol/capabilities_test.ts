import assert from "node:assert/strict";
import fc from "fast-check";
import type { Oid } from "../git/oid.ts";
import type { Reference, ReferenceListing } from "../rpc/metadata/metadata.ts";
import {
  advertiseV2,
  announceService,
  BASE_UPLOAD_PACK_FEATURES,
  parseCapabilities,
  parseProtocolVersion,
  receivePackCapabilities,
  requestedSideBand,
  sanitizeAgent,
  uploadPackCapabilities,
} from "./capabilities.ts";
import { advertiseReferences } from "./reference_advertisement.ts";
import { transcriptOf } from "./transcript.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const SERVER = { objectFormat: "sha1", agent: "gitstratum/1 x" } as const;
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

Deno.test("parseProtocolVersion() picks the highest known version", () => {
  assert.equal(parseProtocolVersion(undefined), 0);
  assert.equal(parseProtocolVersion(""), 0);
  assert.equal(parseProtocolVersion("version=1"), 1);
  assert.equal(parseProtocolVersion("version=2"), 2);
  assert.equal(parseProtocolVersion("version=2:version=1"), 2);
  assert.equal(parseProtocolVersion("x=y:version=1:version=9:z"), 1);
  assert.equal(parseProtocolVersion("version=22"), 0);
});

Deno.test("parseCapabilities() keeps the first of many and takes any text", () => {
  const found = parseCapabilities(" atomic agent=a=b  agent=c \n");
  assert.deepEqual([...found], [["atomic", ""], ["agent", "a=b"]]);
  assert.equal(requestedSideBand(parseCapabilities("side-band side-band-64k")), "side-band-64k");
  assert.equal(requestedSideBand(parseCapabilities("side-band")), "side-band");
  assert.equal(requestedSideBand(parseCapabilities("")), undefined);
  fc.assert(fc.property(fc.string(), (text) => void parseCapabilities(text)));
});

Deno.test("sanitizeAgent() leaves printable ASCII without spaces", () => {
  assert.equal(sanitizeAgent("a b\nü/1"), "a.b../1");
});

Deno.test("uploadPackCapabilities() offers what the features say", () => {
  assert.equal(
    uploadPackCapabilities(BASE_UPLOAD_PACK_FEATURES, { ...SERVER, stateless: false }),
    "multi_ack thin-pack side-band side-band-64k ofs-delta no-progress include-tag " +
      "multi_ack_detailed allow-tip-sha1-in-want allow-reachable-sha1-in-want " +
      "object-format=sha1 agent=gitstratum/1.x",
  );
  assert.equal(
    uploadPackCapabilities(ALL, { ...SERVER, stateless: true, head: "refs/heads/main" }),
    "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not " +
      "deepen-relative no-progress include-tag multi_ack_detailed allow-tip-sha1-in-want " +
      "allow-reachable-sha1-in-want no-done symref=HEAD:refs/heads/main filter " +
      "object-format=sha1 agent=gitstratum/1.x",
  );
});

Deno.test("receivePackCapabilities() offers what the features say", () => {
  assert.equal(
    receivePackCapabilities({ pushOptions: true, pushCertNonce: "n-1" }, {
      ...SERVER,
      sessionId: "s",
    }),
    "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta " +
      "push-cert=n-1 push-options session-id=s object-format=sha1 agent=gitstratum/1.x",
  );
});

Deno.test("advertiseV2() lists commands with their features", () => {
  assert.equal(
    transcriptOf(advertiseV2(ALL, { objectFormat: "sha256", agent: "g/1" })),
    String.raw`version 2\n
agent=g/1\n
ls-refs=unborn\n
fetch=shallow wait-for-done filter ref-in-want sideband-all packfile-uris\n
server-option\n
object-format=sha256\n
object-info=size\n
bundle-uri\n
0000`,
  );
  assert.match(
    transcriptOf(advertiseV2(BASE_UPLOAD_PACK_FEATURES, SERVER)),
    /^fetch=wait-for-done\\n$/m,
  );
  assert.equal(
    transcriptOf(announceService("git-upload-pack")),
    String.raw`# service=git-upload-pack\n` + "\n0000",
  );
});

function listing(
  references: readonly Reference[],
  head: ReferenceListing["head"],
): ReferenceListing {
  return {
    head,
    references: (async function* () {
      yield references;
    })(),
  };
}

async function advertised(
  listed: ReferenceListing,
  options: { version?: 0 | 1 } = {},
): Promise<string> {
  let text = "";
  const all = { version: 0, capabilities: "caps", objectFormat: "sha1", ...options } as const;
  for await (const chunk of advertiseReferences(listed, all)) text += `${transcriptOf(chunk)}\n`;
  return text;
}

const TAG: Reference = { name: "refs/tags/v1", oid: B, peeled: A };
const MAIN: Reference = { name: "refs/heads/main", oid: A };

Deno.test("advertiseReferences() lists HEAD and peeled tags", async () => {
  const head = { target: "refs/heads/main", oid: A };
  assert.equal(
    await advertised(listing([MAIN, TAG], head), { version: 1 }),
    `version 1\\n\n${A} HEAD\\0caps\\n\n${A} refs/heads/main\\n\n${B} refs/tags/v1\\n\n` +
      `${A} refs/tags/v1^{}\\n\n0000\n`,
  );
});

Deno.test("advertiseReferences() shows capabilities of a repository without references", async () => {
  assert.equal(
    await advertised(listing([], { target: "refs/heads/main" })),
    `${"0".repeat(40)} capabilities^{}\\0caps\\n\n0000\n`,
  );
});

Deno.test("advertiseReferences() hands many references on in bounded chunks", async () => {
  const many = Array.from(
    { length: 5000 },
    (_, index) => ({ name: `refs/heads/${index}`, oid: A }),
  );
  let longest = 0;
  let count = 0;
  const listed = listing(many, { target: "refs/heads/main" });
  const options = {
    service: "git-receive-pack",
    version: 0,
    capabilities: "",
    objectFormat: "sha1",
  } as const;
  for await (const chunk of advertiseReferences(listed, options)) {
    longest = Math.max(longest, chunk.length);
    count += transcriptOf(chunk).split("\n").length;
  }
  assert.equal(count, 5001);
  assert.ok(longest < 66_000);
});
