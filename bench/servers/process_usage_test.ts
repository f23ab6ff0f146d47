import assert from "node:assert/strict";
import {
  childrenOf,
  peakBytes,
  PeakWatch,
  processCpuSeconds,
  processTree,
  reapedCpuSeconds,
  residentBytes,
} from "./process_usage.ts";

Deno.test("processCpuSeconds() grows with work", () => {
  const before = processCpuSeconds(Deno.pid);
  const end = performance.now() + 5_000;
  while (processCpuSeconds(Deno.pid) === before && performance.now() < end);
  assert.ok(processCpuSeconds(Deno.pid) > before);
});

Deno.test("reapedCpuSeconds() counts children after their end", async () => {
  const before = reapedCpuSeconds();
  const code = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
  await new Deno.Command("sh", { args: ["-c", code] }).output();
  assert.ok(reapedCpuSeconds() > before);
});

Deno.test("processTree() and PeakWatch see a child until it ends", async () => {
  const child = new Deno.Command("cat", { stdin: "piped", stdout: "null" }).spawn();
  assert.ok(childrenOf(Deno.pid).includes(child.pid));
  assert.ok(processTree(Deno.pid).includes(child.pid));
  const watch = new PeakWatch(() => [child.pid]);
  assert.ok(watch.stop() > 0);
  await child.stdin.close();
  await child.status;
  assert.ok(!childrenOf(Deno.pid).includes(child.pid));
  assert.equal(new PeakWatch(() => [child.pid]).stop(), 0);
});

Deno.test("peakBytes() is at least what is resident", () => {
  const resident = residentBytes(Deno.pid);
  assert.ok(resident > 1024 * 1024);
  assert.ok(peakBytes(Deno.pid) >= resident);
});
