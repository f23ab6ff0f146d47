import assert from "node:assert/strict";
import { ManualClock, MIB } from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { admittedBody } from "./admitted_body.ts";
import { MemoryPermits } from "./memory_permits.ts";

function staged(bytesMax: number) {
  const world = { clock: new ManualClock(), metrics: new PrometheusMetrics() };
  const permits = new MemoryPermits({ ...world, bytesMax });
  const { signal } = new AbortController();
  const open = (bodyBytes: number) => {
    const chunks = async function* () {
      for (let sent = 0; sent < bodyBytes; sent += MIB / 4) {
        yield await Promise.resolve(new Uint8Array(MIB / 4));
      }
    };
    return admittedBody(ReadableStream.from(chunks()), permits, signal);
  };
  return { permits, open };
}

Deno.test("admittedBody() takes nothing for a short body", async () => {
  const { permits, open } = staged(100 * MIB);
  const { body, release } = open(1 * MIB);
  assert.equal((await new Response(body).bytes()).length, 1 * MIB);
  assert.equal(permits.usedBytes, 0);
  release();
});

Deno.test("admittedBody() takes memory for a long body, until it is released", async () => {
  const { permits, open } = staged(100 * MIB);
  const { body, release } = open(10 * MIB);
  await new Response(body).bytes();
  assert.equal(permits.usedBytes, 3 * 4 * 3 * MIB);
  release();
  assert.equal(permits.usedBytes, 0);
});

Deno.test("admittedBody() refuses the rest of a body that there is no memory for", async () => {
  const { permits, open } = staged(40 * MIB);
  const { body, release } = open(100 * MIB);
  await assert.rejects(new Response(body).bytes(), { code: "exhausted" });
  release();
  assert.equal(permits.usedBytes, 0);
});

Deno.test("admittedBody() holds nothing for a body that is released while it waits", async () => {
  const { permits, open } = staged(40 * MIB);
  const all = await permits.acquire({ bytes: 40 * MIB, lane: "large" });
  const { body, release } = open(10 * MIB);
  const reading = new Response(body).bytes();
  release();
  all.release();
  await reading;
  assert.equal(permits.usedBytes, 0);
});
