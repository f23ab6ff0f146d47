import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../error.ts";
import { encodeJsonLine, readJsonLines } from "./json_lines.ts";

async function collect(chunks: readonly Uint8Array[], lineLengthMax = 1000): Promise<unknown[]> {
  const values: unknown[] = [];
  const stream = ReadableStream.from(chunks);
  for await (const value of readJsonLines(stream, { lineLengthMax })) values.push(value);
  return values;
}

/** Cuts bytes at the given places, in the middle of characters too. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length];
  at.sort((a, b) => a - b);
  return at.slice(1).map((end, index) => bytes.slice(at[index], end));
}

Deno.test("readJsonLines() gives back what encodeJsonLine() wrote, however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 5 }),
      fc.array(fc.nat(500), { maxLength: 6 }),
      async (values, places) => {
        const bytes = new Uint8Array(values.flatMap((value) => [...encodeJsonLine(value)]));
        const wanted = values.map((value) => JSON.parse(JSON.stringify(value)));
        assert.deepEqual(await collect(cut(bytes, places), 100_000), wanted);
      },
    ),
  );
});

Deno.test("readJsonLines() refuses what is no stream of lines", async () => {
  const text = (value: string) => [new TextEncoder().encode(value)];
  const isBroken = (error: unknown) => hasCode(error, "unavailable");
  await assert.rejects(() => collect(text("{}\n{")), isBroken);
  await assert.rejects(() => collect(text("{}\nnothing\n")), isBroken);
  await assert.rejects(() => collect(text(`"${"x".repeat(1000)}"\n`)), isBroken);
  const endless = Array.from({ length: 100 }, () => new Uint8Array(100).fill(0x20));
  await assert.rejects(() => collect(endless), isBroken);
});

Deno.test("readJsonLines() cancels its stream when its reader leaves", async () => {
  let isCancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(encodeJsonLine(1)),
    cancel: () => void (isCancelled = true),
  });
  for await (const value of readJsonLines(stream, { lineLengthMax: 10 })) {
    assert.equal(value, 1);
    break;
  }
  assert.ok(isCancelled);
});
