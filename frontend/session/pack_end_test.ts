import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { ObjectFormat } from "@gitstratum/core/git";
import { endingWithPack } from "./pack_end.ts";

function packed(body: Uint8Array, format: ObjectFormat): Uint8Array {
  const start = new Uint8Array([
    ...new TextEncoder().encode("PACK"),
    0,
    0,
    0,
    2,
    0,
    0,
    0,
    0,
    ...body,
  ]);
  return new Uint8Array([...start, ...createHash(format).update(start).digest()]);
}

/** A stream of the bytes, cut at the given places, that never ends. */
function openStream(bytes: Uint8Array, cuts: readonly number[]) {
  const ends = [...new Set(cuts.map((cut) => cut % bytes.length)), bytes.length]
    .sort((a, b) => a - b);
  let at = 0;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const end = ends.shift();
      if (end === undefined) return await new Promise(() => {});
      controller.enqueue(bytes.slice(at, end));
      at = end;
    },
    cancel: () => void (cancelled = true),
  }, { highWaterMark: 0 });
  return { stream, isCancelled: () => cancelled };
}

for (const format of ["sha1", "sha256"] as const) {
  Deno.test(`endingWithPack() ends where a ${format} pack ends, however it is cut`, async () => {
    const cases = fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(fc.nat(), { maxLength: 30 }),
      async (body, cuts) => {
        const bytes = packed(body, format);
        const source = openStream(bytes, cuts);
        const ended = await new Response(endingWithPack(source.stream, format) as never).bytes();
        assert.deepEqual(ended, bytes);
        assert.ok(source.isCancelled());
      },
    );
    await fc.assert(cases);
  });
}

Deno.test("endingWithPack() goes on to the end of what is no pack", async () => {
  const bytes = packed(new Uint8Array(50), "sha1");
  bytes[20]! ^= 1;
  const chunks = [bytes.subarray(0, 40), bytes.subarray(40), bytes];
  const stream = endingWithPack(ReadableStream.from(chunks), "sha1");
  assert.equal((await new Response(stream as never).bytes()).length, bytes.length * 2);
});

Deno.test("endingWithPack() hands a failure and a cancellation on", async () => {
  const failing = new ReadableStream<Uint8Array>({ pull: (c) => c.error(new Error("cut")) });
  await assert.rejects(endingWithPack(failing, "sha1").getReader().read(), /cut/);
  const source = openStream(new Uint8Array(1), []);
  await endingWithPack(source.stream, "sha1").cancel();
  assert.ok(source.isCancelled());
});
