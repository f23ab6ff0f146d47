import assert from "node:assert/strict";
import { git, gitText } from "../../tests/harness/git.ts";
import { practicePack } from "./practice_pack.ts";

Deno.test("practicePack() is a pack that git takes, most of it deltas", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await git(["init", "-q", "--bare", directory]);
    const file = `${directory}/objects/pack/practice.pack`;
    await Deno.writeFile(file, practicePack());
    await git(["-C", directory, "index-pack", "--strict", file]);
    const shown = await gitText(["-C", directory, "verify-pack", "-v", file]);
    const entries = shown.split("\n").filter((line) => /^[0-9a-f]{40} /.test(line));
    const deltas = entries.filter((line) => line.split(/\s+/).length === 7);
    assert(entries.length >= 600, `${entries.length}`);
    assert(deltas.length >= entries.length / 2, `${deltas.length} of ${entries.length}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
