import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError, hasCode } from "../../error.ts";
import type { Oid } from "../../git/oid.ts";
import { FRESH_INDEX_BYTES_MAX } from "../../limits.ts";
import { errorResponse } from "../error_response.ts";
import type { GroupId, NetworkId, PushId, RepositoryId } from "../ids.ts";
import type { RepositoryName } from "../repository/repository_name.ts";
import type { PushRequest } from "./metadata.ts";
import { MetadataClient } from "./metadata_client.ts";
import { decodePushFrame, encodePushFrame } from "./push_frame.ts";

const ID = "0123456789abcdef0123456789abcdef";
const KEY = { networkId: ID as NetworkId, repositoryId: ID as RepositoryId };
const INDEX = { bytes: Uint8Array.of(7, 8, 9), storedAfterMs: 1_767_225_600_000 };
const PUSH: PushRequest = {
  pushId: ID as PushId,
  commands: [{
    name: "refs/heads/m\u00e4rz",
    oldOid: "0".repeat(40) as Oid,
    newOid: "1".repeat(40) as Oid,
  }],
  atomic: true,
  group: {
    groupId: ID as GroupId,
    historyBytes: 1,
    contentBytes: 2,
    indexBytes: 3,
    historyCount: 1,
    contentCount: 1,
    extentBytes: 8,
  },
  freshIndex: INDEX,
  pushOptions: ["a=b"],
  provenance: { transport: "http", atMs: 5 },
};

const isRefusal = (error: unknown) => hasCode(error, "invalid") || hasCode(error, "unsupported");

Deno.test("decodePushFrame() gives back what encodePushFrame() was given", () => {
  const frame = encodePushFrame(PUSH);
  deepEqual(decodePushFrame(frame), PUSH);
  const shifted = new Uint8Array(frame.length + 3);
  shifted.set(frame, 3);
  const decoded = decodePushFrame(shifted.subarray(3));
  deepEqual(decoded, PUSH);
  equal(decoded.freshIndex!.bytes.byteOffset, 0, "an index lays typed arrays over its buffer");
});

Deno.test("decodePushFrame() gives back what a push is committed on, with an index or without", () => {
  const judged = { name: "acme/thing" as RepositoryName, version: "1" };
  const { freshIndex: _, ...alone } = PUSH;
  for (const push of [{ ...PUSH, judged }, { ...PUSH, uncompared: true as const }]) {
    deepEqual(decodePushFrame(encodePushFrame(push)), push);
  }
  deepEqual(decodePushFrame(encodePushFrame({ ...alone, judged })), { ...alone, judged });
  equal(
    encodePushFrame({ ...PUSH, uncompared: true })[4],
    2,
    "who knows version 1 must not read it",
  );
  equal(encodePushFrame(PUSH)[4], 1);
});

Deno.test("decodePushFrame() refuses frames that are cut, without an index or with a large one", () => {
  const frame = encodePushFrame(PUSH);
  for (let length = 0; length <= frame.length - INDEX.bytes.length; length++) {
    throws(() => decodePushFrame(frame.subarray(0, length)), isRefusal, `${length} bytes`);
  }
  const bytes = new Uint8Array(FRESH_INDEX_BYTES_MAX + 1);
  throws(
    () => decodePushFrame(encodePushFrame({ ...PUSH, freshIndex: { ...INDEX, bytes } })),
    isRefusal,
  );
  throws(
    () =>
      decodePushFrame(encodePushFrame({ ...PUSH, freshIndex: { ...INDEX, storedAfterMs: NaN } })),
    isRefusal,
  );
});

Deno.test("decodePushFrame() refuses or reads whatever it is given", () => {
  const frame = encodePushFrame(PUSH);
  const change = fc.tuple(fc.nat(frame.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const changed = frame.slice();
      for (const [at, value] of changes) changed[at] = value;
      try {
        const { freshIndex, ...push } = decodePushFrame(changed);
        ok(freshIndex !== undefined || push.commands.length > 0);
      } catch (error) {
        ok(isRefusal(error), String(error));
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("MetadataClient.push() sends the push alone to a node that knows no frames", async () => {
  const asked: string[] = [];
  const client = new MetadataClient(async (request) => {
    const path = new URL(request.url).pathname.split("/").at(-1)!;
    asked.push(path);
    if (path === "push-frame") {
      await request.body?.cancel();
      return errorResponse(new GitStratumError("unsupported", "Ask for an unknown path"));
    }
    const body = await request.json();
    equal("freshIndex" in body, false, "the release before refuses members that it does not know");
    return Response.json({ results: [{ name: "refs/heads/main" }] });
  });
  deepEqual(await client.push(KEY, PUSH), { results: [{ name: "refs/heads/main" }] });
  deepEqual(asked, ["push-frame", "push"]);
});

Deno.test("MetadataClient.push() leaves it to its caller when a node knows no conditions", async () => {
  const client = new MetadataClient(async (request) => {
    await request.body?.cancel();
    return errorResponse(new GitStratumError("unsupported", "Read a push of another version"));
  });
  const push = client.push(KEY, { ...PUSH, uncompared: true });
  await rejects(push, (error) => hasCode(error, "unsupported"));
});
