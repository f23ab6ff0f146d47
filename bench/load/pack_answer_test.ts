import assert from "node:assert/strict";
import { joinBytes, pack, smallCommit } from "../../tests/harness/raw_pack.ts";
import { readPackAnswer } from "./pack_answer.ts";
import { packetLine } from "./packet_lines.ts";

const PACK = pack(smallCommit("x").entries);

function framed(bytes: Uint8Array): Uint8Array {
  const half = bytes.length >> 1;
  const frame = (part: Uint8Array, band: number) =>
    joinBytes((part.length + 5).toString(16).padStart(4, "0"), new Uint8Array([band]), part);
  return joinBytes(
    packetLine("acknowledgments\n"),
    packetLine("ready\n"),
    "0001",
    packetLine("packfile\n"),
    frame(bytes.subarray(0, half), 1),
    frame(new TextEncoder().encode("progress"), 2),
    frame(bytes.subarray(half), 1),
    "0000",
  );
}

Deno.test("readPackAnswer() finds the pack between side-band packets", () => {
  const received = readPackAnswer(framed(PACK));
  assert.deepEqual(received.bytes, new Uint8Array(PACK));
  assert.equal(received.objectCount, 2);
});

Deno.test("readPackAnswer() refuses an answer that ends anywhere before its end", () => {
  const whole = framed(PACK);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => readPackAnswer(whole.subarray(0, length)), `${length}`);
  }
});

Deno.test("readPackAnswer() refuses a changed byte and errors of the server", () => {
  const wrong = PACK.slice();
  wrong[20]! ^= 1;
  assert.throws(() => readPackAnswer(framed(wrong)), /trailer/);
  assert.throws(() => readPackAnswer(joinBytes(packetLine("ERR no\n"), "0000")), /ERR no/);
  const failed = joinBytes(packetLine("packfile\n"), packetLine("\x03broken"), "0000");
  assert.throws(() => readPackAnswer(failed), /broken/);
});
