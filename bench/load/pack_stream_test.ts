import assert from "node:assert/strict";
import { joinBytes, pack, smallCommit } from "../../tests/harness/raw_pack.ts";
import { SeededRandom } from "../../tests/harness/seeded_random.ts";
import { PackStream } from "./pack_stream.ts";
import { packetLine } from "./packet_lines.ts";

const PACK = pack(smallCommit("x").entries);

function answer(packBytes: Uint8Array, options: { chunk: number; packet: number }): Uint8Array {
  const parts: Uint8Array[] = [joinBytes(packetLine("packfile\n"))];
  for (let at = 0; at < packBytes.length; at += options.packet) {
    const part = packBytes.subarray(at, at + options.packet);
    const length = (part.length + 5).toString(16).padStart(4, "0");
    parts.push(joinBytes(length, new Uint8Array([1]), part, packetLine("\x02progress")));
  }
  const body = joinBytes(...parts, "0000");
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += options.chunk) {
    const part = body.subarray(at, at + options.chunk);
    chunks.push(joinBytes(`${part.length.toString(16)}\r\n`, part, "\r\n"));
  }
  return joinBytes(head, ...chunks, "0\r\n\r\n");
}

function feed(bytes: Uint8Array, pieces: () => number) {
  const stream = new PackStream({ hashed: true });
  for (let at = 0; at < bytes.length;) {
    const length = pieces();
    stream.push(bytes.subarray(at, at + length));
    at += length;
  }
  return stream.finish();
}

Deno.test("PackStream counts and proves a pack, however chunks, packets and reads cut it", () => {
  const random = new SeededRandom(7);
  for (let round = 0; round < 200; round++) {
    const options = { chunk: 1 + random.below(90), packet: 1 + random.below(60) };
    const result = feed(answer(PACK, options), () => 1 + random.below(100));
    assert.deepEqual(result, {
      packBytes: PACK.length,
      objectCount: 2,
      trailer: new Uint8Array(PACK.subarray(-20)).toHex(),
    });
  }
});

Deno.test("PackStream refuses answers that end early and packs with a changed byte", () => {
  const whole = answer(PACK, { chunk: 50, packet: 30 });
  // Behind the last chunk's size line only the empty trailer is missing.
  for (let length = 0; length < whole.length - 4; length++) {
    assert.throws(() => feed(whole.subarray(0, length), () => 64), `${length}`);
  }
  const wrong = PACK.slice();
  wrong[20]! ^= 1;
  assert.throws(() => feed(answer(wrong, { chunk: 50, packet: 30 }), () => 64), /trailer/);
});
