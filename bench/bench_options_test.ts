import assert from "node:assert/strict";
import { FULL_SIZES, labelOf, parseBenchOptions, TINY_SIZES } from "./bench_options.ts";

Deno.test("parseBenchOptions() collects what is repeated and tells no directories", () => {
  const options = parseBenchOptions(
    "--repository a/b.git --repository /c/d/ --only storm --tiny --json /x/y.json".split(" "),
  );
  assert.deepEqual(options.repositories, ["a/b.git", "/c/d/"]);
  assert.deepEqual(options.only, ["storm"]);
  assert.equal(options.json, "/x/y.json");
  assert.equal(
    options.command,
    "deno task bench --tiny --repository b.git --repository d.git --only storm",
  );
  assert.deepEqual(options.sizes, TINY_SIZES);
});

Deno.test("parseBenchOptions() changes sizes by name and refuses others", () => {
  assert.deepEqual(parseBenchOptions(["--set", "samples=7"]).sizes, { ...FULL_SIZES, samples: 7 });
  for (const wrong of ["sample=7", "samples", "samples=0", "samples=1.5", "samples=x"]) {
    assert.throws(() => parseBenchOptions(["--set", wrong]), /--set takes/);
  }
  assert.throws(() => parseBenchOptions(["--unknown"]));
});

Deno.test("labelOf() is the last part of a path", () => {
  assert.deepEqual(["/a/b.git", "b", "c.d/"].map(labelOf), ["b", "b", "c.d"]);
});
