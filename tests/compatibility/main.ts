/**
 * Writes the shapes of this release down for the next one (`deno task shapes`): run once, at the last
 * commit of a release.
 *
 * @module
 */

import { releaseShapes, releaseText } from "./release_shapes.ts";
import { SHAPES } from "./shapes/mod.ts";

if (import.meta.main) {
  const file = new URL("testdata/earlier_release.jsonl", import.meta.url);
  await Deno.writeTextFile(file, releaseText(releaseShapes(SHAPES)));
}
