import assert from "node:assert/strict";
import {
  ManualClock,
  MEMORY_LARGE_PUSH_BYTES,
  MEMORY_PUSH_OBJECT_BYTES,
  MIB,
} from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { MemoryPermits } from "../admission/memory_permits.ts";
import { PushAdmission } from "./push_admission.ts";

/** A client that sends so many bytes in a second, up to `bytesMax`. */
function intakeAt(clock: ManualClock, bytesPerSecond: number, bytesMax: number) {
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    async arrival(have: number) {
      assert.equal(have, bytes);
      await clock.advance(100);
      bytes = Math.min(bytesMax, bytes + bytesPerSecond / 10);
      return { bytes, ended: bytes === bytesMax };
    },
  };
}

function staged() {
  const clock = new ManualClock();
  const metrics = new PrometheusMetrics();
  const permits = new MemoryPermits({ bytesMax: 512 * MIB, clock, metrics });
  return { clock, permits, admission: new PushAdmission({ permits, clock }) };
}

Deno.test("PushAdmission.large() begins while a fast client still sends", async () => {
  const { clock, permits, admission } = staged();
  const intake = intakeAt(clock, 40 * MIB, 1000 * MIB);
  const permit = await admission.large(intake, { objectCount: 1000 });
  assert.equal(intake.bytes, 4 * MIB);
  const objects = 1000 * MEMORY_PUSH_OBJECT_BYTES;
  assert.equal(permits.usedBytes, MEMORY_LARGE_PUSH_BYTES + objects);
  permit.release();
});

Deno.test("PushAdmission.large() holds nothing while a slow client sends", async () => {
  const { clock, permits, admission } = staged();
  const intake = intakeAt(clock, 1 * MIB, 30 * MIB);
  const permit = await admission.large({
    arrival: async (have) => {
      assert.equal(permits.usedBytes, 0);
      return await intake.arrival(have);
    },
  }, { objectCount: 1 });
  assert.equal(intake.bytes, 30 * MIB);
  permit.release();
});

Deno.test("PushAdmission.large() throws what the client's stream threw", async () => {
  const { permits, admission } = staged();
  const arrival = () => Promise.reject(new Error("lost"));
  await assert.rejects(admission.large({ arrival }, { objectCount: 1 }), /lost/);
  assert.equal(permits.usedBytes, 0);
});
