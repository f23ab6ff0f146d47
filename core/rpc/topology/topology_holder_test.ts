import assert from "node:assert/strict";
import { hasCode } from "../../error.ts";
import { sampleTopology } from "../testing/topology_samples.ts";
import { TopologyHolder } from "./topology_holder.ts";

const NEVER = new AbortController().signal;

Deno.test("TopologyHolder.take() keeps the newest, whatever the order", () => {
  const holder = new TopologyHolder();
  assert.equal(holder.current().version, 0);
  assert.equal(holder.take(sampleTopology(2, [])), true);
  assert.equal(holder.take(sampleTopology(1, [])), false);
  assert.equal(holder.take(sampleTopology(2, ["other"])), false);
  assert.deepEqual(holder.current(), sampleTopology(2, []));
});

Deno.test("TopologyHolder.changed() wakes everybody who waits for less", async () => {
  const holder = new TopologyHolder(sampleTopology(4, []));
  assert.equal((await holder.changed(3, NEVER)).version, 4);
  const all = Promise.all([holder.changed(4, NEVER), holder.changed(4, NEVER)]);
  const later = holder.changed(5, NEVER);
  holder.take(sampleTopology(5, []));
  assert.deepEqual((await all).map(({ version }) => version), [5, 5]);
  holder.take(sampleTopology(9, []));
  assert.equal((await later).version, 9);
});

Deno.test("TopologyHolder.changed() ends with the signal", async () => {
  const holder = new TopologyHolder();
  const abort = new AbortController();
  const waiting = holder.changed(0, abort.signal);
  abort.abort();
  await assert.rejects(waiting, (error) => hasCode(error, "aborted"));
  await assert.rejects(holder.changed(0, abort.signal), (error) => hasCode(error, "aborted"));
});
