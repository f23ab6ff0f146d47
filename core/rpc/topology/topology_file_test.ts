import assert from "node:assert/strict";
import fc from "fast-check";
import { MemoryDisk } from "../../disk/memory_disk.ts";
import { anyTopology, sampleTopology } from "../testing/topology_samples.ts";
import { TopologyFile } from "./topology_file.ts";

Deno.test("TopologyFile.load() gives back what was saved last", () => {
  const disk = new MemoryDisk();
  assert.equal(new TopologyFile(disk).load(), undefined);
  fc.assert(
    fc.property(anyTopology(1), (topology) => {
      new TopologyFile(disk).save(topology);
      assert.deepEqual(new TopologyFile(disk).load(), topology);
    }),
    { numRuns: 30 },
  );
});

Deno.test("TopologyFile.load() trusts nothing that is damaged", () => {
  const disk = new MemoryDisk();
  const topologyFile = new TopologyFile(disk);
  topologyFile.save(sampleTopology(3, ["a"]));
  const file = disk.open("topology.json", { write: true });
  const length = file.size();
  const flip = fc.nat(length - 1);
  fc.assert(fc.property(flip, fc.integer({ min: 1, max: 255 }), (at, by) => {
    const byte = new Uint8Array(1);
    file.readAt(byte, at);
    file.writeAt(Uint8Array.of(byte[0]! ^ by), at);
    assert.equal(topologyFile.load(), undefined);
    file.writeAt(byte, at);
  }));
  for (const bytes of [0, 10, 65, length - 1]) {
    file.truncate(bytes);
    assert.equal(topologyFile.load(), undefined);
  }
  file.close();
});
