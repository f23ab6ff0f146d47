import assert from "node:assert/strict";
import { IngestBench } from "./testing/ingest_bench.ts";
import { packOf, text, whole } from "./testing/pack_maker.ts";

for (const objectCount of [1, 2000]) {
  Deno.test(`PackIngest.ingest() stores ${objectCount} objects while the network is asked what it knows`, async () => {
    using bench = new IngestBench();
    const { network } = bench;
    const asked = Promise.withResolvers<void>();
    const written = Promise.withResolvers<void>();
    const known = network.known.bind(network);
    network.known = async (key, oids) => {
      asked.resolve();
      await written.promise;
      return await known(key, oids);
    };
    const write = network.extents.write.bind(network.extents);
    network.extents.write = async (owner, extents) => {
      // Each waits for the other to have begun: one after the other would never end.
      await asked.promise;
      await write(owner, extents);
      written.resolve();
    };
    const objects = Array.from(
      { length: objectCount },
      (_, index) => whole("blob", text(`${index}`)),
    );
    const { group } = await bench.take(packOf(objects));
    assert.equal(group?.contentCount, objectCount);
  });
}

Deno.test("PackIngest.ingest() takes a small pack back when the network can not be asked", async () => {
  using bench = new IngestBench();
  const lost = new Error("Nobody answers");
  bench.network.known = () => Promise.reject(lost);
  await assert.rejects(bench.take(packOf([whole("blob", text("small"))])), lost);
  assert.equal(bench.network.extents.count, 0);
  assert.deepEqual(bench.leftovers(), []);
});
