import assert from "node:assert/strict";
import fc from "fast-check";
import { AssertionError } from "../assert.ts";
import { GitStratumError, hasCode } from "../error.ts";
import {
  delimPkt,
  errorPkt,
  flushPkt,
  type PktLine,
  pktLine,
  PktLineBuffer,
  pktText,
  responseEndPkt,
} from "./pkt_line.ts";
import { PktLineDecoder } from "./pkt_line_decoder.ts";
import { PktLineReader } from "./pkt_line_reader.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

function chunked(content: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let offset = 0, turn = 0; offset < content.length; turn++) {
    const length = lengths[turn % lengths.length]!;
    chunks.push(content.slice(offset, offset + length));
    offset += length;
  }
  return chunks;
}

function streamOf(...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks);
}

Deno.test("pktLine() counts its header", () => {
  assert.equal(text(pktLine("a\n")), "0006a\n");
  assert.equal(text(pktLine("")), "0004");
  assert.equal(text(pktLine("hé")), "0007hé");
  assert.equal(text(flushPkt()) + text(delimPkt()) + text(responseEndPkt()), "000000010002");
  assert.equal(text(pktLine(new Uint8Array(65516))).slice(0, 4), "fff0");
  assert.throws(() => pktLine(new Uint8Array(65517)), AssertionError);
});

Deno.test("errorPkt() cuts a long message instead of failing", () => {
  assert.equal(text(errorPkt("no")), "000bERR no\n");
  assert.equal(errorPkt("x".repeat(70000)).length, 65520);
});

Deno.test("pktText() takes one line feed off and refuses what is not UTF-8", () => {
  assert.equal(pktText(bytes("a\n\n")), "a\n");
  assert.equal(pktText(bytes("")), "");
  assert.throws(() => pktText(Uint8Array.of(0xff)), (error) => hasCode(error, "invalid"));
});

Deno.test("PktLineBuffer collects packets beyond its first allocation", () => {
  const buffer = new PktLineBuffer();
  buffer.text("ü\n").data(Uint8Array.of(0x78)).delim().flush().responseEnd();
  assert.equal(buffer.byteLength, 7 + 5 + 12);
  assert.equal(text(buffer.take()), "0007ü\n0005x000100000002");
  for (let count = 0; count < 1000; count++) buffer.text("0123456789");
  assert.equal(text(buffer.take()), "000e0123456789".repeat(1000));
  assert.equal(buffer.byteLength, 0);
});

const packet: fc.Arbitrary<PktLine> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((payload) => ({ kind: "data" as const, payload })),
  fc.constantFrom(
    { kind: "flush" as const },
    { kind: "delim" as const },
    { kind: "response-end" as const },
  ),
);

function encode(packets: readonly PktLine[]): Uint8Array {
  const buffer = new PktLineBuffer();
  for (const each of packets) {
    if (each.kind === "data") buffer.data(each.payload);
    else if (each.kind === "flush") buffer.flush();
    else if (each.kind === "delim") buffer.delim();
    else buffer.responseEnd();
  }
  return buffer.take();
}

function readable(each: PktLine): string {
  return each.kind === "data" ? each.payload.toHex() : each.kind;
}

Deno.test("PktLineDecoder gives back any packets over any chunking", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(fc.array(packet, { maxLength: 12 }), lengths, (packets, cuts) => {
    const decoder = new PktLineDecoder();
    const found: PktLine[] = [];
    for (const chunk of chunked(encode(packets), cuts)) {
      decoder.push(chunk);
      for (let next = decoder.next(); next !== undefined; next = decoder.next()) found.push(next);
    }
    assert.deepEqual(found.map(readable), packets.map(readable));
    assert.ok(decoder.atBoundary);
  }));
});

Deno.test("PktLineDecoder takes the longest packet and both cases of digits", () => {
  const decoder = new PktLineDecoder();
  const longest = new Uint8Array(65520);
  longest.set(bytes("FfF0"));
  decoder.push(longest);
  const found = decoder.next();
  assert.ok(found?.kind === "data" && found.payload.length === 65516);
});

Deno.test("PktLineDecoder rejects bad lengths, however they are cut", () => {
  for (const bad of ["0003", "fff1", "ffff", "00g0", "-001", " 004", "0x10", "+004", "00\n4"]) {
    for (const cut of [1, 2, 3, 4]) {
      assert.throws(
        () => {
          const decoder = new PktLineDecoder();
          for (const chunk of chunked(bytes(bad), [cut, 4])) {
            decoder.push(chunk);
            decoder.next();
          }
        },
        (error) => hasCode(error, "invalid"),
        `${bad} cut at ${cut}`,
      );
    }
  }
});

Deno.test("PktLineDecoder answers random bytes with packets or `invalid`", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
      const decoder = new PktLineDecoder();
      try {
        decoder.push(random);
        while (decoder.next() !== undefined);
      } catch (error) {
        assert.ok(error instanceof GitStratumError && error.code === "invalid");
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("PktLineReader gives packets, then the bytes behind them", async () => {
  const content = bytes("0006a\n0000PACKrest of the pack");
  for (const cut of [1, 3, 7, 11, 100]) {
    const reader = new PktLineReader(streamOf(...chunked(content, [cut])));
    assert.equal(pktText((await reader.expect() as { payload: Uint8Array }).payload), "a");
    assert.deepEqual(await reader.peek(), { kind: "flush" });
    assert.deepEqual(await reader.read(), { kind: "flush" });
    assert.equal(
      await new Response(reader.rest() as ReadableStream<Uint8Array<ArrayBuffer>>).text(),
      "PACKrest of the pack",
    );
  }
});

Deno.test("PktLineReader tells a clean end from a broken one", async () => {
  const clean = new PktLineReader(streamOf(bytes("0000")));
  assert.deepEqual(await clean.read(), { kind: "flush" });
  assert.equal(await clean.read(), undefined);
  await assert.rejects(clean.expect(), (error) => hasCode(error, "aborted"));
  for (const broken of ["000", "0008abc"]) {
    const reader = new PktLineReader(streamOf(bytes(broken)));
    await assert.rejects(reader.read(), (error) => hasCode(error, "aborted"));
  }
});

Deno.test("PktLineReader stops at its limit", async () => {
  const reader = new PktLineReader(streamOf(bytes("0008abcd".repeat(4))), { bytesMax: 20 });
  await reader.read();
  await reader.read();
  await assert.rejects(reader.read(), (error) => hasCode(error, "exhausted"));
});

Deno.test("PktLineReader cancels its stream, also through rest()", async () => {
  let reason: unknown;
  const source = () =>
    new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(bytes("0000")),
      cancel: (why) => void (reason = why),
    });
  await new PktLineReader(source()).cancel("gone");
  assert.equal(reason, "gone");
  const reader = new PktLineReader(source());
  await reader.read();
  await reader.rest().cancel("rest gone");
  assert.equal(reason, "rest gone");
});
