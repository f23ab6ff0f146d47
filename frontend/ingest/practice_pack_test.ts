import assert from "node:assert/strict";
import { practicePack } from "./practice_pack.ts";
import { GitSource } from "./testing/git_source.ts";

Deno.test("practicePack() is a pack that git takes, most of it deltas", async () => {
  await using source = await GitSource.create();
  const file = `${source.path}/objects/pack/practice.pack`;
  await Deno.writeFile(file, practicePack());
  await source.run(["index-pack", "--strict", file]);
  const shown = await source.text(["verify-pack", "-v", file]);
  const entries = shown.split("\n").filter((line) => /^[0-9a-f]{40} /.test(line));
  const deltas = entries.filter((line) => line.split(/\s+/).length === 7);
  assert(entries.length >= 600, `${entries.length}`);
  assert(deltas.length >= entries.length / 2, `${deltas.length} of ${entries.length}`);
});
