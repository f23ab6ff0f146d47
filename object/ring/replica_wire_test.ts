import assert from "node:assert/strict";
import { EXTENT_BATCH_COUNT_MAX, GitStratumError } from "@gitstratum/core";
import { extentId, type GroupId, type NetworkId, packId } from "@gitstratum/core/rpc";
import fc from "fast-check";
import type { ReplicaWrite } from "./replica_node.ts";
import type { LifeVersion } from "./replica_record.ts";
import { decodeReplicaWrites, encodeReplicaWrites, frameBytes } from "./replica_wire.ts";

const GROUP = "00000000000000000000000000000abc" as GroupId;
const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;

const anyWrite: fc.Arbitrary<ReplicaWrite> = fc.record({
  n: fc.nat({ max: 999_999_999 }),
  version: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  bytes: fc.uint8Array({ maxLength: 50 }),
}).map(({ n, version, bytes }) => {
  const id = extentId(packId(GROUP, "c"), n);
  const life = version as LifeVersion;
  return version % 2 === 1
    ? { kind: "removed", id, version: life }
    : { kind: "living", id, version: life, owner: OWNER, bytes };
});

Deno.test("decodeReplicaWrites() gives back what encodeReplicaWrites() was given", () => {
  fc.assert(fc.property(fc.array(anyWrite), (writes) => {
    const frame = encodeReplicaWrites(writes);
    assert.equal(frame.length, writes.reduce((sum, write) => sum + frameBytes(write), 12));
    const found = decodeReplicaWrites(frame);
    const plain = (write: ReplicaWrite) =>
      write.kind === "living" ? { ...write, bytes: write.bytes.toHex() } : write;
    assert.deepEqual(found.map(plain), writes.map(plain));
  }));
});

Deno.test("encodeReplicaWrites() writes the frame that docs/formats/replica.md describes", () => {
  const id = extentId(packId(GROUP, "h"), 7);
  const frame = encodeReplicaWrites([
    { kind: "living", id, version: 2 as LifeVersion, owner: OWNER, bytes: Uint8Array.of(1, 2) },
    { kind: "removed", id, version: 259 as LifeVersion },
  ]);
  const text = (ascii: string) => new TextEncoder().encode(ascii).toHex();
  assert.equal(
    frame.toHex(),
    "47535257" + "0100" + "0000" + "02000000" +
      "2300" + "2000" + "02000000" + "0200000000000000" + text(id + OWNER) + "0102" +
      "2300" + "0000" + "00000000" + "0301000000000000" + text(id),
  );
});

Deno.test("decodeReplicaWrites() refuses every frame that is cut or has more behind it", () => {
  const frame = encodeReplicaWrites([
    {
      kind: "living",
      id: extentId(packId(GROUP, "h"), 0),
      version: 0 as LifeVersion,
      owner: OWNER,
      bytes: new Uint8Array(20),
    },
  ]);
  for (let length = 0; length < frame.length; length++) {
    assert.throws(() => decodeReplicaWrites(frame.subarray(0, length)), { code: "invalid" });
  }
  const longer = new Uint8Array(frame.length + 1);
  longer.set(frame);
  assert.throws(() => decodeReplicaWrites(longer), { code: "invalid" });
  const many = encodeReplicaWrites([]);
  new DataView(many.buffer).setUint32(8, EXTENT_BATCH_COUNT_MAX + 1, true);
  assert.throws(() => decodeReplicaWrites(many), { code: "invalid" });
});

Deno.test("decodeReplicaWrites() answers any bytes with writes or a refusal", () => {
  const frames = fc.array(anyWrite, { maxLength: 4 }).map(encodeReplicaWrites);
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(frames, damage, (frame, changes) => {
      for (const [at, value] of changes) frame[at % frame.length] = value;
      try {
        const writes = decodeReplicaWrites(frame);
        assert.equal(writes.reduce((sum, write) => sum + frameBytes(write), 12), frame.length);
      } catch (error) {
        assert.ok(error instanceof GitStratumError && error.code === "invalid", String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
