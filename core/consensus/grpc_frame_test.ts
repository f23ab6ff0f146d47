import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError } from "../error.ts";
import { frameMessage, readMessage, readMessages, refusalOf } from "./grpc_frame.ts";

const TYPE = { "content-type": "application/grpc" };

async function all(chunks: readonly Uint8Array<ArrayBuffer>[], bytesMax = 1000): Promise<string[]> {
  const found: string[] = [];
  for await (const message of readMessages(ReadableStream.from(chunks), { bytesMax })) {
    found.push(message.toHex());
  }
  return found;
}

Deno.test("readMessages() reads messages however their stream is cut", async () => {
  const bytes = fc.uint8Array({ maxLength: 20 }).map((each) => Uint8Array.from(each));
  await fc.assert(
    fc.asyncProperty(
      fc.array(bytes, { maxLength: 5 }),
      fc.array(fc.nat(99)),
      async (sent, cuts) => {
        const stream = Uint8Array.from(sent.flatMap((message) => [...frameMessage(message)]));
        const edges = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        const chunks = edges.slice(1).map((edge, index) => stream.slice(edges[index], edge));
        assert.deepEqual(await all(chunks), sent.map((message) => message.toHex()));
      },
    ),
  );
});

Deno.test("readMessages() refuses what is too long before it comes, and what is compressed", async () => {
  const frame = frameMessage(new Uint8Array(11));
  await assert.rejects(() => all([frame.slice(0, 5)], 10), { code: "unavailable" });
  assert.equal((await all([frame], 11)).length, 1);
  await assert.rejects(() => all([Uint8Array.of(1, 0, 0, 0, 0)]), { code: "unavailable" });
});

Deno.test("readMessages() ends for any bytes, whole or as the world's error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 12 })), async (chunks) => {
      try {
        await all(chunks.map((chunk) => Uint8Array.from(chunk)));
      } catch (error) {
        assert.ok(error instanceof GitStratumError && error.code === "unavailable", String(error));
      }
    }),
  );
});

Deno.test("readMessage() wants one message and nothing else", async () => {
  const read = (...bytes: number[]) =>
    readMessage(new Response(Uint8Array.from(bytes)), { bytesMax: 4 });
  assert.equal((await read(0, 0, 0, 0, 2, 7, 8)).toHex(), "0708");
  for (const bytes of [[], [0, 0], [0, 0, 0, 0, 2, 7], [0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0]]) {
    await assert.rejects(() => read(...bytes), { code: "unavailable" }, `${bytes}`);
  }
  await assert.rejects(() => read(0, 0, 0, 0, 5, 1, 2, 3, 4, 5), { code: "exhausted" });
});

Deno.test("refusalOf() tells refusals from answers and from what is no answer", () => {
  const of = (headers: Record<string, string>, status = 200) =>
    refusalOf(new Response(null, { headers, status }));
  assert.equal(of(TYPE), undefined);
  assert.equal(of({ ...TYPE, "grpc-status": "0" }), undefined);
  assert.deepEqual(of({ ...TYPE, "grpc-status": "5", "grpc-message": "no%20such%20thing %" }), {
    code: 5,
    error: "no%20such%20thing %",
  });
  assert.deepEqual(of({ ...TYPE, "grpc-status": "5", "grpc-message": "100%25" }), {
    code: 5,
    error: "100%",
  });
  const wrong = [
    () => of({}),
    () => of({ "content-type": "text/html" }),
    () => of(TYPE, 503),
    () => of({ ...TYPE, "grpc-status": "many" }),
  ];
  for (const each of wrong) assert.throws(each, { code: "unavailable" });
});
