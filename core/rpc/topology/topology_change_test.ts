import assert from "node:assert/strict";
import fc from "fast-check";
import { anyTopology, sampleTopology } from "../testing/topology_samples.ts";
import { applyTopologyChange, topologyChange, topologyLineSchema } from "./topology_change.ts";

Deno.test("applyTopologyChange() makes what topologyChange() compared, over the wire too", () => {
  fc.assert(
    fc.property(anyTopology(3), anyTopology(7), (before, after) => {
      const change = topologyChange(before, after);
      if (change === undefined) {
        assert.ok(before.rings !== undefined && after.rings === undefined);
        return;
      }
      const line = topologyLineSchema.parse(
        JSON.parse(JSON.stringify({ kind: "change", ...change })),
      );
      assert.ok(line.kind === "change");
      assert.deepEqual(applyTopologyChange(before, line), after);
    }),
    { numRuns: 300 },
  );
});

Deno.test("topologyChange() tells only what differs", () => {
  const before = sampleTopology(1, ["a", "b"]);
  const after = sampleTopology(2, ["b", "c"]);
  const change = topologyChange(before, after)!;
  assert.deepEqual(change.nodes.map(({ id }) => id), ["c"]);
  assert.deepEqual(change.removed, ["a"]);
  assert.deepEqual(change.partitions, []);
  assert.equal("ring" in change || "rings" in change, false);
});

Deno.test("topologyChange() leaves it to whole topologies to tell another release level", () => {
  const [before, after] = [sampleTopology(1, ["a"]), sampleTopology(2, ["a"])];
  assert.equal(topologyChange(before, { ...after, level: 2 }), undefined);
  const change = topologyChange({ ...before, level: 2 }, { ...after, level: 2 })!;
  assert.equal(applyTopologyChange({ ...before, level: 2 }, change)?.level, 2);
});

Deno.test("applyTopologyChange() refuses a change of another version or of unknown partitions", () => {
  const before = sampleTopology(1, ["a"]);
  const change = topologyChange(before, sampleTopology(2, ["a", "b"]))!;
  assert.equal(applyTopologyChange(sampleTopology(3, ["a"]), change), undefined);
  assert.equal(applyTopologyChange(before, { ...change, version: 1 }), undefined);
  const beyond = [[256, { primary: null, followers: [] }]] as const;
  assert.equal(applyTopologyChange(before, { ...change, partitions: beyond }), undefined);
});

Deno.test("topologyLineSchema refuses lines of other shapes and bears unknown members", () => {
  const fits = (value: unknown) => topologyLineSchema.safeParse(value).success;
  assert.ok(fits({ kind: "alive", version: 3, later: "more" }));
  assert.ok(!fits({ kind: "alive", version: -1 }));
  assert.ok(!fits({ kind: "dead", version: 1 }));
  assert.ok(!fits({ kind: "whole", topology: { version: 1 } }));
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    fits(value);
    fits({ kind: "change", ...Object(value) });
  }));
});
