import assert from "node:assert/strict";
import { MIB } from "@gitstratum/core";
import { encodePackHeader } from "@gitstratum/core/pack";
import { PackIntake } from "./pack_intake.ts";

async function intakeOf(...chunks: readonly Uint8Array[]): Promise<PackIntake> {
  const intake = new PackIntake(ReadableStream.from(chunks), MIB);
  await intake.readSmall();
  return intake;
}

Deno.test("PackIntake.objectCount is what the pack's header announces, however it is cut", async () => {
  const header = encodePackHeader(70_000);
  assert.equal((await intakeOf(header, new Uint8Array(50))).objectCount, 70_000);
  assert.equal((await intakeOf(header.slice(0, 5), header.slice(5))).objectCount, 70_000);
});

Deno.test("PackIntake.objectCount believes nothing that is no header", async () => {
  assert.equal((await intakeOf()).objectCount, 0);
  assert.equal((await intakeOf(encodePackHeader(1).slice(0, 11))).objectCount, 0);
  assert.equal((await intakeOf(new Uint8Array(100).fill(255))).objectCount, 0);
});
