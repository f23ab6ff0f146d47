import { deepEqual, equal, rejects } from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../error.ts";
import type { Oid } from "../../git/oid.ts";
import { REFERENCE_LINE_BYTES_MAX } from "../../limits.ts";
import type { Reference, ReferenceListing } from "./metadata.ts";
import { decodeReferences, encodeReferences } from "./reference_stream.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(64) as Oid;
const HEAD = { target: "refs/heads/main", oid: A };
const unavailable = (error: unknown) => hasCode(error, "unavailable");

function listing(batches: readonly (readonly Reference[])[]): ReferenceListing {
  return {
    head: HEAD,
    references: (async function* () {
      yield* batches;
    })(),
  };
}

async function collect(found: ReferenceListing): Promise<(readonly Reference[])[]> {
  const batches: (readonly Reference[])[] = [];
  for await (const batch of found.references) batches.push(batch);
  return batches;
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).bytes();
}

/** A stream of the bytes, cut after every `chunkBytes` bytes. */
function chunked(bytes: Uint8Array, chunkBytes: number): ReadableStream<Uint8Array> {
  return ReadableStream.from((function* () {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.slice(at, at + chunkBytes);
  })());
}

const BATCHES: readonly (readonly Reference[])[] = [
  [{ name: "refs/heads/main", oid: A }, { name: "refs/heads/ünï", oid: A }],
  [{ name: "refs/tags/v1", oid: B, peeled: A }],
];

Deno.test("decodeReferences() gives back what encodeReferences() was given, however it is cut", async () => {
  const bytes = await bytesOf(encodeReferences(listing(BATCHES)));
  for (let chunkBytes = 1; chunkBytes <= bytes.length; chunkBytes++) {
    const found = await decodeReferences(chunked(bytes, chunkBytes));
    deepEqual(found.head, HEAD);
    deepEqual(await collect(found), BATCHES);
  }
});

Deno.test("decodeReferences() never takes a listing that was cut off for a complete one", async () => {
  const bytes = await bytesOf(encodeReferences(listing(BATCHES)));
  for (let length = 0; length < bytes.length - 1; length++) {
    const attempt = async () =>
      await collect(await decodeReferences(chunked(bytes.slice(0, length), 50)));
    await rejects(attempt(), unavailable, `cut at ${length}`);
  }
});

Deno.test("decodeReferences() takes any bytes for a listing or for broken", async () => {
  const bytes = await bytesOf(encodeReferences(listing(BATCHES)));
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(255), async (at, byte) => {
      const flipped = bytes.slice();
      flipped[at] = byte;
      try {
        await collect(await decodeReferences(chunked(flipped, 64)));
      } catch (error) {
        if (!unavailable(error)) throw error;
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("decodeReferences() bounds the length of a line", async () => {
  const endless = ReadableStream.from((function* () {
    for (;;) yield new Uint8Array(REFERENCE_LINE_BYTES_MAX / 4).fill(0x20);
  })());
  await rejects(decodeReferences(endless), unavailable);
});

Deno.test("encodeReferences() ends the listing when nobody reads on", async () => {
  let ended = false;
  const stream = encodeReferences({
    head: HEAD,
    references: (async function* () {
      try {
        for (;;) yield BATCHES[0]!;
      } finally {
        ended = true;
      }
    })(),
  });
  const found = await decodeReferences(stream);
  for await (const _ of found.references) break;
  equal(ended, true);
});

Deno.test("encodeReferences() breaks the stream when the listing fails", async () => {
  const failing = {
    head: HEAD,
    references: (async function* () {
      yield BATCHES[0]!;
      throw new Error("disk");
    })(),
  };
  const found = await decodeReferences(encodeReferences(failing));
  await rejects(collect(found), unavailable);
});
