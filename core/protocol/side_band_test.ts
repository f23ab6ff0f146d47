import assert from "node:assert/strict";
import { hasCode } from "../error.ts";
import { PktLineDecoder } from "./pkt_line_decoder.ts";
import {
  frameSideBand,
  frameSideBandText,
  keepAlivePkt,
  parseSideBand,
  sideBandFramedBytes,
  type SideBandMode,
} from "./side_band.ts";

function unframe(framed: Uint8Array): { bands: number[]; content: Uint8Array; longest: number } {
  const decoder = new PktLineDecoder();
  decoder.push(framed);
  const bands: number[] = [];
  const parts: Uint8Array[] = [];
  for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
    assert.ok(packet.kind === "data");
    const { band, content } = parseSideBand(packet.payload);
    bands.push(band);
    parts.push(content);
  }
  const total = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    total.set(part, offset);
    offset += part.length;
  }
  return { bands, content: total, longest: Math.max(0, ...parts.map((part) => part.length)) };
}

Deno.test("frameSideBand() cuts content at the border of each mode", () => {
  const cases: readonly [SideBandMode, number][] = [["side-band", 995], ["side-band-64k", 65515]];
  for (const [mode, max] of cases) {
    for (const length of [0, 1, max - 1, max, max + 1, 3 * max]) {
      const content = Uint8Array.from({ length }, (_, index) => index % 251);
      const framed = frameSideBand(1, content, { mode });
      assert.equal(framed.length, sideBandFramedBytes(length, mode));
      const found = unframe(framed);
      assert.deepEqual(found.content, content);
      assert.equal(found.bands.length, Math.ceil(length / max));
      assert.ok(found.longest <= max);
    }
  }
});

Deno.test("frameSideBandText() puts text on its band", () => {
  assert.equal(new TextDecoder().decode(frameSideBandText(2, "hi\n")), "0008\x02hi\n");
  assert.equal(new TextDecoder().decode(frameSideBandText(3, "bad")), "0008\x03bad");
});

Deno.test("keepAlivePkt() is an empty data packet", () => {
  assert.equal(new TextDecoder().decode(keepAlivePkt()), "0005\x01");
});

Deno.test("parseSideBand() refuses other bands", () => {
  for (const payload of [[], [0, 1], [4], [255]]) {
    assert.throws(() => parseSideBand(Uint8Array.from(payload)), (e) => hasCode(e, "invalid"));
  }
});
